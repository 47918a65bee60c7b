//! Floating-point numbers of few bits: sign, exponent, mantissa, as IEEE 754 lays them out.

use crate::rounding::Rounding;

/// What the codes with the largest exponent mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Numbers, all of them: FP6 and FP4 of OCP MX 1.0, and free formats.
    Finite,
    /// Numbers, but for the largest code of each sign, which is NaN: E4M3FN of OCP OFP8 1.0.
    OneNan,
    /// Infinities where the mantissa is 0, else NaN: IEEE 754, E5M2 of OCP OFP8 1.0.
    Ieee,
}

/// A floating-point format of at most 16 bits, with subnormals; its exponents have a bias of `2^(exponent - 1) - 1`.
///
/// A code is the bit pattern, sign first. An exponent of 1 bit has numbers that are evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Minifloat {
    exponent: u8,
    mantissa: u8,
    ending: Ending,
}

impl Minifloat {
    /// IEEE 754 binary16.
    pub const FP16: Self = Self { exponent: 5, mantissa: 10, ending: Ending::Ieee };
    /// The upper half of an f32.
    pub const BF16: Self = Self { exponent: 8, mantissa: 7, ending: Ending::Ieee };
    /// FP8 with much precision: OCP OFP8 1.0, section 5.
    pub const E4M3: Self = Self { exponent: 4, mantissa: 3, ending: Ending::OneNan };
    /// FP8 with much range: OCP OFP8 1.0, section 5.
    pub const E5M2: Self = Self { exponent: 5, mantissa: 2, ending: Ending::Ieee };
    /// FP6 with much range: OCP MX 1.0, section 5.3.2.
    pub const E3M2: Self = Self { exponent: 3, mantissa: 2, ending: Ending::Finite };
    /// FP6 with much precision: OCP MX 1.0, section 5.3.2.
    pub const E2M3: Self = Self { exponent: 2, mantissa: 3, ending: Ending::Finite };
    /// FP4: OCP MX 1.0, section 5.3.3.
    pub const E2M1: Self = Self { exponent: 2, mantissa: 1, ending: Ending::Finite };

    /// A format of at most 8 bits with finite numbers only; `None` without an exponent or with more than 7 bits beside
    /// the sign.
    #[must_use]
    pub fn free(exponent: u8, mantissa: u8) -> Option<Self> {
        let fits = exponent >= 1 && exponent.checked_add(mantissa).is_some_and(|bits| bits <= 7);
        fits.then_some(Self { exponent, mantissa, ending: Ending::Finite })
    }

    /// A format from its parts, if it is one of those above.
    #[must_use]
    pub fn new(exponent: u8, mantissa: u8, ending: Ending) -> Option<Self> {
        let named = [Self::FP16, Self::BF16, Self::E4M3, Self::E5M2];
        let asked = Self { exponent, mantissa, ending };
        if ending == Ending::Finite { Self::free(exponent, mantissa) } else { named.into_iter().find(|&format| format == asked) }
    }

    /// Bits of the exponent, 1..=8.
    #[must_use]
    pub fn exponent(self) -> u8 {
        self.exponent
    }

    /// Bits of the mantissa, 0..=10.
    #[must_use]
    pub fn mantissa(self) -> u8 {
        self.mantissa
    }

    /// What the largest exponent means.
    #[must_use]
    pub fn ending(self) -> Ending {
        self.ending
    }

    /// Bits of a number.
    #[must_use]
    pub fn bits(self) -> u8 {
        1 + self.exponent + self.mantissa
    }

    /// The largest finite number.
    #[must_use]
    pub fn max(self) -> f32 {
        self.decode(self.max_code())
    }

    /// The exponent of the largest finite number: `floor(log2(max))`.
    #[must_use]
    pub fn max_exponent(self) -> i32 {
        self.min_exponent() + i32::from(self.max_code() >> self.mantissa).max(1) - 1
    }

    /// The exponent of the smallest normal number, and of the subnormal ones.
    fn min_exponent(self) -> i32 {
        2 - (1 << (self.exponent - 1))
    }

    /// The code of the largest finite number.
    fn max_code(self) -> u16 {
        match self.ending {
            Ending::Finite => self.sign() - 1,
            Ending::OneNan => self.sign() - 2,
            Ending::Ieee => self.infinity() - 1,
        }
    }

    /// The code of infinity, where there is one.
    fn infinity(self) -> u16 {
        ((1 << self.exponent) - 1) << self.mantissa
    }

    /// The bit of the sign.
    fn sign(self) -> u16 {
        1 << (self.exponent + self.mantissa)
    }

