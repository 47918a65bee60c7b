//! Element by element, sixteen at a time; what is left over goes through the plain loops.

use super::decode::decode;
use super::sink::{Rounder, clamp};
use super::vector::{load_f32, load_u8, store_f32, store_u8};
use crate::elementwise::Elementwise;
use crate::packed_f32::PackedForF32;
use crate::scalar::{self, elementwise::repeat};
use bitdial_numerics::ActivationParams;
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_div, f32x4_eq, f32x4_extract_lane, f32x4_mul, f32x4_pmax, f32x4_pmin, f32x4_splat, i16x8_splat,
    i16x8_sub, i32x4_extend_high_i16x8, i32x4_extend_low_i16x8, i32x4_mul, u16x8_extend_high_u8x16, u16x8_extend_low_u8x16, v128, v128_and,
    v128_bitselect,
};

/// The kernels of this file; the rest are the plain ones, which the compiler vectorizes.
pub(crate) struct Simd;

/// Sixteen integers less a zero point, as i32.
#[inline(always)]
fn widen(q: &[u8; 16], zero_point: v128) -> [v128; 4] {
    let q = load_u8(q);
    let low = i16x8_sub(u16x8_extend_low_u8x16(q), zero_point);
    let high = i16x8_sub(u16x8_extend_high_u8x16(q), zero_point);
    [i32x4_extend_low_i16x8(low), i32x4_extend_high_i16x8(low), i32x4_extend_low_i16x8(high), i32x4_extend_high_i16x8(high)]
}

/// Sixteen rounded values.
#[inline(always)]
fn round(rounder: Rounder, x: [v128; 4], out: &mut [u8; 16]) {
    let [a, b, c, d] = x;
    store_u8(out, rounder.finish([rounder.round8([a, b]), rounder.round8([c, d])]));
}

fn rounder(grid: &ActivationParams) -> Rounder {
    Rounder::new(grid.zero_point, grid.low, grid.high)
}

fn zero(grid: &ActivationParams) -> v128 {
    i16x8_splat(i16::from(grid.zero_point))
}

/// Calls `f(four of a, four of b, four of out)` as long as there are four, and returns what is left.
fn fours<'a>(
    (a, b): (&'a [f32], &'a [f32]),
    out: &'a mut [f32],
    mut f: impl FnMut(v128, v128) -> v128,
) -> (&'a [f32], &'a [f32], &'a mut [f32]) {
    let ((a, a_rest), (b, b_rest), (out, out_rest)) = (a.as_chunks(), b.as_chunks(), out.as_chunks_mut());
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        store_f32(out, f(load_f32(a), load_f32(b)));
    }
    (a_rest, b_rest, out_rest)
}

impl Elementwise for Simd {
    fn quantize(&self, x: &[f32], grid: &ActivationParams, out: &mut [u8]) {
        let len = x.len().min(out.len());
        let ((x, x_rest), (out, out_rest)) = (x[..len].as_chunks::<16>(), out[..len].as_chunks_mut::<16>());
        let (rounder, scale) = (rounder(grid), f32x4_splat(grid.scale));
        for (x, out) in x.iter().zip(out) {
            let (x, _) = x.as_chunks();
            let x = [0, 1, 2, 3].map(|i| {
                let x = f32x4_div(load_f32(&x[i]), scale);
                // NaN becomes 0.
                v128_and(x, f32x4_eq(x, x))
            });
            round(rounder, x, out);
        }
        scalar::quantize(x_rest, grid, out_rest);
    }

    fn dequantize(&self, x: &[u8], grid: &ActivationParams, out: &mut [f32]) {
        let len = x.len().min(out.len());
        let ((x, x_rest), (out, out_rest)) = (x[..len].as_chunks::<16>(), out[..len].as_chunks_mut::<16>());
        let (zero, scale) = (zero(grid), f32x4_splat(grid.scale));
        for (x, out) in x.iter().zip(out) {
            let (out, _) = out.as_chunks_mut();
            for (x, out) in widen(x, zero).into_iter().zip(out) {
                store_f32(out, f32x4_mul(scale, f32x4_convert_i32x4(x)));
            }
        }
        scalar::dequantize(x_rest, grid, out_rest);
    }

    fn decode(&self, weights: &PackedForF32, out: &mut [f32]) {
        decode(weights, out);
    }

