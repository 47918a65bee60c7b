//! What one thread of the machine at hand does at best: the roofline that kernels are measured by.
//!
//! Arithmetic is timed on registers alone, with as many sums as the latency of an instruction hides behind, memory by
//! passes over buffers of three sizes.

use std::hint::black_box;

use crate::race::{race, stretch};

/// Sums that are independent of each other: five cycles of latency, two instructions a cycle. With both factors and a
/// product they fit 16 registers.
const SUMS: usize = 10;
/// Rounds of a run.
const ROUNDS: u32 = 1 << 12;
/// Bytes of the buffers: well within a first-level cache, within a second-level one, and larger than both.
const SIZES: [usize; 3] = [16 << 10, 256 << 10, 16 << 20];
/// Bytes that a run passes over at least.
const PASS: usize = 256 << 10;

/// Rates of this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peaks {
    /// Multiply-accumulates of 8-bit integers, GMAC/s: the best of the dot products that kernels use.
    pub dot: f64,
    /// Multiply-accumulates of f32, GMAC/s.
    pub float: f64,
    /// Multiply-accumulates of 1-bit weights and activations, by counting bits; GMAC/s.
    pub bits: f64,
    /// Rates of memory, smallest buffer first.
    pub memory: [Bandwidth; 3],
}

/// How fast a buffer is read and copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandwidth {
    /// Its size.
    pub bytes: usize,
    /// GB/s read.
    pub read: f64,
    /// GB/s read and written, together, when one half is copied to the other.
    pub copy: f64,
}

/// Stretches of each, the shortest of which counts: a peak must not be one of a machine that does something else.
const TRIES: u32 = 8;

/// Something that multiplies: multiply-accumulates of a round, and `ROUNDS` rounds.
type Arithmetic = (usize, fn());

/// Measures for some dozens of milliseconds; `now` is a clock in milliseconds. `None` if it is too coarse.
#[must_use]
pub fn peaks(now: &dyn Fn() -> f64) -> Option<Peaks> {
    let stretch = stretch(now)?;
    let rate = |units: f64, run: &mut dyn FnMut()| -> Option<f64> {
        let ms = race(&mut [Box::new(run)], TRIES, stretch, now, f64::INFINITY)?[0];
        // Units a millisecond are millions a second.
        Some(units / ms / 1e6)
    };
    let best = |arithmetics: &[Arithmetic]| {
        let rates = arithmetics.iter().map(|&(macs, run)| rate((macs * ROUNDS as usize) as f64, &mut { run }));
        rates.collect::<Option<Vec<f64>>>().map(|rates| rates.into_iter().fold(0.0, f64::max))
    };
    let mut buffer = vec![[1u64; 8]; SIZES[2] / 64];
    let mut memory = |bytes: usize| {
        let buffer = &mut buffer[..bytes / 64];
        let passes = (PASS / bytes).max(1);
        let units = (passes * bytes) as f64;
        let read = rate(units, &mut || (0..passes).for_each(|_| read(black_box(buffer))))?;
        let (from, to) = buffer.split_at_mut(bytes / 128);
        let copy = rate(units, &mut || (0..passes).for_each(|_| black_box(&mut *to).copy_from_slice(from)))?;
        Some(Bandwidth { bytes, read, copy })
    };
    let memory = [memory(SIZES[0])?, memory(SIZES[1])?, memory(SIZES[2])?];
    Some(Peaks { dot: best(DOTS)?, float: best(FLOATS)?, bits: best(BITS)?, memory })
}

/// Reads everything.
fn read(buffer: &[[u64; 8]]) {
    let mut sums = [0; 8];
    for line in buffer {
        for (sum, word) in sums.iter_mut().zip(line) {
            *sum ^= word;
        }
    }
    black_box(sums);
}

/// Repeats `step` on all sums. What is multiplied must be the sum, lest the product is taken out of the loop.
#[inline(always)]
fn rounds<T: Copy>(start: T, step: impl Fn(T) -> T) {
    let mut sums = black_box([start; SUMS]);
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = step(*sum);
        }
    }
    black_box(sums);
}

#[cfg(target_feature = "simd128")]
mod simd {
    use core::arch::wasm32::{
        f32x4_add, f32x4_mul, f32x4_splat, i8x16_add, i8x16_popcnt, i16x8_splat, i32x4_add, i32x4_dot_i16x8, i32x4_splat, v128_xor,
    };
    use std::hint::black_box;

    use super::{SUMS, rounds};

