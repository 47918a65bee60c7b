//! Fake quantization: activations taken to a format and back, in place, in f32.

use crate::affine::{round_ties_even, usable};
use crate::minifloat::Minifloat;
use crate::numbers::{Coder, Numbers};
use crate::rounding::Rounding;
use crate::scales::{block_e8m0, block_nvfp4, decode_e8m0, tensor_nvfp4};

/// Elements of an MX block: OCP MX 1.0, section 5.2.
pub const MX_BLOCK: usize = 32;
/// Elements of an NVFP4 block.
pub const NVFP4_BLOCK: usize = 16;

/// What shares a grid that is found on each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The whole tensor of an image.
    Tensor,
    /// The channels of one position.
    Row,
}

/// Integers of 1 to 16 bits with a zero point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WideGrid {
    /// Distance of two neighbours; positive and finite.
    pub scale: f32,
    /// The integer that stands for 0.0; between `low` and `high`.
    pub zero_point: u16,
    /// Smallest integer in use.
    pub low: u16,
    /// Largest integer in use.
    pub high: u16,
}

impl WideGrid {
    /// As [`crate::ActivationParams::affine`], of 1 to 16 bits.
    #[must_use]
    pub fn affine(min: f32, max: f32, bits: u8) -> Self {
        let (min, max) = (min.min(0.0), max.max(0.0));
        let high = u16::MAX >> (16 - bits.clamp(1, 16));
        let scale = usable((max - min) / f32::from(high));
        let zero_point = round_ties_even(-min / scale).clamp(0.0, f32::from(high)) as u16;
        Self { scale, zero_point, low: 0, high }
    }

    /// As [`crate::ActivationParams::symmetric`], of 1 to 16 bits.
    #[must_use]
    pub fn symmetric(min: f32, max: f32, bits: u8) -> Self {
        if bits <= 1 {
            return Self::affine(min, max, bits);
        }
        let half = u16::MAX >> (17 - bits.min(16));
        let scale = usable(max.max(-min).max(0.0) / f32::from(half));
        if min >= 0.0 {
            Self { scale, zero_point: 0, low: 0, high: half }
        } else {
            let zero_point = half + 1;
            Self { scale, zero_point, low: 1, high: zero_point + half }
        }
    }

    /// Whether it is a grid.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.scale.is_finite() && self.scale > 0.0 && (self.low..=self.high).contains(&self.zero_point)
    }

    /// The nearest value of the grid, ties to even, saturating; NaN becomes 0.
    #[must_use]
    pub fn round(&self, x: f32) -> f32 {
        let zero = f32::from(self.zero_point);
        let q = (x / self.scale).clamp(f32::from(self.low) - zero, f32::from(self.high) - zero);
        if q.is_nan() { 0.0 } else { round_ties_even(q) * self.scale }
    }
}

/// How activations are taken to a format and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FakeQuant {
    /// To integers whose grid is known.
    Grid(WideGrid),
    /// To integers whose grid is found on each run from the smallest and the largest value.
    DynamicGrid {
        /// Width, 1..=16.
        bits: u8,
        /// Whether the zero point is in the middle.
        symmetric: bool,
        /// What shares a grid.
        over: Over,
    },
    /// To a format times a scale that is known: 1 for one without.
    Scaled {
        /// The format.
        numbers: Numbers,
        /// Positive and finite.
        scale: f32,
    },
    /// To a format times a scale that is found on each run: it takes the largest magnitude to the format's largest.
    DynamicScaled {
        /// The format.
        numbers: Numbers,
        /// What shares a scale.
        over: Over,
    },
    /// To MX: blocks of [`MX_BLOCK`] channels that share a power of two.
    Mx(Numbers),
    /// To NVFP4: blocks of [`NVFP4_BLOCK`] channels of E2M1 that share an E4M3 scale, and a scale of the tensor, which
    /// is found on each run if it is not known.
    Nvfp4(Option<f32>),
}

