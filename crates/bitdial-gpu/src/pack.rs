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
