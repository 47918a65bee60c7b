//! Typed slices carved out of a caller's scratch.

/// A type of which every bit pattern is a value.
pub(crate) trait Bits: Copy {}

impl Bits for u8 {}
impl Bits for i16 {}
impl Bits for i32 {}
impl Bits for usize {}
impl Bits for f32 {}
#[cfg(target_feature = "simd128")]
impl Bits for [core::arch::wasm32::v128; 2] {}

/// Bytes to add for each slice that is taken.
pub(crate) const ALIGN: usize = 16;

/// Scratch that has not been handed out yet.
pub(crate) struct Scratch<'a>(&'a mut [u8]);

impl<'a> Scratch<'a> {
    /// All of a slice.
    pub fn new<T: Bits>(scratch: &'a mut [T]) -> Self {
        // SAFETY: `T` is plain bits without padding, and whatever bytes are written there make values of it.
        let (_, bytes, _) = unsafe { scratch.align_to_mut::<u8>() };
        Self(bytes)
    }

    /// The next `len` elements; takes up to [`ALIGN`] bytes more than they occupy. Their contents are arbitrary.
    pub fn take<T: Bits>(&mut self, len: usize) -> &'a mut [T] {
        let rest = std::mem::take(&mut self.0);
        let skip = rest.as_ptr().align_offset(ALIGN);
        let (bytes, rest) = rest[skip..].split_at_mut(len * size_of::<T>());
        self.0 = rest;
        // SAFETY: every bit pattern is a value of `T`; the start is aligned, so the middle is all of it.
        let (_, slice, _) = unsafe { bytes.align_to_mut::<T>() };
        slice
    }
}

/// Bytes that [`Scratch::take`] needs for `len` elements.
pub(crate) fn bytes_of<T: Bits>(len: usize) -> usize {
    len * size_of::<T>() + ALIGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_apart_and_as_long_as_asked_for() {
        for start in 0..ALIGN {
            let mut bytes = vec![0u8; start + bytes_of::<i16>(5) + bytes_of::<f32>(3) + bytes_of::<u8>(7)];
            let mut scratch = Scratch::new(&mut bytes[start..]);
            let (a, b, c) = (scratch.take::<i16>(5), scratch.take::<f32>(3), scratch.take::<u8>(7));
            a.fill(-1);
            b.fill(2.5);
            c.fill(9);
            assert_eq!((&*a, &*b, &*c), (&[-1; 5][..], &[2.5; 3][..], &[9; 7][..]));
        }
    }
}
