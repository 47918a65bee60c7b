//! Compiles a graph to a plan and runs it on the kernels.
