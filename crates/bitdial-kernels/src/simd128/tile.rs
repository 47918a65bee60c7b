//! The inner loop of the matrix kernels: some pixels times eight output channels.

use core::arch::wasm32::{f32x4_add, f32x4_mul, i32x4_add, i32x4_dot_i16x8, i32x4_splat, v128, v128_load, v128_load32_splat};

/// Sums of a tile: for each pixel, eight channels.
pub(crate) type Sums<const M: usize> = [[v128; 2]; M];

/// What a tile reads.
#[derive(Clone, Copy)]
pub(crate) struct Operands<'a, A> {
    /// The bordered image, from the first channel of the group.
    pub image: *const A,
    /// First element of each run, from the start of its window.
    pub runs: &'a [usize],
    /// Steps of 4 bytes in a run.
    pub steps: usize,
    /// The weights of the block: 32 bytes a step.
    pub weights: *const u8,
}

/// How 4 bytes of activations and the weights of four channels are multiplied and added.
pub(crate) trait Step {
    /// `sum + a * w`.
    fn step(a: v128, w: v128, sum: v128) -> v128;
}

/// Two i16 each.
pub(crate) struct Dot16;

impl Step for Dot16 {
    #[inline(always)]
    fn step(a: v128, w: v128, sum: v128) -> v128 {
        i32x4_add(sum, i32x4_dot_i16x8(a, w))
    }
}

/// One f32 each; the product is rounded before it is added.
pub(crate) struct MulAdd;

impl Step for MulAdd {
    #[inline(always)]
    fn step(a: v128, w: v128, sum: v128) -> v128 {
        f32x4_add(sum, f32x4_mul(a, w))
    }
}

/// The sums of `M` pixels, whose windows start at these elements of the image.
///
/// # Safety
/// For each window and run, `4 * steps` bytes of the image must be readable, and `32 * steps * runs` bytes of weights.
#[inline(always)]
pub(crate) unsafe fn tile<S: Step, A, const M: usize>(operands: &Operands<A>, windows: &[usize; M]) -> Sums<M> {
    /// Steps that are unrolled.
    const UNROLL: usize = 4;
    let mut sums = [[i32x4_splat(0); 2]; M];
    let mut weights = operands.weights;
    for &run in operands.runs {
        // SAFETY: the caller vouches for all of it.
        let mut from = unsafe { windows.map(|window| operands.image.add(window + run).cast::<u8>()) };
        for _ in 0..operands.steps / UNROLL {
            // SAFETY: as many steps are left.
            unsafe {
                for i in 0..UNROLL {
                    step::<S, M>(from.map(|from| from.add(4 * i)), weights.add(32 * i), &mut sums);
                }
                from = from.map(|from| from.add(4 * UNROLL));
                weights = weights.add(32 * UNROLL);
            }
        }
        for _ in 0..operands.steps % UNROLL {
            // SAFETY: a step is left.
            unsafe {
                step::<S, M>(from, weights, &mut sums);
                from = from.map(|from| from.add(4));
                weights = weights.add(32);
            }
        }
    }
    sums
}

/// One step of `M` pixels.
///
/// # Safety
/// 4 bytes must be readable at each of `from` and 32 at `weights`.
#[inline(always)]
unsafe fn step<S: Step, const M: usize>(from: [*const u8; M], weights: *const u8, sums: &mut Sums<M>) {
    // SAFETY: the caller vouches for it; vectors need no alignment.
    unsafe {
        let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
        for (from, sums) in from.iter().zip(sums) {
            let a = v128_load32_splat(from.cast());
            *sums = [S::step(a, w[0], sums[0]), S::step(a, w[1], sums[1])];
        }
    }
}
