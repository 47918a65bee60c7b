//! Where a tile's results lie in memory, and how they get there.

use super::sink::Rounder;
use super::tile::Sums;
use super::vector::{load_f32, store_f32, store_u8};
use crate::panels::{Block, CHANNELS};
use core::arch::wasm32::{i16x8_load_extend_u8x8, v128, v128_store, v128_store64_lane};
use std::ops::Range;

/// Where the channels of a block go, pixel by pixel.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// First element of the first pixel.
    first: usize,
    /// From one pixel to the next.
    stride: usize,
    /// Channels, at most [`CHANNELS`].
    count: usize,
}

impl Place {
    #[inline(always)]
    pub fn new(pixel: usize, channels: usize, block: Block) -> Self {
        Self { first: pixel * channels + block.channel, stride: channels, count: block.count }
    }

    /// The elements that `M` pixels reach over.
    #[inline(always)]
    fn reach<const M: usize>(self) -> Range<usize> {
        self.first..self.first + (M - 1) * self.stride + self.count
    }

    /// Whether these are eight channels.
    #[inline(always)]
    pub fn is_whole(self) -> bool {
        self.count == CHANNELS
    }

    /// The pixel `i` further on.
    #[inline(always)]
    pub fn pixel(self, i: usize) -> Self {
        Self { first: self.first + i * self.stride, ..self }
    }

    /// The channels of the first pixel.
    #[inline(always)]
    pub fn channels<T>(self, x: &[T]) -> &[T] {
        &x[self.reach::<1>()]
    }

    /// Eight channels of `M` pixels as i16; after `count` of them zeros.
    #[inline(always)]
    pub fn load_u8<const M: usize>(self, x: &[u8]) -> [v128; M] {
        // One check for all pixels.
        let x = &x[self.reach::<M>()];
        std::array::from_fn(|i| {
            if self.count == CHANNELS {
                // SAFETY: the part reaches to eight bytes after the last start.
                return unsafe { i16x8_load_extend_u8x8(x.as_ptr().add(i * self.stride)) };
            }
            let mut all = [0; CHANNELS];
            all[..self.count].copy_from_slice(&x[i * self.stride..][..self.count]);
            // SAFETY: these are eight bytes.
            unsafe { i16x8_load_extend_u8x8(all.as_ptr()) }
        })
    }

    /// Eight channels of the first pixel; after `count` of them zeros.
    #[inline(always)]
    pub fn load_f32(self, x: &[f32]) -> [v128; 2] {
        let (x, mut all) = (self.channels(x), [0.0; CHANNELS]);
        let whole = x.first_chunk::<CHANNELS>().unwrap_or_else(|| {
            all[..x.len()].copy_from_slice(x);
            &all
        });
        let (halves, _) = whole.as_chunks();
        [load_f32(&halves[0]), load_f32(&halves[1])]
    }
}

/// Stores eight (or `at.count`) channels of `M` pixels, which `rounder` has still to finish.
#[inline(always)]
pub(super) fn put_u8<const M: usize>(out: &mut [u8], at: Place, rounder: Rounder, q: [v128; M]) {
    // One check for all pixels.
    let out = &mut out[at.reach::<M>()];
    if at.count == CHANNELS {
        // Two pixels at a time; the last of an odd number goes twice.
        for i in (0..M).step_by(2) {
            let next = if i + 1 < M { i + 1 } else { i };
            let bytes = rounder.finish([q[i], q[next]]);
            // SAFETY: the part reaches to eight bytes after the last start.
            unsafe {
                v128_store64_lane::<0>(bytes, out.as_mut_ptr().add(i * at.stride).cast());
                if next > i {
                    v128_store64_lane::<1>(bytes, out.as_mut_ptr().add(next * at.stride).cast());
                }
            }
        }
    } else {
        for (i, q) in q.into_iter().enumerate() {
            let mut all = [0; 16];
            store_u8(&mut all, rounder.finish([q, q]));
            out[i * at.stride..][..at.count].copy_from_slice(&all[..at.count]);
        }
    }
}

/// Stores eight (or `at.count`) channels of `M` pixels.
#[inline(always)]
pub(super) fn put_f32<const M: usize>(out: &mut [f32], at: Place, y: Sums<M>) {
    let out = &mut out[at.reach::<M>()];
    if at.count == CHANNELS {
        for (i, y) in y.into_iter().enumerate() {
            // SAFETY: the part reaches to eight floats after the last start.
            unsafe {
                let to = out.as_mut_ptr().add(i * at.stride);
                v128_store(to.cast(), y[0]);
                v128_store(to.add(4).cast(), y[1]);
            }
        }
    } else {
        for (i, y) in y.into_iter().enumerate() {
            let mut all = [[0.0; 4]; 2];
            store_f32(&mut all[0], y[0]);
            store_f32(&mut all[1], y[1]);
            out[i * at.stride..][..at.count].copy_from_slice(&all.as_flattened()[..at.count]);
        }
    }
}
