//! Unsigned integers of 2 to 8 bits in bit planes, an order that SIMD takes apart with shifts and masks.
//!
//! Weights of 1 bit take 2 here: panels are filled up with zeros, and -1 and 1 leave none.
//!
//! A chunk is 128 integers, eight vectors of 16. Its width is a sum of 4, 2 and 1, and for each of these there is a
//! plane: the low 4 bits of vectors `2i` and `2i + 1` share the 16 bytes `i` of the first plane, 2 bits of vectors
//! `4i..4i + 4` share those of the second, and 1 bit of all eight makes up the third. No bit is wasted, and 4- and
//! 2-bit integers cost one mask and at most one shift a vector.

/// Integers of a chunk.
pub(crate) const CHUNK: usize = 128;

/// Bits that a weight of `bits` bits takes.
pub(crate) fn width(bits: u8) -> u8 {
    bits.max(2)
}

/// Bytes that `len` integers take.
pub(crate) fn packed_len(len: usize, bits: u8) -> usize {
    if bits == 8 { len } else { len.div_ceil(CHUNK) * 16 * usize::from(bits) }
}

/// Planes of a width: bits of each, and by how much they are shifted in an integer.
pub(crate) fn planes(bits: u8) -> impl Iterator<Item = (u8, u8)> {
    let mut shift = 0;
    [4, 2, 1].into_iter().filter(move |plane| bits & plane != 0).map(move |plane| {
        shift += plane;
        (plane, shift - plane)
    })
}

/// Packs integers below `2^bits`.
pub(crate) fn pack(values: &[u8], bits: u8) -> Vec<u8> {
    if bits == 8 {
        return values.to_vec();
    }
    let mut packed = Vec::with_capacity(packed_len(values.len(), bits));
    for chunk in values.chunks(CHUNK) {
        for (plane, shift) in planes(bits) {
            let per_byte = 8 / plane;
            let start = packed.len();
            packed.resize(start + 16 * usize::from(plane), 0);
            for (i, &value) in chunk.iter().enumerate() {
                let (vector, lane) = (i / 16, i % 16);
                let (group, part) = (vector / usize::from(per_byte), (vector % usize::from(per_byte)) as u8);
                packed[start + group * 16 + lane] |= (value >> shift & (u8::MAX >> (8 - plane))) << (part * plane);
            }
        }
    }
    packed
}

/// Unpacks as many integers as `values` holds: what the order means, written plainly.
pub(crate) fn unpack(packed: &[u8], bits: u8, values: &mut [u8]) {
    if bits == 8 {
        values.copy_from_slice(&packed[..values.len()]);
        return;
    }
    for (chunk, bytes) in values.chunks_mut(CHUNK).zip(packed.chunks_exact(16 * usize::from(bits))) {
        chunk.fill(0);
        let mut rest = bytes;
        for (plane, shift) in planes(bits) {
            let per_byte = 8 / plane;
            let (bytes, after) = rest.split_at(16 * usize::from(plane));
            rest = after;
            for (vector, out) in chunk.chunks_mut(16).enumerate() {
                let (group, part) = (vector / usize::from(per_byte), (vector % usize::from(per_byte)) as u8);
                for (value, byte) in out.iter_mut().zip(&bytes[group * 16..]) {
                    *value |= (byte >> (part * plane) & (u8::MAX >> (8 - plane))) << shift;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        for bits in 2..=8 {
            for len in [0, 1, 15, 16, 17, 127, 128, 129, 300] {
                let values: Vec<u8> = (0..len).map(|i| (i * 37 + 11) as u8 >> (8 - bits)).collect();
                let packed = pack(&values, bits);
                assert_eq!(packed.len(), packed_len(len, bits), "{bits} bits, {len}");
                let mut back = vec![0xAA; len];
                unpack(&packed, bits, &mut back);
                assert_eq!(back, values, "{bits} bits, {len}");
            }
        }
    }
}
