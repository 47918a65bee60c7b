//! Residual sums and ranges: what else is done to the results of a convolution on their way to memory.

use super::place::{Place, put_f32, put_u8};
use super::sink::{ROUND, Rounder, clamp};
use super::vector::{load_f32, store_f32};
use crate::sums::{Extremes, F32Sum, F32Tail, U8Sum};
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_eq, f32x4_mul, f32x4_pmax, f32x4_pmin, f32x4_splat, f32x4_sub, i16x8_splat, i16x8_sub,
    i32x4_extend_high_i16x8, i32x4_extend_low_i16x8, v128, v128_bitselect,
};
use std::cell::Cell;

/// Adds another value on a grid to results, on the way to memory.
pub(super) struct U8Adder<'a> {
    other: &'a [u8],
    /// Zero point of the other.
    zero: v128,
    /// Of the result and of the other.
    factors: [v128; 2],
    /// The ends of the result's own grid, from its zero point.
    own: [v128; 2],
    rounder: Rounder,
}

impl<'a> U8Adder<'a> {
    /// For results on a grid with these ends.
    pub fn new(add: &U8Sum<'a>, zero_point: u8, low: u8, high: u8) -> Self {
        let (other, grid) = add.other;
        Self {
            other,
            zero: i16x8_splat(i16::from(grid.zero_point)),
            factors: add.factors().map(|factor| f32x4_splat(factor)),
            own: [low, high].map(|end| f32x4_splat(f32::from(end) - f32::from(zero_point))),
            rounder: Rounder::new(add.grid.zero_point, add.grid.low, add.grid.high),
        }
    }

    /// Rounds scaled sums, adds, stores. Not inlined: one copy for each number of pixels serves all kernels. (With one copy
    /// for any number, a residual layer as a whole is 3 % slower.)
    #[inline(never)]
    pub fn put<const M: usize>(&self, out: &mut [u8], at: Place, scaled: &[[v128; 2]; M]) {
        let other = at.load_u8::<M>(self.other);
        let sum = |i: usize| {
            let other = i16x8_sub(other[i], self.zero);
            let other = [i32x4_extend_low_i16x8(other), i32x4_extend_high_i16x8(other)];
            self.rounder.round8([0, 1].map(|half| {
                let other = f32x4_mul(f32x4_convert_i32x4(other[half]), self.factors[1]);
                let own = f32x4_add(clamp(scaled[i][half], self.own), f32x4_splat(ROUND));
                f32x4_add(f32x4_mul(f32x4_sub(own, f32x4_splat(ROUND)), self.factors[0]), other)
            }))
        };
        put_u8(out, at, self.rounder, std::array::from_fn::<_, M, _>(sum));
    }
}

/// What else is done to f32 results on their way to memory.
pub(super) struct F32Rest<'a> {
    add: Option<F32Sum<'a>>,
    range: Option<&'a Cell<Extremes>>,
}

impl<'a> F32Rest<'a> {
    /// `None` where nothing is done.
    pub fn of(tail: &F32Tail<'a>) -> Option<Self> {
        (tail.add.is_some() || tail.range.is_some()).then_some(Self { add: tail.add, range: tail.range })
    }

    /// Does it to the results of some pixels and stores them. One copy of it serves all kernels.
    #[inline(never)]
    pub fn put(&self, out: &mut [f32], at: Place, y: &[[v128; 2]]) {
        let mut extremes = self.range.map(Cell::get);
        for (i, &y) in y.iter().enumerate() {
            let (at, mut y) = (at.pixel(i), y);
            if let Some(F32Sum { other, low, high }) = self.add {
                let (other, interval) = (at.load_f32(other), [f32x4_splat(low), f32x4_splat(high)]);
                y = [0, 1].map(|half| clamp(f32x4_add(y[half], other[half]), interval));
            }
            put_f32(out, at, [y]);
            if let Some(extremes) = &mut extremes {
                look(extremes, out, at, y);
            }
        }
        if let (Some(range), Some(extremes)) = (self.range, extremes) {
            range.set(extremes);
        }
    }
}

/// Takes the range of a pixel, which is stored.
#[inline(always)]
fn look(extremes: &mut Extremes, out: &[f32], at: Place, y: [v128; 2]) {
    if !at.is_whole() {
        // The lanes beyond the last channel hold no results.
        return at.channels(out).iter().for_each(|&y| extremes.take(y));
    }
    let (mut min, mut max) = (load_f32(&extremes.min), load_f32(&extremes.max));
    for y in y {
        // NaN is replaced first, as in `Elementwise::range`.
        let number = f32x4_eq(y, y);
        min = f32x4_pmin(min, v128_bitselect(y, f32x4_splat(f32::INFINITY), number));
        max = f32x4_pmax(max, v128_bitselect(y, f32x4_splat(f32::NEG_INFINITY), number));
    }
    store_f32(&mut extremes.min, min);
    store_f32(&mut extremes.max, max);
}
