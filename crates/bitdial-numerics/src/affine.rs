//! Integer grids: a scale, a zero point and the integers between two ends.
//!
//! Source: Jacob et al. 2018, section 2.1: `real = scale * (integer - zero_point)`.

use crate::rounding::Rounding;

/// `x` rounded to the nearest integer, ties to even, as f32. Saturation is the caller's.
#[must_use]
pub fn round_ties_even(x: f32) -> f32 {
    x.round_ties_even()
}

/// The grid of one activation tensor. Integers are kept as u8 whatever the scheme, so that one set of kernels serves
/// signed and unsigned ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationParams {
    /// Distance of two neighbours; positive and finite.
    pub scale: f32,
    /// The integer that stands for 0.0; between `low` and `high`.
    pub zero_point: u8,
    /// Smallest integer in use.
    pub low: u8,
    /// Largest integer in use.
    pub high: u8,
}

impl ActivationParams {
    /// The grid of `bits` (1..=8) bits that covers `min..=max` (and 0) with a free zero point.
    #[must_use]
    pub fn affine(min: f32, max: f32, bits: u8) -> Self {
        let (min, max) = (min.min(0.0), max.max(0.0));
        let high = top(bits);
        let scale = usable((max - min) / f32::from(high));
        let zero_point = round_ties_even(-min / scale).clamp(0.0, f32::from(high)) as u8;
        Self { scale, zero_point, low: 0, high }
    }

    /// The grid of `bits` (1..=8) bits that covers `min..=max` and has its zero in the middle: the signed integers
    /// `-(2^(bits-1) - 1)..=2^(bits-1) - 1`, kept with an offset of `2^(bits-1)`. A tensor without negative values
    /// uses the upper half, with no offset. Two integers have no middle: at 1 bit this is the affine grid.
    #[must_use]
    pub fn symmetric(min: f32, max: f32, bits: u8) -> Self {
        if bits == 1 {
            return Self::affine(min, max, bits);
        }
        let half = top(bits - 1);
        let scale = usable(max.max(-min).max(0.0) / f32::from(half));
        if min >= 0.0 {
            Self { scale, zero_point: 0, low: 0, high: half }
        } else {
            let zero_point = half + 1;
            Self { scale, zero_point, low: 1, high: zero_point + half }
        }
    }

    /// The integer for a real value: nearest, ties to even, saturating; NaN becomes the zero point.
    #[must_use]
    pub fn quantize(&self, x: f32) -> u8 {
        let zero = f32::from(self.zero_point);
        let q = (x / self.scale).clamp(f32::from(self.low) - zero, f32::from(self.high) - zero);
        if q.is_nan() { self.zero_point } else { (round_ties_even(q) + zero) as u8 }
    }

    /// The real value of an integer.
    #[must_use]
    pub fn dequantize(&self, q: u8) -> f32 {
        self.scale * f32::from(i16::from(q) - i16::from(self.zero_point))
    }
}

/// The grid of one group of weights: signed integers of `bits` bits; -1 and 1 at 1 bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightParams {
    /// Distance of two neighbours; positive and finite.
    pub scale: f32,
    /// The integer that stands for 0.0; 0 at 1 bit.
    pub zero_point: i8,
    /// Width, 1..=8.
    pub bits: u8,
}

impl WeightParams {
    /// The grid of 1 bit for weights whose magnitudes have this mean: of all scales the one with the least squared error.
    /// Source: Rastegari et al. 2016, 'XNOR-Net', section 3.1.
    #[must_use]
    pub fn binary(mean_magnitude: f32) -> Self {
        // Zeros alone become next to nothing: there is no integer for 0.0.
        const SMALLEST: f32 = 1e-18;
        let scale = if mean_magnitude > SMALLEST { mean_magnitude.min(f32::MAX) } else { SMALLEST };
        Self { scale, zero_point: 0, bits: 1 }
    }

    /// The finest grid with zero point 0 and all `2^bits` integers that covers `min..=max`.
    #[must_use]
    pub fn symmetric(min: f32, max: f32, bits: u8) -> Self {
        let (low, high) = signed_range(bits);
        let scale = usable((max / f32::from(high)).max(min / f32::from(low)).max(0.0));
        Self { scale, zero_point: 0, bits }
    }

