//! Number formats by name, and one way to encode and decode them all.

use crate::levels::Levels;
use crate::minifloat::{Ending, Minifloat, power_of_two};
use crate::rounding::Rounding;

/// A number format, before any scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// Floating point.
    Minifloat(Minifloat),
    /// Integers in two's complement, times `2^-fraction`. Quantizers leave out the smallest, which has no opposite.
    Int {
        /// Width, 2..=16.
        bits: u8,
        /// Bits behind the point, less than `bits`.
        fraction: u8,
    },
    /// Normal quantiles: [`Levels::nf4`].
    Nf4,
    /// [`Levels::powers_of_two`] of 2..=8 bits.
    PowersOfTwo(u8),
    /// [`Levels::additive_powers_of_two`] of 2..=8 bits.
    AdditivePowersOfTwo(u8),
}

impl Numbers {
    /// INT8 of MX blocks: OCP MX 1.0, section 5.3.4.
    pub const MXINT8: Self = Self::Int { bits: 8, fraction: 6 };
    /// Integers of 16 bits.
    pub const INT16: Self = Self::Int { bits: 16, fraction: 0 };

    /// Whether its widths are in their ranges.
    #[must_use]
    pub fn is_sound(self) -> bool {
        match self {
            Self::Int { bits, fraction } => (2..=16).contains(&bits) && fraction < bits,
            Self::PowersOfTwo(bits) | Self::AdditivePowersOfTwo(bits) => (2..=8).contains(&bits),
            Self::Minifloat(_) | Self::Nf4 => true,
        }
    }

    /// Bits of a number.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::Minifloat(format) => format.bits(),
            Self::Int { bits, .. } | Self::PowersOfTwo(bits) | Self::AdditivePowersOfTwo(bits) => bits,
            Self::Nf4 => 4,
        }
    }

    /// The format as three bytes of a file: what it is, and what else must be said.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 3] {
        match self {
            Self::Minifloat(format) => [format.ending() as u8, format.exponent(), format.mantissa()],
            Self::Int { bits, fraction } => [3, bits, fraction],
            Self::Nf4 => [4, 0, 0],
            Self::PowersOfTwo(bits) => [5, bits, 0],
            Self::AdditivePowersOfTwo(bits) => [6, bits, 0],
        }
    }

    /// The format that three bytes stand for, if they do.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 3]) -> Option<Self> {
        let numbers = match bytes {
            [0, exponent, mantissa] => Self::Minifloat(Minifloat::new(exponent, mantissa, Ending::Finite)?),
            [1, exponent, mantissa] => Self::Minifloat(Minifloat::new(exponent, mantissa, Ending::OneNan)?),
            [2, exponent, mantissa] => Self::Minifloat(Minifloat::new(exponent, mantissa, Ending::Ieee)?),
            [3, bits, fraction] => Self::Int { bits, fraction },
            [4, 0, 0] => Self::Nf4,
            [5, bits, 0] => Self::PowersOfTwo(bits),
            [6, bits, 0] => Self::AdditivePowersOfTwo(bits),
            _ => return None,
        };
        numbers.is_sound().then_some(numbers)
    }
}

/// A format made ready to encode and decode.
#[derive(Clone, Debug, PartialEq)]
pub enum Coder {
    /// By arithmetic on the exponent.
    Minifloat(Minifloat),
    /// By scaling.
    Int {
        /// The largest integer; minus it is the smallest that is chosen.
        high: i16,
        /// What 1 stands for: a power of two.
        step: f32,
    },
    /// From a table.
    Levels(Levels),
}

impl Coder {
    /// Makes a format ready; widths out of range are taken to the nearest.
    #[must_use]
    pub fn new(numbers: Numbers) -> Self {
        match numbers {
            Numbers::Minifloat(format) => Self::Minifloat(format),
            Numbers::Int { bits, fraction } => {
                Self::Int { high: i16::MAX >> (16 - bits.clamp(2, 16)), step: power_of_two(-i32::from(fraction)) }
            }
            Numbers::Nf4 => Self::Levels(Levels::nf4()),
            Numbers::PowersOfTwo(bits) => Self::Levels(Levels::powers_of_two(bits)),
            Numbers::AdditivePowersOfTwo(bits) => Self::Levels(Levels::additive_powers_of_two(bits)),
        }
    }