impl FakeQuant {
    /// Whether its scales and widths are in their ranges.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let positive = |scale: f32| scale.is_finite() && scale > 0.0;
        match *self {
            Self::Grid(grid) => grid.is_sound(),
            Self::DynamicGrid { bits, .. } => (1..=16).contains(&bits),
            Self::Scaled { numbers, scale } => numbers.is_sound() && positive(scale),
            Self::DynamicScaled { numbers, .. } | Self::Mx(numbers) => numbers.is_sound(),
            Self::Nvfp4(tensor) => tensor.is_none_or(positive),
        }
    }

    /// Bits of a number. A symmetric grid without negative values leaves a bit unused, which is not counted.
    #[must_use]
    pub fn bits(&self) -> u8 {
        match *self {
            Self::Grid(grid) => (u16::BITS - grid.high.leading_zeros()) as u8,
            Self::DynamicGrid { bits, .. } => bits,
            Self::Scaled { numbers, .. } | Self::DynamicScaled { numbers, .. } | Self::Mx(numbers) => numbers.bits(),
            Self::Nvfp4(_) => Minifloat::E2M1.bits(),
        }
    }

    /// Makes it ready to be applied many times.
    #[must_use]
    pub fn prepare(self) -> FakeQuantizer {
        let numbers = match self {
            Self::Scaled { numbers, .. } | Self::DynamicScaled { numbers, .. } | Self::Mx(numbers) => numbers,
            Self::Nvfp4(_) | Self::Grid(_) | Self::DynamicGrid { .. } => Numbers::Minifloat(Minifloat::E2M1),
        };
        let coder = Coder::new(numbers);
        FakeQuantizer { what: self, max: coder.max(), coder }
    }
}

/// A [`FakeQuant`] made ready.
#[derive(Clone, Debug)]
pub struct FakeQuantizer {
    what: FakeQuant,
    coder: Coder,
    max: f32,
}

impl FakeQuantizer {
    /// Replaces the activations of one image, rows of `channels` (at least 1) neighbours, by the values that stand for
    /// them. Rounds to nearest, ties to even, saturates; NaN becomes 0 and does not count in ranges that are found.
    pub fn apply(&self, image: &mut [f32], channels: usize) {
        let channels = channels.max(1);
        let shared = |over: Over, len: usize| if over == Over::Row { channels } else { len.max(1) };
        let len = image.len();
        match self.what {
            FakeQuant::Grid(grid) => image.iter_mut().for_each(|x| *x = grid.round(*x)),
            FakeQuant::DynamicGrid { bits, symmetric, over } => {
                let of = if symmetric { WideGrid::symmetric } else { WideGrid::affine };
                for part in image.chunks_mut(shared(over, len)) {
                    let (min, max) = part.iter().fold((0.0f32, 0.0f32), |(min, max), &x| (min.min(x), max.max(x)));
                    let grid = of(min, max, bits);
                    part.iter_mut().for_each(|x| *x = grid.round(*x));
                }
            }
            FakeQuant::Scaled { scale, .. } => self.scaled(image, scale),
            FakeQuant::DynamicScaled { over, .. } => {
                for part in image.chunks_mut(shared(over, len)) {
                    let scale = usable(magnitude(part) / self.max);
                    self.scaled(part, scale);
                }
            }
            FakeQuant::Mx(numbers) => {
                let exponent = max_exponent(numbers);
                for block in image.chunks_mut(channels).flat_map(|row| row.chunks_mut(MX_BLOCK)) {
                    let scale = decode_e8m0(block_e8m0(magnitude(block), exponent));
                    self.scaled(block, scale);
                }
            }
            FakeQuant::Nvfp4(known) => {
                let tensor = known.unwrap_or_else(|| tensor_nvfp4(magnitude(image)));
                for block in image.chunks_mut(channels).flat_map(|row| row.chunks_mut(NVFP4_BLOCK)) {
                    let (_, scale) = block_nvfp4(magnitude(block), tensor);
                    self.scaled(block, scale);
                }
            }
        }
    }

    /// Everything to the format times a scale; to zeros if that is 0.
    fn scaled(&self, values: &mut [f32], scale: f32) {
        if scale > 0.0 {
            values.iter_mut().for_each(|x| *x = self.coder.round(*x / scale, Rounding::Nearest) * scale);
        } else {
            values.fill(0.0);
        }
    }
}

/// The exponent of the largest element of a format, for MX blocks.
#[must_use]
pub fn max_exponent(numbers: Numbers) -> i32 {
    match numbers {
        Numbers::Minifloat(format) => format.max_exponent(),
        Numbers::Int { bits, fraction } => i32::from(bits) - 2 - i32::from(fraction),
        Numbers::Nf4 | Numbers::PowersOfTwo(_) => 0,
        Numbers::AdditivePowersOfTwo(_) => -1,
    }
}

