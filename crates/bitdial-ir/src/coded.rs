//! Weights in formats without an integer kernel: packed codes, what they mean, and their scales.

use bitdial_numerics::{Coder, MX_BLOCK, NVFP4_BLOCK, Numbers, PackedCodes, decode_e8m0, decode_nvfp4};

use crate::op::GROUPS;

/// Weights as packed codes, in the order of the f32 weights they stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedWeights {
    /// The codes.
    pub codes: PackedCodes,
    /// What they mean before they are scaled.
    pub meaning: Meaning,
    /// What the meaning is multiplied with.
    pub scales: Scales,
}

/// What codes mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Numbers of a format as wide as the codes.
    Numbers(Numbers),
    /// Places in a list of values: a list of `2^bits` for all, or one for each output channel, one after the other.
    Codebook(Vec<f32>),
}

/// The scales of coded weights. Blocks and groups run along a row, the weights of an output channel; the last of a row may
/// have fewer weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Scales {
    /// None: 1.
    One,
    /// One for all, or one for each output channel, or one for each group of this many weights (one of [`GROUPS`]).
    F32(Vec<f32>, Option<usize>),
    /// A power of two for each block of [`MX_BLOCK`] weights, as E8M0.
    E8m0(Vec<u8>),
    /// One for each block of [`NVFP4_BLOCK`] weights, as E4M3, times one for all.
    E4m3(Vec<u8>, f32),
}

impl Scales {
    /// Weights of a block; `None` if a row has one scale at most.
    #[must_use]
    pub fn block(&self) -> Option<usize> {
        match self {
            Self::One => None,
            Self::F32(_, group) => *group,
            Self::E8m0(_) => Some(MX_BLOCK),
            Self::E4m3(..) => Some(NVFP4_BLOCK),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::One => 0,
            Self::F32(scales, _) => scales.len(),
            Self::E8m0(codes) | Self::E4m3(codes, _) => codes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Scale `i`; NaN if there is none.
    #[must_use]
    pub fn get(&self, i: usize) -> f32 {
        let scale = match self {
            Self::One => Some(1.0),
            Self::F32(scales, _) => scales.get(i).copied(),
            Self::E8m0(codes) => codes.get(i).map(|&code| decode_e8m0(code)),
            Self::E4m3(codes, tensor) => codes.get(i).map(|&code| decode_nvfp4(code, *tensor)),
        };
        scale.unwrap_or(f32::NAN)
    }

    /// How many there must be of a layer of `channels` rows of `row` weights.
    fn fits(&self, channels: usize, row: usize) -> bool {
        let blocks = |block: usize| channels.checked_mul(row.div_ceil(block));
        match self {
            Self::One => true,
            Self::F32(scales, None) => scales.len() == 1 || scales.len() == channels,
            Self::F32(scales, Some(group)) => GROUPS.contains(group) && blocks(*group) == Some(scales.len()),
            Self::E8m0(codes) => blocks(MX_BLOCK) == Some(codes.len()),
            Self::E4m3(codes, tensor) => blocks(NVFP4_BLOCK) == Some(codes.len()) && *tensor > 0.0,
        }
    }
}

impl CodedWeights {
    /// Whether codes, codebooks and scales are as many as a layer with `channels` output channels needs, no scale is
    /// negative, and every weight is a finite number.
    #[must_use]
    pub fn is_sound(&self, channels: usize) -> bool {
        let bits = self.codes.bits();
        let meaning = match &self.meaning {
            Meaning::Numbers(numbers) => numbers.is_sound() && numbers.bits() == bits,
            Meaning::Codebook(values) => {
                let size = 1usize << bits;
                bits <= 8 && (values.len() == size || channels.checked_mul(size) == Some(values.len()))
            }
        };
        let scales = self.scales.fits(channels, self.row(channels)) && (0..self.scales.len()).all(|i| self.scales.get(i) >= 0.0);
        let mut finite = true;
        if meaning && scales {
            self.each(channels, |value| finite &= value.is_finite());
        }
        meaning && scales && finite
    }

    /// Number of codebooks.
    #[must_use]
    pub fn codebooks(&self) -> usize {
        match &self.meaning {
            Meaning::Numbers(_) => 0,
            Meaning::Codebook(values) => values.len() >> self.codes.bits(),
        }
    }

    /// Weights of an output channel.
    fn row(&self, channels: usize) -> usize {
        (self.codes.len() / channels.max(1)).max(1)
    }

    /// The values of codes of up to 8 bits before their scale: of all output channels, or of one after the other.
    pub(crate) fn table(&self) -> Vec<f32> {
        match &self.meaning {
            Meaning::Codebook(values) => values.clone(),
            Meaning::Numbers(_) if self.codes.bits() > 8 => Vec::new(),
            Meaning::Numbers(numbers) => {
                let coder = Coder::new(*numbers);
                (0..1u16 << self.codes.bits()).map(|code| coder.decode(code)).collect()
            }
        }
    }

    /// Shows the real values the codes stand for, in order, of a layer with `channels` output channels.
    fn each(&self, channels: usize, mut see: impl FnMut(f32)) {
        let (row, table) = (self.row(channels), self.table());
        let book = if table.len() > 1 << self.codes.bits() { 1 << self.codes.bits() } else { 0 };
        let wide = match self.meaning {
            Meaning::Numbers(numbers) if self.codes.bits() > 8 => Some(Coder::new(numbers)),
            _ => None,
        };
        let (per_row, block) = self.blocks(row);
        let mut codes = self.codes.iter();
        for channel in 0..self.codes.len().div_ceil(row) {
            let table = table.get(channel * book..).unwrap_or_default();
            for first in (0..row).step_by(block) {
                let scale = self.scales.get(channel * per_row + first / block);
                for code in codes.by_ref().take(block.min(row - first)) {
                    let value = match &wide {
                        Some(coder) => coder.decode(code),
                        None => table.get(usize::from(code)).copied().unwrap_or(f32::NAN),
                    };
                    see(value * scale);
                }
            }
        }
    }

    /// Scales of a row, 0 if there is one for all, and weights of a block.
    fn blocks(&self, row: usize) -> (usize, usize) {
        self.scales.block().map_or((usize::from(self.scales.len() > 1), row), |block| (row.div_ceil(block), block.max(1)))
    }

    /// The real values the codes stand for, of a layer with `channels` output channels.
    #[must_use]
    pub fn dequantize(&self, channels: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.codes.len());
        self.each(channels, |value| values.push(value));
        values
    }

    /// The finite values that the weight at `index` could take, ascending, of a layer with `channels` output channels;
    /// none for more than 8 bits.
    #[must_use]
    pub fn grid(&self, index: usize, channels: usize) -> Vec<f32> {
        let (row, size) = (self.row(channels), 1usize << self.codes.bits());
        let (per_row, block) = self.blocks(row);
        let scale = self.scales.get(index / row * per_row + index % row / block);
        let table = self.table();
        let first = if table.len() > size { index / row * size } else { 0 };
        let mut grid: Vec<f32> = table.iter().skip(first).take(size).map(|x| x * scale).filter(|x| x.is_finite()).collect();
        grid.sort_by(f32::total_cmp);
        grid.dedup();
        grid
    }
}
