//! Signed integers of 1 to 8 bits and codes of up to 16, packed without gaps. Integers of 1 bit are -1 and 1.

/// A sequence of signed integers packed at their width.
///
/// Integer `i` occupies bits `i * bits .. (i + 1) * bits` of the little-endian bit stream, in two's complement. One bit
/// is the sign: 0 for 1, 1 for -1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedInts {
    bits: u8,
    len: usize,
    bytes: Vec<u8>,
}

impl PackedInts {
    /// Packs `values`, each of which must fit into `bits` (1..=8) bits; higher bits are dropped.
    #[must_use]
    pub fn pack(values: &[i8], bits: u8) -> Self {
        assert!((1..=8).contains(&bits), "a packed integer has 1 to 8 bits, not {bits}");
        let mut bytes = Vec::with_capacity(Self::byte_len(values.len(), bits));
        let (mut buffer, mut filled) = (0u32, 0u32);
        // Of -1 and 1 the second lowest bit is the sign.
        let skip = u32::from(bits == 1);
        for &value in values {
            buffer |= u32::from((value >> skip) as u8 & (u8::MAX >> (8 - bits))) << filled;
            filled += u32::from(bits);
            while filled >= 8 {
                bytes.push(buffer as u8);
                buffer >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            bytes.push(buffer as u8);
        }
        Self { bits, len: values.len(), bytes }
    }

    /// Takes packed bytes as they are; `None` if their number does not fit `len` integers of `bits` bits.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>, len: usize, bits: u8) -> Option<Self> {
        ((1..=8).contains(&bits) && len.checked_mul(usize::from(bits))?.div_ceil(8) == bytes.len()).then_some(Self { bits, len, bytes })
    }

    /// Bytes that `len` integers of `bits` bits occupy.
    #[must_use]
    pub fn byte_len(len: usize, bits: u8) -> usize {
        (len * usize::from(bits)).div_ceil(8)
    }

    /// Width of one integer.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Number of integers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no integer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The integers, sign-extended, in order.
    #[must_use]
    pub fn unpack(&self) -> Vec<i8> {
        self.iter().collect()
    }

    /// The integers one by one.
    pub fn iter(&self) -> impl Iterator<Item = i8> + '_ {
        let bits = usize::from(self.bits);
        let odd = i8::from(bits == 1);
        (0..self.len).map(move |i| {
            let (byte, shift) = (i * bits / 8, i * bits % 8);
            let low = u16::from(self.bytes[byte]);
            let high = self.bytes.get(byte + 1).map_or(0, |&b| u16::from(b));
            let raw = ((low | high << 8) >> shift) as u8;
            ((raw << (8 - bits)) as i8) >> (8 - bits) | odd
        })
    }
}

/// A sequence of codes of 1 to 16 bits packed at their width: code `i` occupies bits `i * bits .. (i + 1) * bits` of the
/// little-endian bit stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedCodes {
    bits: u8,
    len: usize,
    bytes: Vec<u8>,
}

impl PackedCodes {
    /// Packs codes of `bits` (1..=16) bits; higher bits are dropped.
    #[must_use]
    pub fn pack(codes: &[u16], bits: u8) -> Self {
        assert!((1..=16).contains(&bits), "a packed code has 1 to 16 bits, not {bits}");
        let mut bytes = Vec::with_capacity((codes.len() * usize::from(bits)).div_ceil(8));
        let (mut buffer, mut filled) = (0u32, 0u32);
        for &code in codes {
            buffer |= u32::from(code & (u16::MAX >> (16 - bits))) << filled;
            filled += u32::from(bits);
            while filled >= 8 {
                bytes.push(buffer as u8);
                buffer >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            bytes.push(buffer as u8);
        }
        Self { bits, len: codes.len(), bytes }
    }

    /// Takes packed bytes as they are; `None` if their number does not fit `len` codes of `bits` bits.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>, len: usize, bits: u8) -> Option<Self> {
        ((1..=16).contains(&bits) && len.checked_mul(usize::from(bits))?.div_ceil(8) == bytes.len()).then_some(Self { bits, len, bytes })
    }

    /// Width of one code.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Number of codes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no code.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The codes one by one.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let bits = usize::from(self.bits);
        let byte = |i: usize| self.bytes.get(i).map_or(0, |&b| u32::from(b));
        (0..self.len).map(move |i| {
            let (first, shift) = (i * bits / 8, i * bits % 8);
            let raw = (byte(first) | byte(first + 1) << 8 | byte(first + 2) << 16) >> shift;
            raw as u16 & (u16::MAX >> (16 - bits))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nibbles_are_little_endian() {
        assert_eq!(PackedInts::pack(&[1, -1, 7], 4).bytes(), &[0xF1, 0x07]);
    }

    #[test]
    fn one_bit_is_a_sign() {
        assert_eq!(PackedInts::pack(&[1, -1, 1, 1, -1, 1, 1, 1, -1], 1).bytes(), &[0b0001_0010, 1]);
    }

    proptest! {
        #[test]
        fn codes_survive(codes in proptest::collection::vec(any::<u16>(), 0..100), bits in 1u8..=16) {
            let codes: Vec<u16> = codes.iter().map(|code| code >> (16 - bits)).collect();
            let packed = PackedCodes::pack(&codes, bits);
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), codes.clone());
            let bytes = packed.bytes().to_vec();
            prop_assert_eq!(bytes.len(), (codes.len() * usize::from(bits)).div_ceil(8));
            prop_assert_eq!(PackedCodes::from_bytes(bytes.clone(), codes.len(), bits), Some(packed));
            prop_assert_eq!(PackedCodes::from_bytes(bytes, codes.len() + 9, bits), None);
        }

        #[test]
        fn packing_loses_nothing(values in proptest::collection::vec(any::<i8>(), 0..100), bits in 1u8..=8) {
            let values: Vec<i8> = values.iter().map(|v| v >> (8 - bits) | i8::from(bits == 1)).collect();
            let packed = PackedInts::pack(&values, bits);
            prop_assert_eq!(packed.bytes().len(), PackedInts::byte_len(values.len(), bits));
            prop_assert_eq!(packed.unpack(), values.clone());
            let again = PackedInts::from_bytes(packed.bytes().to_vec(), values.len(), bits);
            prop_assert_eq!(again, Some(packed));
        }
    }
}