    /// The grid that covers `min..=max` (and 0) with a free zero point; at 1 bit the symmetric one.
    #[must_use]
    pub fn affine(min: f32, max: f32, bits: u8) -> Self {
        if bits == 1 {
            return Self::symmetric(min, max, bits);
        }
        let (min, max) = (min.min(0.0), max.max(0.0));
        let (low, high) = signed_range(bits);
        let scale = usable((max - min) / f32::from(top(bits)));
        let zero_point = round_ties_even(f32::from(low) - min / scale).clamp(f32::from(low), f32::from(high)) as i8;
        Self { scale, zero_point, bits }
    }

    /// Smallest and largest integer.
    #[must_use]
    pub fn range(&self) -> (i8, i8) {
        signed_range(self.bits)
    }

    /// Every integer, the smallest first.
    pub fn integers(&self) -> impl Iterator<Item = i8> + use<> {
        let (low, high) = self.range();
        (low..=high).step_by(if self.bits == 1 { 2 } else { 1 })
    }

    /// The integer for a real value: nearest, ties to even, saturating; NaN becomes the zero point. At 1 bit the sign,
    /// and 1 for 0.0 and NaN.
    #[must_use]
    pub fn quantize(&self, x: f32) -> i8 {
        self.quantize_by(x, Rounding::Nearest)
    }

    /// The same with any rounding.
    #[must_use]
    pub fn quantize_by(&self, x: f32, rounding: Rounding) -> i8 {
        let (low, high) = self.range();
        if self.bits == 1 {
            let up = match rounding {
                Rounding::Nearest => x >= 0.0 || x.is_nan(),
                // -1 and 1 are two steps apart.
                _ => rounding.integer((x / self.scale + 1.0) / 2.0) >= 1.0 || x.is_nan(),
            };
            return if up { high } else { low };
        }
        let zero = f32::from(self.zero_point);
        let q = (x / self.scale).clamp(f32::from(low) - zero, f32::from(high) - zero);
        if q.is_nan() { self.zero_point } else { (rounding.integer(q) + zero) as i8 }
    }

    /// The real value of an integer.
    #[must_use]
    pub fn dequantize(&self, q: i8) -> f32 {
        self.scale * f32::from(i16::from(q) - i16::from(self.zero_point))
    }
}

/// Largest unsigned integer of `bits` bits.
fn top(bits: u8) -> u8 {
    debug_assert!((1..=8).contains(&bits));
    u8::MAX >> (8 - bits)
}

/// Smallest and largest signed integer of `bits` bits.
fn signed_range(bits: u8) -> (i8, i8) {
    debug_assert!((1..=8).contains(&bits));
    if bits == 1 {
        return (-1, 1);
    }
    (i8::MIN >> (8 - bits), i8::MAX >> (8 - bits))
}