    pub const DOT16: super::Arithmetic = (8 * SUMS, || {
        let (a, b) = black_box((i16x8_splat(3), i32x4_splat(1)));
        rounds(i32x4_splat(1), |sum| i32x4_add(i32x4_dot_i16x8(sum, a), b));
    });

    pub const MUL_ADD: super::Arithmetic = (4 * SUMS, || {
        let (a, b) = black_box((f32x4_splat(0.5), f32x4_splat(1.0)));
        rounds(f32x4_splat(1.0), |sum| f32x4_add(f32x4_mul(sum, a), b));
    });

    pub const POPCNT: super::Arithmetic = (128 * SUMS, || {
        let (a, b) = black_box((i32x4_splat(3), i32x4_splat(1)));
        rounds(i32x4_splat(1), |sum| i8x16_add(i8x16_popcnt(v128_xor(sum, a)), b));
    });
}

#[cfg(target_feature = "relaxed-simd")]
mod relaxed {
    use core::arch::wasm32::{
        f32x4_relaxed_madd, f32x4_splat, i8x16_splat, i16x8_add, i16x8_relaxed_dot_i8x16_i7x16, i16x8_splat,
        i32x4_relaxed_dot_i8x16_i7x16_add, i32x4_splat,
    };
    use std::hint::black_box;

    use super::{SUMS, rounds};

    pub const DOT8: super::Arithmetic = (16 * SUMS, || {
        let (a, b) = black_box((i8x16_splat(3), i8x16_splat(5)));
        rounds(i32x4_splat(1), |sum| i32x4_relaxed_dot_i8x16_i7x16_add(a, b, sum));
    });

    pub const DOT8X2: super::Arithmetic = (16 * SUMS, || {
        let (a, b) = black_box((i8x16_splat(3), i16x8_splat(1)));
        rounds(i16x8_splat(1), |sum| i16x8_add(i16x8_relaxed_dot_i8x16_i7x16(sum, a), b));
    });

    pub const MADD: super::Arithmetic = (4 * SUMS, || {
        let (a, b) = black_box((f32x4_splat(0.5), f32x4_splat(1.0)));
        rounds(f32x4_splat(1.0), |sum| f32x4_relaxed_madd(sum, a, b));
    });
}

/// In plain loops, four lanes each.
#[cfg(not(target_feature = "simd128"))]
mod plain {
    use std::hint::black_box;

    use super::{SUMS, rounds};

    pub const DOT: super::Arithmetic = (4 * SUMS, || {
        let (a, b) = black_box((3i32, 1i32));
        rounds([1i32; 4], |sum| sum.map(|sum| sum.wrapping_mul(a).wrapping_add(b)));
    });

    pub const MUL_ADD: super::Arithmetic = (4 * SUMS, || {
        let (a, b) = black_box((0.5f32, 1.0f32));
        rounds([1.0f32; 4], |sum| sum.map(|sum| sum * a + b));
    });
}

const DOTS: &[Arithmetic] = &[
    #[cfg(target_feature = "relaxed-simd")]
    relaxed::DOT8,
    #[cfg(target_feature = "relaxed-simd")]
    relaxed::DOT8X2,
    #[cfg(target_feature = "simd128")]
    simd::DOT16,
    #[cfg(not(target_feature = "simd128"))]
    plain::DOT,
];

const BITS: &[Arithmetic] = &[
    #[cfg(target_feature = "simd128")]
    simd::POPCNT,
    (64 * SUMS, || {
        let (a, b) = black_box((3u64, 1u64));
        rounds(1, |sum| u64::from((sum ^ a).count_ones()).wrapping_add(b));
    }),
];

const FLOATS: &[Arithmetic] = &[
    #[cfg(target_feature = "relaxed-simd")]
    relaxed::MADD,
    #[cfg(target_feature = "simd128")]
    simd::MUL_ADD,
    #[cfg(not(target_feature = "simd128"))]
    plain::MUL_ADD,
];

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_machine_does_something_and_not_everything() {
        let start = Instant::now();
        let peaks = peaks(&|| start.elapsed().as_secs_f64() * 1e3).unwrap();
        for rate in
            [peaks.dot, peaks.float, peaks.bits].into_iter().chain(peaks.memory.iter().flat_map(|memory| [memory.read, memory.copy]))
        {
            assert!((0.01..100_000.0).contains(&rate), "{peaks:?}");
        }
        assert_eq!(super::peaks(&|| 0.0), None);
    }
}
