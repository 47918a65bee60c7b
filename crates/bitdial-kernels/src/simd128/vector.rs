//! Loads and stores of whole vectors.

use core::arch::wasm32::{v128, v128_load, v128_store};

/// Sixteen bytes.
#[inline(always)]
pub(crate) fn load_u8(x: &[u8; 16]) -> v128 {
    // SAFETY: 16 bytes are readable there; vectors need no alignment.
    unsafe { v128_load(x.as_ptr().cast()) }
}

/// Four floats.
#[inline(always)]
pub(crate) fn load_f32(x: &[f32; 4]) -> v128 {
    // SAFETY: 16 bytes are readable there.
    unsafe { v128_load(x.as_ptr().cast()) }
}

/// Four integers.
#[inline(always)]
pub(crate) fn load_i32(x: &[i32; 4]) -> v128 {
    // SAFETY: 16 bytes are readable there.
    unsafe { v128_load(x.as_ptr().cast()) }
}

/// Stores sixteen bytes.
#[inline(always)]
pub(crate) fn store_u8(x: &mut [u8; 16], v: v128) {
    // SAFETY: 16 bytes are writable there.
    unsafe { v128_store(x.as_mut_ptr().cast(), v) }
}

/// Stores four floats.
#[inline(always)]
pub(crate) fn store_f32(x: &mut [f32; 4], v: v128) {
    // SAFETY: 16 bytes are writable there.
    unsafe { v128_store(x.as_mut_ptr().cast(), v) }
}