    /// The largest magnitude that is chosen.
    #[must_use]
    pub fn max(&self) -> f32 {
        match self {
            Self::Minifloat(format) => format.max(),
            Self::Int { high, step } => f32::from(*high) * step,
            Self::Levels(levels) => levels.max(),
        }
    }

    /// The code for a real value, saturating; NaN becomes 0.
    #[must_use]
    pub fn encode(&self, x: f32, rounding: Rounding) -> u16 {
        match self {
            Self::Minifloat(format) => format.encode(x, rounding),
            // A cast of NaN is 0. Codes are the lowest bits.
            Self::Int { high, step } => {
                let mask = (*high as u16) << 1 | 1;
                integer(x / step, *high, rounding) as i16 as u16 & mask
            }
            Self::Levels(levels) => u16::from(levels.encode(x, rounding)),
        }
    }

    /// The real value of a code, higher bits aside; NaN for one that is no number.
    #[must_use]
    pub fn decode(&self, code: u16) -> f32 {
        match self {
            Self::Minifloat(format) => format.decode(code),
            Self::Int { high, step } => {
                // Sign and further bits; the cast to i16 and the shifts extend the sign.
                let unused = high.leading_zeros() - 1;
                f32::from((code << unused) as i16 >> unused) * step
            }
            Self::Levels(levels) => u8::try_from(code).map_or(f32::NAN, |code| levels.decode(code)),
        }
    }

    /// The value of the format for a real value: as encoding and decoding gives it, the sign of 0 aside.
    #[must_use]
    pub fn round(&self, x: f32, rounding: Rounding) -> f32 {
        match self {
            Self::Minifloat(format) => format.round(x, rounding),
            Self::Int { high, step } => {
                let q = integer(x / step, *high, rounding);
                if q.is_nan() { 0.0 } else { q * step }
            }
            Self::Levels(levels) => levels.round(x, rounding),
        }
    }

    /// The values of a format of at most 8 bits, by code.
    #[must_use]
    pub fn levels(&self, bits: u8) -> Levels {
        match self {
            Self::Levels(levels) => levels.clone(),
            _ => Levels::new((0..1u16 << bits.min(8)).map(|code| self.decode(code)).collect()),
        }
    }
}

