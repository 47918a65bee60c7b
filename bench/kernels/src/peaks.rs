//! The most that the instructions and the memory of this machine give: what a kernel's rate is held against.

use std::arch::wasm32::*;
use std::hint::black_box;

use crate::{Item, Work};

/// Independent sums, more than any instruction's latency; and operations on each in one run.
const SUMS: usize = 12;
const STEPS: usize = 1 << 12;

/// Bytes that are read: more than the caches of a core hold.
const BYTES: usize = 64 << 20;

/// Every peak of this build. The names are those that the bench looks for.
pub fn items() -> Vec<Item> {
    vec![
        item("f32-mul-add", 4, |a, b, c| f32x4_add(a, f32x4_mul(c, b))),
        item("dot-i16", 8, |a, b, c| i32x4_add(a, i32x4_dot_i16x8(c, b))),
        item("bits", 128, |a, b, c| i8x16_add(a, i8x16_popcnt(v128_and(c, b)))),
        Item { name: "byte memory | peak".into(), work: BYTES as f64, prepare: Box::new(memory) },
        #[cfg(target_feature = "relaxed-simd")]
        item("f32-madd", 4, |a, b, c| f32x4_relaxed_madd(a, b, c)),
        #[cfg(target_feature = "relaxed-simd")]
        item("dot-i8-i16", 16, |a, b, c| i16x8_add(a, i16x8_relaxed_dot_i8x16_i7x16(c, b))),
        #[cfg(target_feature = "relaxed-simd")]
        item("dot-i8-i32", 16, |a, b, c| i32x4_relaxed_dot_i8x16_i7x16_add(a, b, c)),
    ]
}

/// An instruction, or a pair of them, that multiplies and adds so many numbers: `a`, `b` and a vector of sums, of which
/// none may be left out of the multiplication by a compiler that sees that the others stay the same.
fn item(name: &str, macs: usize, step: impl Fn(v128, v128, v128) -> v128 + Copy + 'static) -> Item {
    let work = (SUMS * STEPS * macs) as f64;
    Item { name: format!("MAC {name} | peak"), work, prepare: Box::new(move || sums(step)) }
}

fn sums(step: impl Fn(v128, v128, v128) -> v128 + Copy + 'static) -> Work {
    Box::new(move |times| {
        let mut sums = [i32x4_splat(0); SUMS];
        for _ in 0..times {
            // Neither operand is known, nor the same as in the last run; none is a slow number of f32.
            let (a, b) = black_box((f32x4_splat(0.5), f32x4_splat(0.25)));
            for _ in 0..STEPS {
                for sum in &mut sums {
                    *sum = step(a, b, *sum);
                }
            }
        }
        black_box(sums);
    })
}

fn memory() -> Work {
    let bytes: Vec<u64> = (0..BYTES as u64 / 8).collect();
    Box::new(move |times| {
        for _ in 0..times {
            let sums = black_box(&bytes).chunks_exact(8).fold([0u64; 8], |mut sums, chunk| {
                for (sum, &number) in sums.iter_mut().zip(chunk) {
                    *sum ^= number;
                }
                sums
            });
            black_box(sums);
        }
    })
}