    /// The real value of a code, higher bits aside.
    #[must_use]
    pub fn decode(self, code: u16) -> f32 {
        let magnitude = code & (self.sign() - 1);
        let value = if magnitude > self.max_code() {
            if self.ending == Ending::Ieee && magnitude == self.infinity() { f32::INFINITY } else { f32::NAN }
        } else {
            let (exponent, mantissa) = (i32::from(magnitude >> self.mantissa), magnitude & ((1 << self.mantissa) - 1));
            let hidden = if exponent == 0 { 0 } else { 1 << self.mantissa };
            f32::from(mantissa + hidden) * self.step(exponent.max(1) - 1 + self.min_exponent())
        };
        if code & self.sign() == 0 { value } else { -value }
    }

    /// The distance of neighbours that have this exponent.
    fn step(self, exponent: i32) -> f32 {
        power_of_two(exponent - i32::from(self.mantissa))
    }

    /// The exponent with which a magnitude is kept, and the magnitude in steps of it, an integer.
    fn steps(self, magnitude: f32, negative: bool, rounding: Rounding) -> (i32, f32) {
        let exponent = floor_log2(magnitude).max(self.min_exponent());
        let steps = magnitude / self.step(exponent);
        if self.mantissa == 0 && steps == 1.5 && rounding == Rounding::Nearest {
            // Without a mantissa it is the exponent that can be even: the lower neighbour's code is one more than this.
            let odd = (exponent - self.min_exponent()) % 2 == 0;
            return (exponent, if odd { 2.0 } else { 1.0 });
        }
        (exponent, rounding.magnitude(steps, negative))
    }

    /// The nearest real value of the format, saturating at the largest finite ones; NaN becomes 0. The same as encoding
    /// and decoding, and faster.
    #[must_use]
    pub fn round(self, x: f32, rounding: Rounding) -> f32 {
        if x.is_nan() {
            return 0.0;
        }
        let magnitude = x.abs().min(self.max());
        let (exponent, steps) = self.steps(magnitude, x < 0.0, rounding);
        (steps * self.step(exponent)).copysign(x)
    }

    /// The code for a real value, as quantizers do it: saturating at the largest finite numbers; NaN becomes 0.
    #[must_use]
    pub fn encode(self, x: f32, rounding: Rounding) -> u16 {
        if x.is_nan() {
            return 0;
        }
        self.magnitude_code(x.abs().min(self.max()), x, rounding) | self.sign_of(x)
    }

    /// The code for a real value, as IEEE 754 and OCP OFP8 convert without saturation: what rounds to more than the
    /// largest finite number becomes infinity, or NaN where there is no infinity. Formats of finite numbers only
    /// saturate, and have -0 for NaN, which they cannot say.
    #[must_use]
    pub fn convert(self, x: f32) -> u16 {
        let beyond = self.max_code() + 1;
        let nan = match self.ending {
            Ending::Finite => return if x.is_nan() { self.sign() } else { self.encode(x, Rounding::Nearest) },
            Ending::OneNan => beyond,
            // The quiet one.
            Ending::Ieee => beyond | 1 << (self.mantissa - 1),
        };
        let code = if x.is_nan() {
            nan
        } else {
            self.magnitude_code(x.abs().min(2.0 * self.max()).min(f32::MAX), x, Rounding::Nearest).min(beyond)
        };
        code | self.sign_of(x)
    }

    fn sign_of(self, x: f32) -> u16 {
        if x.is_sign_negative() { self.sign() } else { 0 }
    }

    /// The code of a magnitude, of a number with the sign of `x`. It may be the one after the largest.
    fn magnitude_code(self, magnitude: f32, x: f32, rounding: Rounding) -> u16 {
        let (exponent, steps) = self.steps(magnitude, x < 0.0, rounding);
        // Subnormal numbers have the exponent of the first normal ones, without the hidden bit that counts in `steps`.
        (((exponent - self.min_exponent()) as u16) << self.mantissa) + steps as u16
    }
}

/// `2^exponent`, exactly; 0 or infinity where f32 ends.
pub(crate) fn power_of_two(exponent: i32) -> f32 {
    match exponent {
        128.. => f32::INFINITY,
        -126..128 => f32::from_bits(((exponent + 127) as u32) << 23),
        -149..-126 => f32::from_bits(1 << (exponent + 149)),
        _ => 0.0,
    }
}

/// `floor(log2(x))` of a positive finite number; less than any exponent for 0.
pub(crate) fn floor_log2(x: f32) -> i32 {
    let bits = x.to_bits() & 0x7FFF_FFFF;
    match bits >> 23 {
        0 => 31 - 149 - bits.leading_zeros() as i32,
        exponent => exponent as i32 - 127,
    }
}
