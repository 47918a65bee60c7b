//! Weights as f32 from the integers that they are kept as.

use super::unpack;
use super::vector::{load_f32, store_f32};
use crate::packed_f32::{LANES, PackedForF32, Span};
use core::arch::wasm32::{
    f32x4_convert_i32x4, f32x4_mul, i16x8_sub, i32x4_extend_high_i16x8, i32x4_extend_low_i16x8, i32x4_splat, u16x8_extend_high_u8x16,
    u16x8_extend_low_u8x16, u16x8_load_extend_u8x8, v128,
};

/// The grids of eight lanes.
struct Grids {
    scales: [v128; 2],
    zeros: v128,
}

impl Grids {
    fn new(span: &Span) -> Self {
        let (scales, _) = span.scales.as_chunks();
        // SAFETY: eight bytes are readable there.
        let zeros = unsafe { u16x8_load_extend_u8x8(span.zeros.as_ptr()) };
        Self { scales: [load_f32(&scales[0]), load_f32(&scales[1])], zeros }
    }

    /// Real values of eight integers.
    #[inline(always)]
    fn decode(&self, codes: v128, out: &mut [f32; LANES]) {
        let q = i16x8_sub(codes, self.zeros);
        let (out, _) = out.as_chunks_mut();
        store_f32(&mut out[0], f32x4_mul(self.scales[0], f32x4_convert_i32x4(i32x4_extend_low_i16x8(q))));
        store_f32(&mut out[1], f32x4_mul(self.scales[1], f32x4_convert_i32x4(i32x4_extend_high_i16x8(q))));
    }
}

/// See [`crate::Elementwise::decode`].
pub(super) fn decode(weights: &PackedForF32, out: &mut [f32]) {
    let (pairs, _) = out.as_chunks_mut::<{ 2 * LANES }>();
    let mut spans = weights.spans.iter();
    let (mut left, mut grids) = (0, Grids { scales: [i32x4_splat(0); 2], zeros: i32x4_splat(0) });
    unpack::vectors(&weights.codes, weights.width, pairs.len(), |i, v| {
        let (halves, _) = pairs[i].as_chunks_mut();
        for (out, codes) in halves.iter_mut().zip([u16x8_extend_low_u8x16(v), u16x8_extend_high_u8x16(v)]) {
            if left == 0 {
                // After the last one what comes is read by nobody.
                (left, grids) = spans.next().map_or((usize::MAX, Grids { ..grids }), |span| (span.vectors, Grids::new(span)));
            }
            left -= 1;
            grids.decode(codes, out);
        }
    });
}
