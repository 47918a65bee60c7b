//! Weights: real numbers to integers, and how much noise that is.

use bitdial_ir::{QuantizedWeights, Weights};
use bitdial_numerics::{PackedInts, WeightParams};
use bitdial_protocol::{Granularity, WeightScheme};

/// Quantizes the weights of a layer with `channels` output channels, rows of equal length.
///
/// `floors` holds, for each channel, the smallest scale that will do (0 for any): a channel whose weights are next to
/// nothing would otherwise get a scale in whose units its bias does not fit 32 bits.
///
/// # Panics
/// If the weights are not that many rows, or `floors` is shorter than the channels.
#[must_use]
pub fn quantize_weights(weights: &[f32], channels: usize, scheme: &WeightScheme, floors: &[f32]) -> QuantizedWeights {
    let bits = scheme.bits.get();
    let row = (weights.len() / channels.max(1)).max(1);
    let group = Some(usize::from(scheme.group.get())).filter(|group| scheme.granularity == Granularity::Group && row >= 2 * group);
    let params: Vec<WeightParams> = match scheme.granularity {
        Granularity::Group if group.is_some() => {
            let size = usize::from(scheme.group.get());
            // The bias is added in f32, to sums that have their scale.
            weights.chunks_exact(row).flat_map(|row| row.chunks(size)).map(|w| grid(w, scheme, 0.0)).collect()
        }
        Granularity::Tensor => vec![grid(weights, scheme, floors.iter().copied().fold(0.0, f32::max))],
        Granularity::Channel | Granularity::Group => {
            weights.chunks_exact(row).zip(floors).map(|(w, &floor)| grid(w, scheme, floor)).collect()
        }
    };
    let per_row = group.map_or(1, |group| row.div_ceil(group));
    let of = |i: usize| if params.len() == 1 { params[0] } else { params[i / row * per_row + group.map_or(0, |group| i % row / group)] };
    let values: Vec<i8> = weights.iter().enumerate().map(|(i, &w)| of(i).quantize(w)).collect();
    QuantizedWeights { values: PackedInts::pack(&values, bits), params, group }
}

/// The grid that covers some weights, its scale no smaller than `floor`.
fn grid(weights: &[f32], scheme: &WeightScheme, floor: f32) -> WeightParams {
    let bits = scheme.bits.get();
    if bits == 1 {
        let mean = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len().max(1) as f64;
        let best = WeightParams::binary(mean as f32);
        return WeightParams { scale: best.scale.max(floor), ..best };
    }
    let (min, max) = weights.iter().fold((0.0f32, 0.0f32), |(min, max), &w| (min.min(w), max.max(w)));
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

/// Signal-to-quantization-noise ratio of a layer's weights in dB: `10 log10(sum w^2 / sum (w - w')^2)`. `None` without
/// signal or without noise.
#[must_use]
pub fn weight_sqnr(weights: &[f32], quantized: &Weights, channels: usize) -> Option<f32> {
    let back = quantized.dequantize(channels);
    let square = |x: f64| x * x;
    let signal: f64 = weights.iter().map(|&w| square(f64::from(w))).sum();
    let noise: f64 = weights.iter().zip(back.iter()).map(|(&w, &b)| square(f64::from(w) - f64::from(b))).sum();
    (signal > 0.0 && noise > 0.0).then(|| (10.0 * (signal / noise).log10()) as f32)
}
