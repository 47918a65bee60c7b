//! The inner loop of the matrix kernels: some pixels times eight output channels.

use core::arch::wasm32::{f32x4_add, f32x4_mul, i32x4_add, i32x4_dot_i16x8, v128, v128_load, v128_load32_splat};

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

/// The sums of `M` pixels, whose windows start at these elements of the image, counted from `start`.
///
/// The loop is not unrolled: LLVM would compute one sum after the other, which keeps the activations of all unrolled
/// steps alive, and of 16 registers there are too few for that (4x8 tiles of 1x1 kernels, unrolled by 1, 2 and 4:
/// 36-40, 32-36 and 28-34 GMAC/s with `Dot16`; 20-22, 13-15 and 12-18 with `MulAdd`).
///
/// # Safety
/// For each window and run, `4 * steps` bytes of the image must be readable, and `32 * steps * runs` bytes of weights.
#[inline(always)]
pub(crate) unsafe fn tile<S: Step, A, const M: usize>(operands: &Operands<A>, windows: &[usize; M], start: [v128; 2]) -> Sums<M> {
    let mut sums = [start; M];
    let mut weights = operands.weights;
    for &run in operands.runs {
        // SAFETY: the caller vouches for all of it; vectors need no alignment.
        unsafe {
            let mut from = windows.map(|window| operands.image.add(window + run).cast::<u8>());
            for _ in 0..operands.steps {
                let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                weights = weights.add(32);
                for (from, sums) in from.iter_mut().zip(&mut sums) {
                    let a = v128_load32_splat(from.cast());
                    *from = from.add(4);
                    *sums = [S::step(a, w[0], sums[0]), S::step(a, w[1], sums[1])];
                }
            }
        }
    }
    sums
}