/// An integer within `-high..=high`, as f32; NaN stays NaN.
fn integer(x: f32, high: i16, rounding: Rounding) -> f32 {
    rounding.integer(x.clamp(-f32::from(high), f32::from(high)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::WeightParams;
    use proptest::prelude::*;

    /// Every format of at most 8 bits, and three of 16.
    fn all() -> Vec<Numbers> {
        let free = (1..=7).flat_map(|e| (0..=7 - e).filter_map(move |m| Minifloat::free(e, m)));
        let widths = || 2..=8u8;
        free.chain([Minifloat::E4M3, Minifloat::E5M2, Minifloat::FP16, Minifloat::BF16])
            .map(Numbers::Minifloat)
            .chain([Numbers::Nf4, Numbers::MXINT8, Numbers::INT16])
            .chain(widths().map(|bits| Numbers::Int { bits, fraction: bits / 2 }))
            .chain(widths().map(Numbers::PowersOfTwo))
            .chain(widths().map(Numbers::AdditivePowersOfTwo))
            .collect()
    }

    #[test]
    fn formats_survive_a_file() {
        for numbers in all() {
            assert_eq!(Numbers::from_bytes(numbers.to_bytes()), Some(numbers));
        }
        for bytes in
            [[0, 0, 3], [0, 4, 4], [1, 5, 2], [2, 9, 6], [3, 1, 0], [3, 17, 0], [3, 8, 8], [4, 1, 0], [5, 9, 0], [6, 1, 0], [7, 0, 0]]
        {
            assert_eq!(Numbers::from_bytes(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn every_code_is_its_own_value() {
        for numbers in all() {
            let (coder, bits) = (Coder::new(numbers), numbers.bits());
            for code in 0..=u16::MAX >> (16 - bits) {
                let value = coder.decode(code);
                if value.is_finite() && value.abs() <= coder.max() {
                    assert_eq!(coder.encode(value, Rounding::Nearest), code, "{numbers:?}: {value}");
                    for rounding in [Rounding::Nearest, Rounding::Floor, Rounding::Stochastic(0.0), Rounding::Stochastic(0.99)] {
                        assert_eq!(coder.round(value, rounding), value, "{numbers:?} by {rounding:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn ends_and_nonsense_are_taken_in() {
        for numbers in all() {
            let coder = Coder::new(numbers);
            for rounding in [Rounding::Nearest, Rounding::Floor, Rounding::Stochastic(0.5)] {
                let back = |x: f32| coder.decode(coder.encode(x, rounding));
                let ends = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::NAN].map(back);
                let max = coder.max();
                assert_eq!(ends, [max, -max, max, -max, 0.0], "{numbers:?} by {rounding:?}");
            }
            assert_eq!(coder.encode(f32::NAN, Rounding::Nearest), coder.encode(0.0, Rounding::Nearest), "{numbers:?}");
        }
    }

    #[test]
    fn ties_go_to_the_even_code() {
        for numbers in all().into_iter().filter(|numbers| numbers.bits() <= 8) {
            let coder = Coder::new(numbers);
            let levels = coder.levels(numbers.bits());
            let (values, max): (Vec<f32>, f32) = (levels.ascending().collect(), coder.max());
            for pair in values.windows(2).filter(|pair| pair[0] >= -max) {
                let (code, sign) = (coder.encode((pair[0] + pair[1]) / 2.0, Rounding::Nearest), 1 << (numbers.bits() - 1));
                let [low, high] = [0, 1].map(|i| coder.encode(pair[i], Rounding::Nearest));
                // -0 is as even as 0. Terms of additive powers may leave two even codes or two odd ones beside each other.
                let even = if high % 2 == 0 && low % 2 == 1 { high } else { low };
                let halves = coder.decode(code) == coder.decode(even) || code == even | sign;
                assert!(halves || numbers == Numbers::Nf4, "{numbers:?} between {pair:?}: {code}, not {even}");
            }
        }
    }

    #[test]
    fn integers_are_those_of_weights() {
        for bits in 2..=8 {
            let (coder, grid) = (Coder::new(Numbers::Int { bits, fraction: 0 }), WeightParams { scale: 1.0, zero_point: 0, bits });
            for i in -300..300 {
                let x = i as f32 / 2.0;
                let expected = grid.quantize(x).max(-grid.range().1);
                assert_eq!(coder.round(x, Rounding::Nearest), f32::from(expected), "{x} in {bits} bits");
                assert_eq!(coder.decode(coder.encode(x, Rounding::Nearest)), f32::from(expected), "{x} in {bits} bits");
            }
        }
    }

    proptest! {
        #[test]
        fn values_lie_between_their_neighbours(which in 0..all().len(), t in -1.2f32..1.2, small in 0i32..20, uniform in 0f32..1.0) {
            let numbers = all()[which];
            let coder = Coder::new(numbers);
            let x = (t * coder.max() * power_of_two(-small)).clamp(-coder.max(), coder.max());
            let floor = coder.round(x, Rounding::Floor);
            let nearest = coder.round(x, Rounding::Nearest);
            let chance = coder.round(x, Rounding::Stochastic(uniform));
            let ceil = match numbers {
                Numbers::Nf4 => Levels::nf4().ascending().find(|&level| level >= x).unwrap_or(1.0),
                _ => -coder.round(-x, Rounding::Floor),
            };
            prop_assert!(floor <= x && x <= ceil);
            prop_assert!((nearest == floor || nearest == ceil) && (chance == floor || chance == ceil));
            let (down, up) = (f64::from(x) - f64::from(floor), f64::from(ceil) - f64::from(x));
            // Nearest of all, as far as f32 sees where grids of f32 tables are not exact.
            prop_assert!((f64::from(nearest) - f64::from(x)).abs() <= down.min(up) * 1.000_001);
            // More than the number: up.
            let part = down / (down + up);
            if (part - f64::from(uniform)).abs() > 1e-5 && floor < ceil {
                prop_assert_eq!(chance == ceil, part > f64::from(uniform));
            }
            for rounding in [Rounding::Nearest, Rounding::Floor, Rounding::Stochastic(uniform)] {
                prop_assert_eq!(coder.decode(coder.encode(x, rounding)), coder.round(x, rounding));
                if numbers.bits() <= 8 {
                    let levels = coder.levels(numbers.bits());
                    let table = levels.round(x, rounding);
                    prop_assert_eq!(table, coder.round(x, rounding), "{:?} of {} by {:?}", numbers, x, rounding);
                }
            }
        }
    }
}
