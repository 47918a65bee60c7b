//! Compute kernels: f32 and integer, scalar and SIMD; knows no graph.
