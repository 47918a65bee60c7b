//! Feature maps: what a layer makes of one image, in f32 and quantized, as pictures that are ready to be drawn.

use bitdial_ir::{Graph, Layout};
use bitdial_kernels::Backend;
use bitdial_protocol::FeatureMaps;
use bitdial_runtime::{Observed, Options, Plan};

use crate::Images;
use crate::error::LabError;
use crate::quantized::Quantized;

/// The byte of no difference.
const MIDDLE: f32 = 128.0;

/// A layer's values, channel after channel.
struct Values {
    channels: usize,
    rows: usize,
    columns: usize,
    of: Vec<f32>,
}

impl Quantized {
    /// What a layer makes of the first image of a set, and its pictures: in f32, quantized, and the difference, as
    /// [`FeatureMaps`] says. In f32 it is the model that the recipe's corrections leave, which computes the same as the
    /// one they began with: equalized, a channel is larger or smaller in both.
    ///
    /// # Errors
    /// [`LabError::NoNode`] if there is no such layer, [`LabError::Images`] if the image does not fit the model,
    /// [`LabError::Runtime`] if it cannot run.
    pub fn maps(&self, image: &Images, layer: &str) -> Result<(FeatureMaps, [Vec<u8>; 3]), LabError> {
        let float = values(self.float(), image, layer, self.backend())?;
        let quantized = values(self.graph(), image, layer, self.backend())?;
        Ok(compare(layer, &float, &quantized.of))
    }
}

/// Runs an image and keeps what a layer puts out.
fn values(graph: &Graph, image: &Images, layer: &str, backend: Backend) -> Result<Values, LabError> {
    let node = graph.nodes.iter().find(|node| node.name == layer).ok_or_else(|| LabError::NoNode(layer.to_owned()))?;
    if let [input] = graph.inputs[..] {
        image.check_fit(&graph.value(input).dims)?;
    }
    let value = graph.value(node.output);
    let mut plan = Plan::compile_unfused(graph, Options { backend, strict: true })?;
    let mut seen = Vec::new();
    plan.observe(&[&image.inputs(0..1)?], 1, &mut |id, observed| {
        if id == node.output {
            seen = match (observed, value.quant) {
                (Observed::F32(x), _) => x.to_vec(),
                (Observed::U8(x), Some(grid)) => x.iter().map(|&q| grid.dequantize(q)).collect(),
                (Observed::U8(_), None) => Vec::new(),
            };
        }
    })?;
    let own_order = graph.layout == Layout::Nchw || graph.outputs.contains(&node.output);
    Ok(match value.dims[..] {
        [channels, rows, columns] if own_order => Values { channels, rows, columns, of: seen },
        [rows, columns, channels] => {
            let of = (0..channels).flat_map(|channel| seen.iter().skip(channel).step_by(channels).copied()).collect();
            Values { channels, rows, columns, of }
        }
        _ => Values { channels: 1, rows: 1, columns: seen.len(), of: seen },
    }
    .flat())
}

impl Values {
    /// Pictures of one value each are one picture.
    fn flat(self) -> Self {
        if self.rows * self.columns == 1 { Self { channels: 1, rows: 1, columns: self.channels, of: self.of } } else { self }
    }
}

/// Compares what it is in f32 with what it is quantized.
fn compare(layer: &str, float: &Values, quantized: &[f32]) -> (FeatureMaps, [Vec<u8>; 3]) {
    let finite = || float.of.iter().chain(quantized).copied().filter(|x| x.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    let difference: Vec<f32> = quantized.iter().zip(&float.of).map(|(q, f)| q - f).collect();
    let most = difference.iter().copied().filter(|d| d.is_finite()).fold(0.0, |most: f32, d| most.max(d.abs()));
    // In f64, where the distance of two finite f32 is finite. What is no number becomes 0.
    let width = (f64::from(high) - f64::from(low)).max(f64::MIN_POSITIVE);
    let byte = |x: &f32| (255.0 * (f64::from(*x) - f64::from(low)) / width).round() as u8;
    let signed = |d: &f32| (MIDDLE + if most > 0.0 { (127.0 * (d / most)).round() } else { 0.0 }) as u8;
    let pictures = [float.of.iter().map(byte).collect(), quantized.iter().map(byte).collect(), difference.iter().map(signed).collect()];
    let each = (float.rows * float.columns).max(1);
    let channels = float.of.chunks(each).zip(quantized.chunks(each)).map(|(f, q)| sqnr(f, q)).collect();
    let (rows, columns) = (float.rows, float.columns);
    let maps = FeatureMaps { layer: layer.to_owned(), rows, columns, low, high, most, sqnr: sqnr(&float.of, quantized), channels };
    (maps, pictures)
}

/// Signal-to-quantization-noise ratio, dB; `None` without signal or without noise.
fn sqnr(float: &[f32], quantized: &[f32]) -> Option<f32> {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (&f, &q) in float.iter().zip(quantized) {
        let (f, error) = (f64::from(f), f64::from(q) - f64::from(f));
        if error.is_finite() {
            signal += f * f;
            noise += error * error;
        }
    }
    (signal > 0.0 && noise > 0.0).then(|| (10.0 * (signal / noise).log10()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_share_a_scale_and_a_difference_has_its_own() {
        let float = Values { channels: 2, rows: 1, columns: 2, of: vec![0.0, 2.0, 4.0, 1.0] };
        let (maps, [f, q, d]) = compare("conv", &float, &[0.0, 2.0, 5.0, 0.5]);
        assert_eq!((maps.rows, maps.columns, maps.low, maps.high, maps.most), (1, 2, 0.0, 5.0, 1.0));
        assert_eq!((f, q), (vec![0, 102, 204, 51], vec![0, 102, 255, 26]));
        assert_eq!(d, [128, 128, 255, 64]);
        assert_eq!(maps.channels[0], None);
        assert!((maps.channels[1].unwrap() - 10.0 * (17.0f32 / 1.25).log10()).abs() < 1e-4, "{maps:?}");
        assert!((maps.sqnr.unwrap() - 10.0 * (21.0f32 / 1.25).log10()).abs() < 1e-4, "{maps:?}");
    }

    #[test]
    fn what_is_no_number_and_what_is_all_the_same_can_be_drawn() {
        let of = |of: Vec<f32>| Values { channels: 1, rows: 1, columns: of.len(), of };
        for (float, quantized, low, high, most) in [
            (vec![3.0, 3.0], vec![3.0, 3.0], 3.0, 3.0, 0.0),
            (vec![f32::NAN, f32::INFINITY], vec![f32::NAN, 1.0], 1.0, 1.0, 0.0),
            (vec![f32::MIN, f32::MAX], vec![0.0, 0.0], f32::MIN, f32::MAX, f32::MAX),
            (vec![], vec![], 0.0, 0.0, 0.0),
        ] {
            let (maps, pictures) = compare("x", &of(float.clone()), &quantized);
            assert_eq!((maps.low, maps.high, maps.most), (low, high, most), "{float:?}");
            assert!(pictures.iter().all(|picture| picture.len() == float.len()));
        }
    }

    #[test]
    fn pictures_of_one_value_are_one_picture() {
        let flat = Values { channels: 3, rows: 1, columns: 1, of: vec![1.0, 2.0, 3.0] }.flat();
        assert_eq!((flat.channels, flat.rows, flat.columns), (1, 1, 3));
    }
}