/// A scale that can be divided by: 1 for a range of nothing (or NaN), the largest finite value for an infinite range,
/// and never so small that its reciprocal overflows.
pub(crate) fn usable(scale: f32) -> f32 {
    const SMALLEST: f32 = 1e-30;
    if scale > 0.0 { scale.clamp(SMALLEST, f32::MAX) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn grids_of_known_ranges() {
        let a = ActivationParams::affine(0.0, 6.0, 8);
        assert_eq!((a.zero_point, a.low, a.high), (0, 0, 255));
        assert_eq!(a.scale, 6.0 / 255.0);
        let a = ActivationParams::affine(-1.0, 2.0, 2);
        assert_eq!((a.scale, a.zero_point, a.high), (1.0, 1, 3));
        let a = ActivationParams::symmetric(-1.0, 2.0, 8);
        assert_eq!((a.zero_point, a.low, a.high, a.scale), (128, 1, 255, 2.0 / 127.0));
        let a = ActivationParams::symmetric(0.0, 2.0, 8);
        assert_eq!((a.zero_point, a.low, a.high), (0, 0, 127));
        let w = WeightParams::symmetric(-1.0, 1.0, 4);
        assert_eq!((w.scale, w.zero_point, w.range()), (1.0 / 7.0, 0, (-8, 7)));
        let w = WeightParams::symmetric(-8.0, 1.0, 4);
        assert_eq!(w.scale, 1.0);
        let w = WeightParams::affine(0.0, 15.0, 4);
        assert_eq!((w.scale, w.zero_point), (1.0, -8));
    }

    #[test]
    fn one_bit_of_known_ranges() {
        for of in [ActivationParams::affine, ActivationParams::symmetric] {
            let a = of(0.0, 6.0, 1);
            assert_eq!((a.scale, a.zero_point, a.low, a.high), (6.0, 0, 0, 1));
            assert_eq!([-1.0, 2.0, 4.0, 9.0].map(|x| a.quantize(x)), [0, 0, 1, 1]);
            assert_eq!(of(-2.0, 1.0, 1).zero_point, 1);
        }
        let w = WeightParams::binary(0.5);
        assert_eq!((w.scale, w.zero_point, w.range()), (0.5, 0, (-1, 1)));
        assert_eq!([-9.0, -0.01, 0.0, 0.01, f32::NAN].map(|x| w.dequantize(w.quantize(x))), [-0.5, -0.5, 0.5, 0.5, 0.5]);
        assert_eq!([0.0, f32::NAN, f32::INFINITY].map(|mean| WeightParams::binary(mean).scale), [1e-18, 1e-18, f32::MAX]);
        assert_eq!(WeightParams::affine(-3.0, 1.0, 1), WeightParams { scale: 3.0, zero_point: 0, bits: 1 });
    }

    #[test]
    fn integers_are_rounded_any_way() {
        let four = WeightParams { scale: 0.5, zero_point: -3, bits: 4 };
        let one = WeightParams::binary(0.5);
        for (grid, x, nearest, floor, often, seldom) in [
            (four, 0.3, -2, -3, -2, -3),
            (four, -0.3, -4, -4, -3, -4),
            (four, 9.0, 7, 7, 7, 7),
            (four, -9.0, -8, -8, -8, -8),
            (four, f32::NAN, -3, -3, -3, -3),
            (one, 0.2, 1, -1, 1, -1),
            (one, -0.2, -1, -1, 1, -1),
            (one, 0.5, 1, 1, 1, 1),
            (one, -0.7, -1, -1, -1, -1),
            (one, f32::NAN, 1, 1, 1, 1),
        ] {
            let found = [Rounding::Nearest, Rounding::Floor, Rounding::Stochastic(0.1), Rounding::Stochastic(0.9)];
            assert_eq!(found.map(|rounding| grid.quantize_by(x, rounding)), [nearest, floor, often, seldom], "{x} of {grid:?}");
        }
    }

    #[test]
    fn nothing_infinity_and_nan_have_a_grid() {
        for (min, max) in [(0.0, 0.0), (f32::NEG_INFINITY, f32::INFINITY), (f32::NAN, f32::NAN), (0.0, 1e-45)] {
            for bits in 1..=8 {
                for p in [ActivationParams::affine(min, max, bits), ActivationParams::symmetric(min, max, bits)] {
                    assert!(p.scale.is_finite() && p.scale > 0.0, "{min} {max} {bits}: {p:?}");
                    assert_eq!(p.quantize(0.0), p.zero_point);
                    assert_eq!(p.quantize(f32::NAN), p.zero_point);
                }
                for p in [WeightParams::affine(min, max, bits), WeightParams::symmetric(min, max, bits)] {
                    assert!(p.scale.is_finite() && p.scale > 0.0, "{min} {max} {bits}: {p:?}");
                    assert!(bits == 1 || p.quantize(0.0) == p.zero_point);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn values_inside_of_the_range_move_by_half_a_step_at_most(min in -100f32..0.0, span in 0.001f32..200.0, t in 0f32..=1.0, bits in 2u8..=8) {
            let max = min + span;
            let x = min + t * span;
            let close = |scale: f32, back: f32| (back - x).abs() <= 0.5001 * scale + 1e-4 * x.abs();
            let p = ActivationParams::affine(min, max.max(0.0), bits);
            // An affine grid may lose up to half a step at an end, to the rounding of the zero point.
            prop_assert!((p.dequantize(p.quantize(x)) - x).abs() <= 1.001 * p.scale);
            let p = ActivationParams::symmetric(min, max, bits);
            prop_assert!(close(p.scale, p.dequantize(p.quantize(x))));
            let p = WeightParams::symmetric(min, max, bits);
            prop_assert!(close(p.scale, p.dequantize(p.quantize(x))));
            let p = WeightParams::affine(min, max, bits);
            prop_assert!((p.dequantize(p.quantize(x)) - x).abs() <= 1.001 * p.scale);
        }

        #[test]
        fn every_integer_survives_the_round_trip(min in -10f32..0.0, max in 0.001f32..10.0, bits in 1u8..=8) {
            for p in [ActivationParams::affine(min, max, bits), ActivationParams::symmetric(min, max, bits)] {
                for q in p.low..=p.high {
                    prop_assert_eq!(p.quantize(p.dequantize(q)), q);
                }
            }
            for p in [WeightParams::affine(min, max, bits), WeightParams::symmetric(min, max, bits)] {
                for q in p.integers() {
                    prop_assert_eq!(p.quantize(p.dequantize(q)), q);
                }
            }
        }
    }
}
