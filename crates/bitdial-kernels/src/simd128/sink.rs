//! The last step of a convolution, eight sums at a time: requantize or rescale, clamp, store.

use super::adder::{F32Rest, U8Adder};
use super::depthwise::{Pixel, Sink};
use super::place::{Place, put_f32, put_u8};
use super::tile::Sums;
use super::vector::{load_f32, load_i32};
use crate::api::{F32Store, I32Store};
use crate::panels::{Block, CHANNELS};
use crate::scratch::{Scratch, bytes_of};
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_pmax, f32x4_pmin, f32x4_splat, i16x8_narrow_i32x4, i32x4_add, i32x4_splat, u8x16_min,
    u8x16_narrow_i16x8, u8x16_splat, v128,
};

/// 1.5 * 2^23: adding it leaves no bits for a fraction, so the sum is rounded to an integer, ties to even.
pub(super) const ROUND: f32 = 12_582_912.0;

/// `x`, or the end of the interval that it is beyond.
#[inline(always)]
pub(crate) fn clamp(x: v128, [low, high]: [v128; 2]) -> v128 {
    f32x4_pmin(f32x4_pmax(x, low), high)
}

/// Rounding to an 8-bit grid.
#[derive(Clone, Copy)]
pub(crate) struct Rounder {
    low: v128,
    shift: v128,
    high: v128,
}

impl Rounder {
    pub fn new(zero_point: u8, low: u8, high: u8) -> Self {
        Self {
            low: f32x4_splat(f32::from(low) - f32::from(zero_point)),
            shift: i32x4_splat(i32::from(zero_point) - ROUND.to_bits() as i32),
            high: u8x16_splat(high),
        }
    }

    /// `round_ties_even(max(x, low - zero_point)) + zero_point` as i32, as far as that is at most 255: what is above
    /// stays above, because numbers too large for the trick have greater bits than those that are not.
    #[inline(always)]
    fn round(self, x: v128) -> v128 {
        i32x4_add(f32x4_add(f32x4_pmax(x, self.low), f32x4_splat(ROUND)), self.shift)
    }

    /// The same of eight, as i16.
    #[inline(always)]
    pub fn round8(self, x: [v128; 2]) -> v128 {
        i16x8_narrow_i32x4(self.round(x[0]), self.round(x[1]))
    }

    /// Sixteen of those: `round_ties_even(clamp(x, low - zero_point, high - zero_point)) + zero_point`.
    #[inline(always)]
    pub fn finish(self, q: [v128; 2]) -> v128 {
        u8x16_min(u8x16_narrow_i16x8(q[0], q[1]), self.high)
    }
}

/// Per-channel constants filled up to whole blocks, and where results go.
pub(crate) struct IntSink<'a, 'b> {
    /// Added to sums.
    base: &'a [i32],
    scales: &'a [f32],
    bias: &'a [f32],
    out: IntOut<'b>,
    channels: usize,
}

enum IntOut<'a> {
    U8(Rounder, &'a mut [u8]),
    U8Sum(U8Adder<'a>, &'a mut [u8]),
    F32([v128; 2], Option<F32Rest<'a>>, &'a mut [f32]),
}

/// The constants of a block.
pub(crate) struct IntLanes {
    /// What sums start from.
    pub base: [v128; 2],
    scales: [v128; 2],
    bias: [v128; 2],
    block: Block,
}

impl<'a, 'b> IntSink<'a, 'b> {
    /// Bytes of scratch that `new` takes for as many channels.
    pub fn scratch_len(padded_channels: usize) -> usize {
        bytes_of::<i32>(padded_channels) + 2 * bytes_of::<f32>(padded_channels)
    }

