//! Integer weights as the kernels read them.
//!
//! The row of an output channel becomes words of four weights, each either four input channels of a tap or, gathered, four
//! neighbours in the row; what fills words up are the weights that stand for 0. Words lie `[word][output channel]`, output
//! channels filled up to multiples of four. Weights of 4 bits lie two words in one, the second in the upper halves of its
//! bytes, those of 2 bits four words in one.

use bitdial_ir::QuantizedWeights;

/// Integer weights, unpacked.
pub(crate) struct Ints {
    values: Vec<i8>,
    /// Bits that the kernel takes: 8, 4 or 2.
    pub bits: u8,
    /// Weights of a row, input channels of a tap.
    row: usize,
    channels: usize,
    /// Output channels.
    out: usize,
    gather: bool,
}

/// What a group of weights adds to a sum: its scale, its zero point, and its factor for the zero point of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Term {
    pub scale: f32,
    pub zero: i32,
    pub correction: i32,
}

impl Ints {
    /// Those of a layer with so many output channels and input channels of a tap.
    pub(crate) fn new(weights: &QuantizedWeights, out: usize, channels: usize, gather: bool) -> Self {
        let values = weights.values.unpack();
        let bits = match weights.values.bits() {
            0..=2 => 2,
            3..=4 => 4,
            _ => 8,
        };
        Self { row: values.len() / out.max(1), values, bits, channels, out, gather }
    }

    /// Words of a row.
    pub(crate) fn words(&self) -> usize {
        match self.gather {
            true => self.row.div_ceil(4),
            false => self.row / self.channels * self.channels.div_ceil(4),
        }
    }

    /// The weight in byte `i` of word `k` of a row, as its number in the row.
    fn at(&self, k: usize, i: usize) -> Option<usize> {
        if self.gather {
            return Some(4 * k + i).filter(|&k| k < self.row);
        }
        let quads = self.channels.div_ceil(4);
        let channel = 4 * (k % quads) + i;
        (channel < self.channels).then_some(k / quads * self.channels + channel)
    }

    /// All words; `zero(output channel, word)` is what stands for 0.
    pub(crate) fn pack(&self, zero: impl Fn(usize, usize) -> i8) -> Vec<u32> {
        let (panel, per) = (self.out.next_multiple_of(4), usize::from(8 / self.bits));
        let mask = u8::MAX >> (8 - self.bits);
        let mut packed = vec![0u32; self.words().div_ceil(per) * panel];
        for k in 0..self.words() {
            for n in 0..self.out {
                let bytes = std::array::from_fn(|i| {
                    let value = self.at(k, i).map_or_else(|| zero(n, k), |at| self.values[n * self.row + at]);
                    value.cast_unsigned() & mask
                });
                packed[k / per * panel + n] |= u32::from_le_bytes(bytes) << (usize::from(self.bits) * (k % per));
            }
        }
        packed
    }

    /// What the words `first..last` of an output channel add, with such a scale and zero point.
    pub(crate) fn term(&self, n: usize, words: std::ops::Range<usize>, scale: f32, zero: i8) -> Term {
        let mut correction = 0i32;
        for k in words {
            for i in 0..4 {
                let value = self.at(k, i).map_or(zero, |at| self.values[n * self.row + at]);
                correction = correction.wrapping_add(i32::from(value) - i32::from(zero));
            }
        }
        Term { scale, zero: i32::from(zero), correction }
    }

    /// Sign bits of 1-bit weights, 32 of a row a word, `[word][output channel]`, and for each output channel what its sums
    /// lack where activations of `zero_point` 0 or 1 were counted.
    pub(crate) fn signs(&self, zero_point: i32) -> (Vec<u32>, Vec<Term>) {
        let (panel, words) = (self.out.next_multiple_of(4), self.row.div_ceil(32));
        let mut packed = vec![0u32; words * panel];
        let mut terms = Vec::with_capacity(self.out);
        for (n, row) in self.values.chunks_exact(self.row.max(1)).enumerate() {
            let negative = row.iter().enumerate().filter(|(_, value)| **value < 0);
            let ones = negative.map(|(k, _)| packed[k / 32 * panel + n] |= 1 << (k % 32)).count() as i32;
            let correction = if zero_point == 0 { -ones } else { ones - 32 * words as i32 };
            terms.push(Term { correction, ..Term::default() });
        }
        (packed, terms)
    }