/// The largest magnitude, at most the largest of f32; NaN does not count.
#[must_use]
pub fn magnitude(values: &[f32]) -> f32 {
    values.iter().fold(0.0f32, |max, x| max.max(x.abs())).min(f32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::ActivationParams;
    use proptest::prelude::*;

    fn applied(fake: FakeQuant, values: &[f32], channels: usize) -> Vec<f32> {
        assert!(fake.is_sound(), "{fake:?}");
        let mut values = values.to_vec();
        fake.prepare().apply(&mut values, channels);
        values
    }

    /// One of each kind.
    fn kinds() -> [FakeQuant; 11] {
        let e4m3 = Numbers::Minifloat(Minifloat::E4M3);
        [
            FakeQuant::Grid(WideGrid::affine(-1.0, 2.0, 16)),
            FakeQuant::DynamicGrid { bits: 16, symmetric: true, over: Over::Tensor },
            FakeQuant::DynamicGrid { bits: 4, symmetric: false, over: Over::Row },
            FakeQuant::Scaled { numbers: Numbers::Minifloat(Minifloat::FP16), scale: 1.0 },
            FakeQuant::Scaled { numbers: Numbers::Nf4, scale: 0.5 },
            FakeQuant::DynamicScaled { numbers: e4m3, over: Over::Tensor },
            FakeQuant::DynamicScaled { numbers: Numbers::AdditivePowersOfTwo(5), over: Over::Row },
            FakeQuant::Mx(e4m3),
            FakeQuant::Mx(Numbers::MXINT8),
            FakeQuant::Nvfp4(None),
            FakeQuant::Nvfp4(Some(0.01)),
        ]
    }

    #[test]
    fn rows_and_tensors_have_grids_of_their_own() {
        let x = [1.0, 0.4, 100.0, 40.0];
        let grid = |over| FakeQuant::DynamicGrid { bits: 2, symmetric: false, over };
        assert_eq!(applied(grid(Over::Row), &x, 2), [1.0, 1.0 / 3.0, 100.0, 100.0 / 3.0]);
        assert_eq!(applied(grid(Over::Tensor), &x, 2), [0.0, 0.0, 100.0, 100.0 / 3.0]);
        let powers = |over| FakeQuant::DynamicScaled { numbers: Numbers::PowersOfTwo(3), over };
        assert_eq!(applied(powers(Over::Row), &x, 2), [1.0, 0.5, 100.0, 50.0]);
        assert_eq!(applied(powers(Over::Tensor), &x, 2), [0.0, 0.0, 100.0, 50.0]);
    }

    #[test]
    fn a_known_scale_saturates() {
        let numbers = Numbers::Minifloat(Minifloat::E2M1);
        let x = [-9.0, 0.6, 1.26, 9.0, f32::NAN, f32::INFINITY];
        assert_eq!(applied(FakeQuant::Scaled { numbers, scale: 0.5 }, &x, 6), [-3.0, 0.5, 1.5, 3.0, 0.0, 3.0]);
    }

    #[test]
    fn unsound_ones_are_told() {
        let grid = WideGrid { scale: 1.0, zero_point: 3, low: 0, high: 2 };
        for fake in [
            FakeQuant::Grid(grid),
            FakeQuant::DynamicGrid { bits: 17, symmetric: false, over: Over::Row },
            FakeQuant::Scaled { numbers: Numbers::Nf4, scale: 0.0 },
            FakeQuant::Scaled { numbers: Numbers::PowersOfTwo(1), scale: 1.0 },
            FakeQuant::Nvfp4(Some(f32::NAN)),
        ] {
            assert!(!fake.is_sound(), "{fake:?}");
            // And still do no harm.
            fake.prepare().apply(&mut [1.0, f32::NAN, -3.0], 0);
        }
    }

    #[test]
    fn nothing_infinity_and_nan_come_out_as_numbers() {
        let x = [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45, -0.0, 1.0];
        for fake in kinds() {
            for values in [&x[..], &x[..1], &x[..2], &x[5..], &[]] {
                for channels in [0, 1, 3, 8] {
                    let found = applied(fake, values, channels);
                    // A scale of almost f32's largest number may end in infinity, as it does in the formula.
                    assert!(found.iter().all(|x| !x.is_nan()), "{fake:?} of {values:?}: {found:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_grid_of_8_bits_is_that_of_activations(min in -10f32..3.0, span in 0.001f32..20.0, x in -15f32..25.0, bits in 1u8..=8) {
            let max = min + span;
            for (wide, narrow) in [
                (WideGrid::affine(min, max, bits), ActivationParams::affine(min, max, bits)),
                (WideGrid::symmetric(min, max, bits), ActivationParams::symmetric(min, max, bits)),
            ] {
                prop_assert_eq!(wide.round(x), narrow.dequantize(narrow.quantize(x)));
            }
        }

        #[test]
        fn what_was_applied_stays(values in proptest::collection::vec(-100f32..100.0, 1..80), channels in 1usize..40) {
            for fake in kinds() {
                let once = applied(fake, &values, channels);
                // Of a grid that is found again.
                let twice = applied(fake, &once, channels);
                let largest = magnitude(&once);
                prop_assert!(once.iter().zip(&twice).all(|(a, b)| (a - b).abs() <= largest * 1e-5), "{:?}", fake);
            }
        }
    }
}
