//! Everything that is not a convolution: one trait, whose defaults are the plain loops.

use crate::api::PoolShape;
use crate::packed_f32::{self, PackedForF32};
use crate::scalar;
use bitdial_numerics::ActivationParams;

/// Everything that is not a convolution, on contiguous slices.
///
/// All of it is exact: integers, or f32 operations in the order that is written here, each rounded. Equal are numbers,
/// not bits: 0.0 and -0.0 are the same, and unless it is said, NaN is not expected (with relaxed SIMD, LLVM 22 takes
/// an instruction for a clamp that differs in both from one machine to the other). An operand `b`
/// may be shorter than `a` if its length divides that of `a`: it repeats (one value per channel, or a scalar).
/// The activation of an integer result is in the `low` and `high` of its grid.
pub trait Elementwise: Sync {
    /// [`ActivationParams::quantize`] of each, NaN included.
    fn quantize(&self, x: &[f32], grid: &ActivationParams, out: &mut [u8]) {
        scalar::quantize(x, grid, out);
    }

    /// [`ActivationParams::dequantize`] of each.
    fn dequantize(&self, x: &[u8], grid: &ActivationParams, out: &mut [f32]) {
        scalar::dequantize(x, grid, out);
    }

    /// Smallest and largest number, NaN left out, -0.0 as 0.0; (infinity, -infinity) if there is none.
    fn range(&self, x: &[f32]) -> (f32, f32) {
        scalar::range(x)
    }

    /// `out = table[x]`.
    fn lookup(&self, x: &[u8], table: &[u8; 256], out: &mut [u8]) {
        scalar::lookup(x, table, out);
    }

    /// `(qa - za) * (sa / so) + (qb - zb) * (sb / so)`, clamped to the output's interval, rounded to even, plus `zo`.
    fn add_u8(&self, a: (&[u8], &ActivationParams), b: (&[u8], &ActivationParams), grid: &ActivationParams, out: &mut [u8]) {
        scalar::add_u8(a, b, grid, out);
    }

    /// `((qa - za) * (qb - zb)) * (sa * sb / so)`, clamped to the output's interval, rounded to even, plus `zo`.
    fn mul_u8(&self, a: (&[u8], &ActivationParams), b: (&[u8], &ActivationParams), grid: &ActivationParams, out: &mut [u8]) {
        scalar::mul_u8(a, b, grid, out);
    }

    /// `clamp(a + b, low, high)`.
    fn add_f32(&self, a: &[f32], b: &[f32], low: f32, high: f32, out: &mut [f32]) {
        scalar::add_f32(a, b, low, high, out);
    }

    /// `clamp(a * b, low, high)`.
    fn mul_f32(&self, a: &[f32], b: &[f32], low: f32, high: f32, out: &mut [f32]) {
        scalar::mul_f32(a, b, low, high, out);
    }

    /// `clamp(x, low, high)`.
    fn clamp_f32(&self, x: &[f32], low: f32, high: f32, out: &mut [f32]) {
        scalar::clamp_f32(x, low, high, out);
    }

    /// `clamp(x * factor[c] + offset[c], low, high)`, channels innermost.
    fn affine_f32(&self, x: &[f32], factor: &[f32], offset: &[f32], low: f32, high: f32, out: &mut [f32]) {
        scalar::affine_f32(x, factor, offset, low, high, out);
    }

    /// Largest of each window; 0 where a window misses the image.
    fn max_pool_u8(&self, shape: &PoolShape, x: &[u8], out: &mut [u8]) {
        scalar::max_pool_u8(shape, x, out);
    }

    /// Largest of each window; -infinity where a window misses the image.
    fn max_pool_f32(&self, shape: &PoolShape, x: &[f32], out: &mut [f32]) {
        scalar::max_pool_f32(shape, x, out);
    }

    /// `sum(q - z) * (s_in / (s_out * n))`, clamped to the output's interval, rounded to even, plus its zero point.
    fn average_pool_u8(&self, shape: &PoolShape, x: &[u8], x_grid: &ActivationParams, grid: &ActivationParams, out: &mut [u8]) {
        scalar::average_pool_u8(shape, x, x_grid, grid, out);
    }

    /// `clamp(sum / n, low, high)`, the sum row by row from +0.0.
    fn average_pool_f32(&self, shape: &PoolShape, x: &[f32], low: f32, high: f32, out: &mut [f32]) {
        scalar::average_pool_f32(shape, x, low, high, out);
    }

    /// Mean over the rows of `x`, each as long as `out`, as [`Elementwise::average_pool_u8`] does it.
    fn mean_u8(&self, x: &[u8], x_grid: &ActivationParams, grid: &ActivationParams, out: &mut [u8]) {
        scalar::mean_u8(x, x_grid, grid, out);
    }

    /// Mean over the rows of `x`, each as long as `out`, as [`Elementwise::average_pool_f32`] does it.
    fn mean_f32(&self, x: &[f32], low: f32, high: f32, out: &mut [f32]) {
        scalar::mean_f32(x, low, high, out);
    }

    /// [`bitdial_numerics::WeightParams::dequantize`] of each, in the order of the kernel that they were packed for.
    /// `out` is as long as they are. Billions a second in Chromium 156 on Zen 4, with SIMD: 7 of 8 bits, 5 of 4, 3 and 1;
    /// so 1x1 of 7x7, 320 to 1280 channels, makes 20 GMAC/s with 4-bit weights where f32 ones make 22, and larger images
    /// the same as f32.
    fn decode(&self, weights: &PackedForF32, out: &mut [f32]) {
        packed_f32::decode(weights, out);
    }
}