    /// Weight `k` of the row of an output channel.
    pub(crate) fn value(&self, n: usize, k: usize) -> i8 {
        self.values[n * self.row + k]
    }
}

#[cfg(test)]
mod tests {
    use bitdial_numerics::{PackedInts, WeightParams};

    use super::*;

    fn ints(values: &[i8], bits: u8, out: usize, channels: usize, gather: bool) -> Ints {
        let params = vec![WeightParams { scale: 1.0, zero_point: 0, bits }];
        Ints::new(&QuantizedWeights { values: PackedInts::pack(values, bits), params, group: None }, out, channels, gather)
    }

    #[test]
    fn words_hold_four_channels_of_a_tap_or_four_neighbours() {
        // Two taps of three channels, two output channels.
        let values = [1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6];
        let filled = ints(&values, 8, 2, 3, false).pack(|n, _| [9, -9][n]);
        let word = |bytes: [i8; 4]| u32::from_le_bytes(bytes.map(i8::cast_unsigned));
        assert_eq!(filled, [word([1, 2, 3, 9]), word([-1, -2, -3, -9]), 0, 0, word([4, 5, 6, 9]), word([-4, -5, -6, -9]), 0, 0]);
        let gathered = ints(&values, 8, 2, 3, true).pack(|_, _| 0);
        assert_eq!(gathered[..2], [word([1, 2, 3, 4]), word([-1, -2, -3, -4])]);
        assert_eq!(gathered[4..6], [word([5, 6, 0, 0]), word([-5, -6, 0, 0])]);
    }

    #[test]
    fn narrow_weights_share_words() {
        let nibbles = ints(&[1, 2, 3, 4, -1, -2, -3, -4], 4, 1, 8, false);
        assert_eq!((nibbles.bits, nibbles.words(), nibbles.pack(|_, _| 0)[0]), (4, 2, 0xC4D3_E2F1));
        let pairs = ints(&[1, 0, -1, -2], 2, 1, 4, false);
        assert_eq!((pairs.bits, pairs.pack(|_, _| 0)[0]), (2, 0x0203_0001));
        // Three bits lie in four, five in eight, one in two.
        assert_eq!([1, 3, 5].map(|bits| ints(&[1, 1, 1, 1], bits, 1, 4, false).bits), [2, 4, 8]);
    }

    #[test]
    fn what_fills_words_up_corrects_nothing() {
        let values = [5, 6, 7, -8, 3, 2];
        for gather in [false, true] {
            let ints = ints(&values, 4, 1, 3, gather);
            let sum: i32 = values.iter().map(|&value| i32::from(value) - 2).sum();
            assert_eq!(ints.term(0, 0..ints.words(), 1.0, 2).correction, sum, "{gather}");
        }
    }

    #[test]
    fn signs_are_bits() {
        let values: Vec<i8> = (0..36).map(|i| if i % 5 == 0 { -1 } else { 1 }).collect();
        let ints = ints(&values, 1, 1, 36, true);
        for zero_point in [0, 1] {
            let (words, terms) = ints.signs(zero_point);
            // Activations of 1 everywhere: `sum (1 - z) * w`; beyond the row they are `z`.
            let activations = [u32::MAX, if zero_point == 0 { 0xF } else { u32::MAX }];
            let count: u32 = activations.iter().zip([words[0], words[4]]).map(|(a, s)| (a ^ s).count_ones()).sum();
            let expected = if zero_point == 0 { values.iter().map(|&w| i32::from(w)).sum() } else { 0 };
            assert_eq!(count as i32 + terms[0].correction, expected, "{zero_point}");
        }
    }
}
