//! f32 depthwise convolution, each sum in the reference's order.

use super::conv_f32::F32Step;
use super::depthwise::{self, Factors, in_elements, panels};
use super::sink::F32Sink;
use super::strip::{Column, Pack, store};
use super::tile::MulAdd;
use crate::api::{self, ConvShape, F32Store};
use crate::scratch::Scratch;
use core::arch::wasm32::v128_load;
use std::marker::PhantomData;

/// Elements of one f32.
struct Single;

impl Pack for Single {
    type Value = f32;
    const TAPS: usize = 1;

    #[inline(always)]
    unsafe fn pack(&self, [row, ..]: [*const f32; 4], column: &mut Column) {
        // SAFETY: the caller vouches for it; vectors need no alignment.
        unsafe {
            store::<0>(column, v128_load(row.cast()));
            store::<1>(column, v128_load(row.add(4).cast()));
            store::<2>(column, v128_load(row.add(8).cast()));
            store::<3>(column, v128_load(row.add(12).cast()));
        }
    }
}

/// Packed: panels of f32, the taps of a window in the order of its elements.
pub(crate) struct Conv<S>(PhantomData<S>);

impl<S> Conv<S> {
    pub const NEW: Self = Self(PhantomData);
}

/// What the depthwise kernel of a step is called.
pub(crate) trait DepthwiseStep: F32Step {
    const NAME: &'static str;
}

impl DepthwiseStep for MulAdd {
    const NAME: &'static str = "depthwise-f32-4x8-mul-add";
}

impl<S: DepthwiseStep> api::ConvF32 for Conv<S> {
    fn name(&self) -> &'static str {
        <S as DepthwiseStep>::NAME
    }

    fn strict(&self) -> bool {
        S::STRICT
    }

    fn supports(&self, shape: &ConvShape) -> bool {
        depthwise::supports(shape, Single::TAPS)
    }

    fn packed_len(&self, shape: &ConvShape) -> usize {
        panels(shape, Single::TAPS).len()
    }

    fn pack(&self, shape: &ConvShape, weights: &[f32], packed: &mut [f32]) {
        let panels = panels(shape, Single::TAPS);
        let values = in_elements(shape, Single::TAPS, weights, |_| 0.0);
        panels.arrange(&values, |_| 0.0, |w| w, &mut packed[..panels.len()]);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let bytes = depthwise::scratch_len::<Single>(shape) + F32Sink::scratch_len(panels(shape, Single::TAPS).padded_channels());
        bytes.div_ceil(size_of::<f32>())
    }

    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store) {
        let panels = panels(shape, Single::TAPS);
        let mut scratch = Scratch::new(scratch);
        let mut sink = F32Sink::new(panels.blocks(), store, shape.output[2], &mut scratch);
        let factors = Factors { weights: bytes(packed), correction: None };
        depthwise::run::<_, S>(shape, Single, (image, 0.0), &factors, &mut sink, &mut scratch);
    }
}

/// The bytes of floats.
fn bytes(floats: &[f32]) -> &[u8] {
    // SAFETY: floats are bytes without padding.
    unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), size_of_val(floats)) }
}
