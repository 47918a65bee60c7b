//! Element by element: quantization, sums, products, clamps, tables.

use super::store::{clamp, requantize};
use bitdial_numerics::ActivationParams;

/// See [`crate::Elementwise::quantize`].
pub(crate) fn quantize(x: &[f32], grid: &ActivationParams, out: &mut [u8]) {
    for (q, &x) in out.iter_mut().zip(x) {
        let x = x / grid.scale;
        *q = requantize(if x.is_nan() { 0.0 } else { x }, grid.zero_point, grid.low, grid.high);
    }
}

/// See [`crate::Elementwise::dequantize`].
pub(crate) fn dequantize(x: &[u8], grid: &ActivationParams, out: &mut [f32]) {
    for (y, &q) in out.iter_mut().zip(x) {
        *y = grid.dequantize(q);
    }
}

/// See [`crate::Elementwise::range`].
pub(crate) fn range(x: &[f32]) -> (f32, f32) {
    let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
    for &x in x {
        min = if x < min { x } else { min };
        max = if x > max { x } else { max };
    }
    (min + 0.0, max + 0.0)
}

/// See [`crate::Elementwise::lookup`].
pub(crate) fn lookup(x: &[u8], table: &[u8; 256], out: &mut [u8]) {
    for (y, &x) in out.iter_mut().zip(x) {
        *y = table[usize::from(x)];
    }
}

/// Calls `f(a part, b, out part)` for each repetition of `b`.
pub(crate) fn repeat<A, B, C>(a: &[A], b: &[B], out: &mut [C], mut f: impl FnMut(&[A], &[B], &mut [C])) {
    if b.is_empty() {
        return;
    }
    for (a, out) in a.chunks(b.len()).zip(out.chunks_mut(b.len())) {
        f(a, b, out);
    }
}

/// See [`crate::Elementwise::add_u8`].
pub(crate) fn add_u8(a: (&[u8], &ActivationParams), b: (&[u8], &ActivationParams), grid: &ActivationParams, out: &mut [u8]) {
    let (a_factor, b_factor) = (a.1.scale / grid.scale, b.1.scale / grid.scale);
    let (a_zero, b_zero) = (i16::from(a.1.zero_point), i16::from(b.1.zero_point));
    repeat(a.0, b.0, out, |a, b, out| {
        for ((q, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let x = f32::from(i16::from(a) - a_zero) * a_factor + f32::from(i16::from(b) - b_zero) * b_factor;
            *q = requantize(x, grid.zero_point, grid.low, grid.high);
        }
    });
}

/// See [`crate::Elementwise::mul_u8`].
pub(crate) fn mul_u8(a: (&[u8], &ActivationParams), b: (&[u8], &ActivationParams), grid: &ActivationParams, out: &mut [u8]) {
    let factor = a.1.scale * b.1.scale / grid.scale;
    let (a_zero, b_zero) = (i32::from(a.1.zero_point), i32::from(b.1.zero_point));
    repeat(a.0, b.0, out, |a, b, out| {
        for ((q, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let x = ((i32::from(a) - a_zero) * (i32::from(b) - b_zero)) as f32 * factor;
            *q = requantize(x, grid.zero_point, grid.low, grid.high);
        }
    });
}

/// See [`crate::Elementwise::add_f32`].
pub(crate) fn add_f32(a: &[f32], b: &[f32], low: f32, high: f32, out: &mut [f32]) {
    repeat(a, b, out, |a, b, out| {
        for ((y, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *y = clamp(a + b, low, high);
        }
    });
}

/// See [`crate::Elementwise::mul_f32`].
pub(crate) fn mul_f32(a: &[f32], b: &[f32], low: f32, high: f32, out: &mut [f32]) {
    repeat(a, b, out, |a, b, out| {
        for ((y, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *y = clamp(a * b, low, high);
        }
    });
}

/// See [`crate::Elementwise::clamp_f32`].
pub(crate) fn clamp_f32(x: &[f32], low: f32, high: f32, out: &mut [f32]) {
    for (y, &x) in out.iter_mut().zip(x) {
        *y = clamp(x, low, high);
    }
}

/// See [`crate::Elementwise::affine_f32`].
pub(crate) fn affine_f32(x: &[f32], factor: &[f32], offset: &[f32], low: f32, high: f32, out: &mut [f32]) {
    repeat(x, factor, out, |x, factor, out| {
        for (((y, &x), &f), &o) in out.iter_mut().zip(x).zip(factor).zip(offset) {
            *y = clamp(x * f + o, low, high);
        }
    });
}