    fn range(&self, x: &[f32]) -> (f32, f32) {
        let (x, rest) = x.as_chunks::<4>();
        let (mut min, mut max) = (f32x4_splat(f32::INFINITY), f32x4_splat(f32::NEG_INFINITY));
        for x in x {
            // NaN is replaced first: with relaxed SIMD, LLVM 22 makes instructions of these two for which it may win.
            let x = load_f32(x);
            let number = f32x4_eq(x, x);
            min = f32x4_pmin(min, v128_bitselect(x, f32x4_splat(f32::INFINITY), number));
            max = f32x4_pmax(max, v128_bitselect(x, f32x4_splat(f32::NEG_INFINITY), number));
        }
        let lanes = |v| [f32x4_extract_lane::<0>(v), f32x4_extract_lane::<1>(v), f32x4_extract_lane::<2>(v), f32x4_extract_lane::<3>(v)];
        let (min, max, rest) = (scalar::range(&lanes(min)), scalar::range(&lanes(max)), scalar::range(rest));
        (min.0.min(rest.0), max.1.max(rest.1))
    }

    fn add_u8(&self, a: (&[u8], &ActivationParams), b: (&[u8], &ActivationParams), grid: &ActivationParams, out: &mut [u8]) {
        let (zeros, rounder) = ([zero(a.1), zero(b.1)], rounder(grid));
        let factors = [f32x4_splat(a.1.scale / grid.scale), f32x4_splat(b.1.scale / grid.scale)];
        repeat(a.0, b.0, out, |xs, ys, out| {
            let ((x, x_rest), (y, y_rest), (out, out_rest)) = (xs.as_chunks(), ys.as_chunks(), out.as_chunks_mut());
            for ((x, y), out) in x.iter().zip(y).zip(out) {
                let (x, y) = (widen(x, zeros[0]), widen(y, zeros[1]));
                let sum = |i: usize| {
                    let (x, y) = (f32x4_convert_i32x4(x[i]), f32x4_convert_i32x4(y[i]));
                    f32x4_add(f32x4_mul(x, factors[0]), f32x4_mul(y, factors[1]))
                };
                round(rounder, [sum(0), sum(1), sum(2), sum(3)], out);
            }
            scalar::add_u8((x_rest, a.1), (y_rest, b.1), grid, out_rest);
        });
    }

    fn mul_u8(&self, a: (&[u8], &ActivationParams), b: (&[u8], &ActivationParams), grid: &ActivationParams, out: &mut [u8]) {
        let (zeros, rounder) = ([zero(a.1), zero(b.1)], rounder(grid));
        let factor = f32x4_splat(a.1.scale * b.1.scale / grid.scale);
        repeat(a.0, b.0, out, |xs, ys, out| {
            let ((x, x_rest), (y, y_rest), (out, out_rest)) = (xs.as_chunks(), ys.as_chunks(), out.as_chunks_mut());
            for ((x, y), out) in x.iter().zip(y).zip(out) {
                let (x, y) = (widen(x, zeros[0]), widen(y, zeros[1]));
                let product = |i: usize| f32x4_mul(f32x4_convert_i32x4(i32x4_mul(x[i], y[i])), factor);
                round(rounder, [product(0), product(1), product(2), product(3)], out);
            }
            scalar::mul_u8((x_rest, a.1), (y_rest, b.1), grid, out_rest);
        });
    }

    fn add_f32(&self, a: &[f32], b: &[f32], low: f32, high: f32, out: &mut [f32]) {
        let interval = [f32x4_splat(low), f32x4_splat(high)];
        repeat(a, b, out, |a, b, out| {
            let (a, b, out) = fours((a, b), out, |a, b| clamp(f32x4_add(a, b), interval));
            scalar::add_f32(a, b, low, high, out);
        });
    }

    fn mul_f32(&self, a: &[f32], b: &[f32], low: f32, high: f32, out: &mut [f32]) {
        let interval = [f32x4_splat(low), f32x4_splat(high)];
        repeat(a, b, out, |a, b, out| {
            let (a, b, out) = fours((a, b), out, |a, b| clamp(f32x4_mul(a, b), interval));
            scalar::mul_f32(a, b, low, high, out);
        });
    }

    fn clamp_f32(&self, x: &[f32], low: f32, high: f32, out: &mut [f32]) {
        let interval = [f32x4_splat(low), f32x4_splat(high)];
        let len = x.len().min(out.len());
        let (x, _, out) = fours((&x[..len], &x[..len]), &mut out[..len], |x, _| clamp(x, interval));
        scalar::clamp_f32(x, low, high, out);
    }

    fn affine_f32(&self, x: &[f32], factor: &[f32], offset: &[f32], low: f32, high: f32, out: &mut [f32]) {
        let interval = [f32x4_splat(low), f32x4_splat(high)];
        let offset = &offset[..factor.len()];
        repeat(x, factor, out, |x, factor, out| {
            let mut at = 0;
            let (offsets, offset_rest) = offset.as_chunks();
            let (x, factor, out) = fours((x, factor), out, |x, factor| {
                at += 1;
                clamp(f32x4_add(f32x4_mul(x, factor), load_f32(&offsets[at - 1])), interval)
            });
            scalar::affine_f32(x, factor, offset_rest, low, high, out);
        });
    }
}