    /// A sink for `blocks`; `base(block, n)` is added to the sums of channel `n` of a block.
    pub fn new<'s>(
        blocks: impl ExactSizeIterator<Item = Block>,
        base: impl Fn(&Block, usize) -> i32,
        store: &'b mut I32Store<'s>,
        channels: usize,
        scratch: &mut Scratch<'a>,
    ) -> Self
    where
        's: 'b,
    {
        let padded = blocks.len() * CHANNELS;
        let (bases, scales, biases) = (scratch.take(padded), scratch.take(padded), scratch.take(padded));
        bases.fill(0);
        scales.fill(0.0);
        biases.fill(0.0);
        for block in blocks {
            let (from, to) = (block.channel..block.channel + block.count, block.index * CHANNELS..block.index * CHANNELS + block.count);
            for (n, value) in bases[to.clone()].iter_mut().enumerate() {
                *value = base(&block, n);
            }
            match store {
                I32Store::U8 { multipliers, .. } => scales[to].copy_from_slice(&multipliers[from]),
                I32Store::F32 { scales: s, bias, .. } => {
                    scales[to.clone()].copy_from_slice(&s[from.clone()]);
                    biases[to].copy_from_slice(&bias[from]);
                }
            }
        }
        let out = match store {
            I32Store::U8 { zero_point, low, high, add: None, out, .. } => IntOut::U8(Rounder::new(*zero_point, *low, *high), out),
            I32Store::U8 { zero_point, low, high, add: Some(add), out, .. } => {
                IntOut::U8Sum(U8Adder::new(add, *zero_point, *low, *high), out)
            }
            I32Store::F32 { low, high, tail, out, .. } => IntOut::F32([f32x4_splat(*low), f32x4_splat(*high)], F32Rest::of(tail), out),
        };
        Self { base: bases, scales, bias: biases, out, channels }
    }

    /// The constants of a block.
    pub fn lanes(&self, block: Block) -> IntLanes {
        let at = block.index;
        let f32s = |x: &[f32]| [2 * at, 2 * at + 1].map(|i| load_f32(&x.as_chunks().0[i]));
        let base = [2 * at, 2 * at + 1].map(|i| load_i32(&self.base.as_chunks().0[i]));
        IntLanes { base, scales: f32s(self.scales), bias: f32s(self.bias), block }
    }

    /// Stores the sums of some neighbouring pixels, which started from the lanes' `base`.
    #[inline(always)]
    pub fn put<const M: usize>(&mut self, lanes: &IntLanes, pixel: usize, sums: Sums<M>) {
        let at = Place::new(pixel, self.channels, lanes.block);
        let scaled = sums.map(|sums| [0, 1].map(|i| f32x4_mul(f32x4_convert_i32x4(sums[i]), lanes.scales[i])));
        match &mut self.out {
            IntOut::U8(rounder, out) => put_u8(out, at, *rounder, scaled.map(|x| rounder.round8(x))),
            IntOut::U8Sum(adder, out) => adder.put(out, at, &scaled),
            IntOut::F32(interval, rest, out) => {
                let y = scaled.map(|x| [0, 1].map(|i| clamp(f32x4_add(x[i], lanes.bias[i]), *interval)));
                match rest {
                    None => put_f32(out, at, y),
                    Some(rest) => rest.put(out, at, &y),
                }
            }
        }
    }
}

/// Per-channel bias filled up to whole blocks, and where results go.
pub(crate) struct F32Sink<'a, 'b> {
    bias: &'a [f32],
    interval: [v128; 2],
    rest: Option<F32Rest<'b>>,
    out: &'b mut [f32],
    channels: usize,
}

impl<'a, 'b> F32Sink<'a, 'b> {
    /// Bytes of scratch that `new` takes for as many channels.
    pub fn scratch_len(padded_channels: usize) -> usize {
        bytes_of::<f32>(padded_channels)
    }

    /// A sink for `blocks`.
    pub fn new<'s>(
        blocks: impl ExactSizeIterator<Item = Block>,
        store: &'b mut F32Store<'s>,
        channels: usize,
        scratch: &mut Scratch<'a>,
    ) -> Self
    where
        's: 'b,
    {
        let bias = scratch.take(blocks.len() * CHANNELS);
        bias.fill(0.0);
        for block in blocks {
            bias[block.index * CHANNELS..][..block.count].copy_from_slice(&store.bias[block.channel..][..block.count]);
        }
        let interval = [f32x4_splat(store.low), f32x4_splat(store.high)];
        Self { bias, interval, rest: F32Rest::of(&store.tail), out: store.out, channels }
    }

    /// The bias of a block.
    pub fn lanes(&self, block: Block) -> [v128; 2] {
        [0, 1].map(|i| load_f32(&self.bias.as_chunks().0[2 * block.index + i]))
    }

    /// Stores the sums of some neighbouring pixels.
    #[inline(always)]
    pub fn put<const M: usize>(&mut self, block: Block, bias: [v128; 2], pixel: usize, sums: Sums<M>) {
        let y = sums.map(|sums| [0, 1].map(|i| clamp(f32x4_add(sums[i], bias[i]), self.interval)));
        let at = Place::new(pixel, self.channels, block);
        match &self.rest {
            None => put_f32(self.out, at, y),
            Some(rest) => rest.put(self.out, at, &y),
        }
    }
}

impl Sink for IntSink<'_, '_> {
    fn start(&self, block: Block) -> Pixel {
        self.lanes(block).base
    }

    fn row(&mut self, block: Block, pixel: usize, sums: &[Pixel]) {
        let lanes = self.lanes(block);
        let (fours, rest) = sums.as_chunks::<4>();
        for (i, &sums) in fours.iter().enumerate() {
            self.put(&lanes, pixel + 4 * i, sums);
        }
        for (i, &sums) in rest.iter().enumerate() {
            self.put(&lanes, pixel + 4 * fours.len() + i, [sums]);
        }
    }
}

impl Sink for F32Sink<'_, '_> {
    fn start(&self, _: Block) -> Pixel {
        [f32x4_splat(0.0); 2]
    }

    fn row(&mut self, block: Block, pixel: usize, sums: &[Pixel]) {
        let bias = self.lanes(block);
        let (fours, rest) = sums.as_chunks::<4>();
        for (i, &sums) in fours.iter().enumerate() {
            self.put(block, bias, pixel + 4 * i, sums);
        }
        for (i, &sums) in rest.iter().enumerate() {
            self.put(block, bias, pixel + 4 * fours.len() + i, [sums]);
        }
    }
}
