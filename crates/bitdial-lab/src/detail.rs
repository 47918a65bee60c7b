//! A closer look at one layer's weights: their histogram and the grid they are on.

use bitdial_ir::Weights;
use bitdial_protocol::{Histogram, LayerDetail};

/// Bins of a histogram.
const BINS: usize = 64;

/// Looks at a layer: its f32 weights, one row per output channel, and the same weights quantized.
#[must_use]
pub fn layer(name: &str, weights: &[f32], channels: usize, quantized: &Weights) -> LayerDetail {
    let maxima = channel_maxima(weights, channels);
    let widest = (0..maxima.len()).reduce(|a, b| if maxima[b] > maxima[a] { b } else { a });
    let per_channel = quantized.scales() > 1 || matches!(quantized, Weights::Coded(w) if w.codebooks() > 1);
    let grid_channel = widest.filter(|_| per_channel);
    LayerDetail {
        name: name.to_owned(),
        weights: histogram(weights),
        grid: if weights.is_empty() { Vec::new() } else { quantized.grid(largest(weights, grid_channel, channels), channels) },
        grid_channel,
        scales: quantized.scales(),
        range_ratio: ratio(&maxima),
    }
}

/// The largest absolute weight of a channel; the first weight if there is no channel.
fn largest(weights: &[f32], channel: Option<usize>, channels: usize) -> usize {
    let row = weights.len() / channels.max(1);
    let larger = |a: usize, b: usize| if weights[b].abs() > weights[a].abs() { b } else { a };
    channel.and_then(|c| (c * row..(c + 1) * row).reduce(larger)).unwrap_or(0)
}

/// Counts of values in [`BINS`] bins between the smallest and the largest finite one.
fn histogram(values: &[f32]) -> Histogram {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let mut counts = vec![0; BINS];
    if low > high {
        return Histogram { low: 0.0, high: 0.0, counts };
    }
    // In f64, where the distance of two finite f32 is finite.
    let width = (f64::from(high) - f64::from(low)) / BINS as f64;
    for v in finite() {
        let bin = if width > 0.0 { ((f64::from(v) - f64::from(low)) / width) as usize } else { 0 };
        counts[bin.min(BINS - 1)] += 1;
    }
    Histogram { low, high, counts }
}

/// The largest absolute weight of each output channel.
fn channel_maxima(weights: &[f32], channels: usize) -> Vec<f32> {
    let row = (weights.len() / channels.max(1)).max(1);
    weights.chunks(row).map(|row| row.iter().fold(0.0, |max: f32, w| max.max(w.abs()))).collect()
}

/// The largest maximum divided by the smallest that is not 0; 1 if all are.
fn ratio(maxima: &[f32]) -> f32 {
    let some = || maxima.iter().copied().filter(|&m| m > 0.0 && m.is_finite());
    let (low, high) = some().fold((f32::INFINITY, 0.0f32), |(low, high), m| (low.min(m), high.max(m)));
    if low <= high { high / low } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{CodedWeights, Meaning, QuantizedWeights, Scales};
    use bitdial_numerics::{PackedCodes, PackedInts, WeightParams};

    use super::*;

    fn quantized(weights: &[f32], params: &[WeightParams], group: Option<usize>) -> Weights {
        let row = weights.len() / params.len();
        let integers: Vec<i8> = weights.iter().enumerate().map(|(i, &w)| params[i / row].quantize(w)).collect();
        Weights::Int(QuantizedWeights { values: PackedInts::pack(&integers, params[0].bits), params: params.to_vec(), group })
    }

    #[test]
    fn histograms_count_every_finite_value() {
        for (values, low, high, first, last) in [
            (vec![], 0.0, 0.0, 0, 0),
            (vec![f32::NAN, f32::INFINITY], 0.0, 0.0, 0, 0),
            (vec![2.0, 2.0], 2.0, 2.0, 2, 0),
            (vec![0.0, 1.0, 1.0, 0.5], 0.0, 1.0, 1, 2),
            (vec![f32::MIN, f32::MAX, f32::NAN], f32::MIN, f32::MAX, 1, 1),
        ] {
            let h = histogram(&values);
            assert_eq!((h.low, h.high, h.counts[0], h.counts[BINS - 1]), (low, high, first, last), "{values:?}");
            assert_eq!(h.counts.iter().sum::<u32>() as usize, values.iter().filter(|v| v.is_finite()).count());
        }
    }

    #[test]
    fn the_widest_channel_shows_its_grid() {
        let weights = [0.1, -0.1, 0.0, 0.0, 0.2, 0.4];
        let params = [0.1, 0.0, 0.4].map(|max| WeightParams::symmetric(-max, max, 2));
        let detail = layer("conv", &weights, 3, &quantized(&weights, &params, None));
        assert_eq!((detail.grid_channel, detail.scales, detail.range_ratio), (Some(2), 3, 4.0));
        assert_eq!(detail.grid, [-0.8, -0.4, 0.0, 0.4]);
        let detail = layer("conv", &weights, 3, &quantized(&weights, &params[2..], None));
        assert_eq!((detail.grid_channel, detail.scales, detail.grid.len()), (None, 1, 4));
        let groups = quantized(&weights, &params, Some(16));
        assert_eq!(layer("conv", &weights, 3, &groups).grid, [-0.8, -0.4, 0.0, 0.4]);
        let sign = layer("conv", &weights, 3, &quantized(&weights, &[WeightParams::binary(0.5)], None));
        assert_eq!(sign.grid, [-0.5, 0.5]);
        let detail = layer("conv", &weights, 3, &Weights::F32(weights.to_vec()));
        assert_eq!((detail.grid_channel, detail.scales, detail.grid.len()), (None, 0, 0));
    }

    #[test]
    fn a_channel_with_a_codebook_of_its_own_shows_it() {
        let weights = [0.1, -0.1, 0.2, 0.4];
        let codes = PackedCodes::pack(&[1, 0, 0, 1], 1);
        let book = |values: &[f32]| {
            let meaning = Meaning::Codebook(values.to_vec());
            Weights::Coded(CodedWeights { codes: codes.clone(), meaning, scales: Scales::One })
        };
        let detail = layer("conv", &weights, 2, &book(&[-0.1, 0.1, 0.4, 0.2]));
        assert_eq!((detail.grid_channel, detail.scales, detail.grid), (Some(1), 0, vec![0.2, 0.4]));
        let detail = layer("conv", &weights, 2, &book(&[-0.1, 0.3]));
        assert_eq!((detail.grid_channel, detail.scales, detail.grid), (None, 0, vec![-0.1, 0.3]));
    }
}
