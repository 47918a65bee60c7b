//! Grids of weights that are integers.

use bitdial_numerics::{Rounding, WeightParams, power_of_two_above};
use bitdial_protocol::{Format, WeightScheme};

use super::search;

/// The grid of some weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct IntGrid {
    pub params: WeightParams,
    /// Of ternary weights: what is not larger becomes 0.
    cut: Option<f32>,
}

impl IntGrid {
    /// The grid for some weights, its scale no smaller than `floor`.
    pub fn fit(weights: &[f32], scheme: &WeightScheme, floor: f32) -> Self {
        if scheme.format == Format::Ternary {
            return Self::ternary(weights, floor);
        }
        let bits = scheme.bits.get();
        if bits == 1 {
            let best = WeightParams::binary(mean_magnitude(weights));
            return Self { params: WeightParams { scale: best.scale.max(floor), ..best }, cut: None };
        }
        let (min, max) = weights.iter().fold((0.0f32, 0.0f32), |(min, max), &w| (min.min(w), max.max(w)));
        let at = |ratio: f32| covering(min * ratio, max * ratio, scheme, floor);
        Self { params: search::range(scheme.range, weights, at, |grid, w| grid.dequantize(grid.quantize(w))), cut: None }
    }

    /// Zero where a magnitude is at most 0.7 of the mean, else the sign times the mean of the magnitudes that are larger.
    /// Source: Li et al. 2016, 'Ternary weight networks', section 2.3.
    fn ternary(weights: &[f32], floor: f32) -> Self {
        let cut = (0.7 * f64::from(mean_magnitude(weights))) as f32;
        let (sum, count) = weights.iter().map(|w| w.abs()).filter(|&w| w > cut).fold((0.0f64, 0u64), |(s, n), w| (s + f64::from(w), n + 1));
        let scale = if sum > 0.0 { (sum / count as f64).clamp(1e-30, f64::from(f32::MAX)) as f32 } else { 1.0 };
        Self { params: WeightParams { scale: scale.max(floor), zero_point: 0, bits: 2 }, cut: Some(cut) }
    }

    /// The integer for a weight.
    pub fn quantize(&self, x: f32, rounding: Rounding) -> i8 {
        match self.cut {
            Some(cut) if rounding == Rounding::Nearest => {
                // NaN is neither.
                i8::from(x > cut) - i8::from(x < -cut)
            }
            Some(_) => self.params.quantize_by(x.max(-self.params.scale), rounding).clamp(-1, 1),
            None => self.params.quantize_by(x, rounding),
        }
    }
}

/// The mean of the magnitudes.
fn mean_magnitude(weights: &[f32]) -> f32 {
    (weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len().max(1) as f64) as f32
}

/// The grid that covers a range, its scale no smaller than `floor`.
fn covering(min: f32, max: f32, scheme: &WeightScheme, floor: f32) -> WeightParams {
    let bits = scheme.bits.get();
    if scheme.format == Format::Fixed {
        let tight = WeightParams::symmetric(min, max, bits);
        return WeightParams { scale: power_of_two_above(tight.scale.max(floor)), ..tight };
    }
    let of = if scheme.symmetric { WeightParams::symmetric } else { WeightParams::affine };
    let tight = of(min, max, bits);
    // Zeros alone fit any scale.
    if floor > 0.0 && (tight.scale < floor || min == max) {
        // As wide a range as the integers span at this scale.
        let (low, high) = (f32::from(tight.range().0), f32::from(tight.range().1));
        return if scheme.symmetric { of(min, floor * high, bits) } else { of(min, min + floor * (high - low), bits) };
    }
    tight
}
