//! What quantization broke, layer by layer; which widths would serve better; what to try next.

use serde::{Deserialize, Serialize};

use crate::recipe::{LayerOverride, Recipe, WeightOverride};
use crate::result::Histogram;
use crate::scheme::Bits;

/// What quantization did to one tensor: the weights of a layer, or the activations that it puts out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorDiagnosis {
    /// Signal-to-quantization-noise ratio, dB: `10 log10(sum x^2 / sum (x - x')^2)`; `None` without signal or noise.
    pub sqnr: Option<f32>,
    /// Share of the values that lie beyond the ends of their grid by more than half a step; 0 to 1.
    pub clipped: f32,
    /// Share of the values other than 0 that become 0; 0 to 1.
    pub zeroed: f32,
    /// Widest range of a channel divided by the narrowest (absolute maxima; channels of zeros left out); at least 1.
    pub range_ratio: f32,
    /// Where the grid begins, of the channel or group with the widest range.
    pub low: f32,
    /// Where it ends.
    pub high: f32,
    /// The values of that grid, ascending; empty where it has more than 256 or is found on each run.
    pub grid: Vec<f32>,
    /// The values in f32.
    pub histogram: Histogram,
}

/// What quantization did to one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDiagnosis {
    /// As in [`crate::LayerInfo`].
    pub name: String,
    /// Its weights; `None` where it has none or they stay in f32.
    pub weights: Option<TensorDiagnosis>,
    /// The activations that it puts out, or those that it takes where they are quantized on each run; `None` for f32.
    pub activations: Option<TensorDiagnosis>,
    /// SQNR of the model's output with only this layer quantized, dB; `None` without noise.
    pub only: Option<f32>,
    /// SQNR of the model's output with this layer and all before it quantized, dB; `None` without noise.
    pub up_to: Option<f32>,
}

/// A diagnosis of a quantized model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// On how many calibration images.
    pub images: usize,
    /// SQNR of the model's output with everything quantized, dB; `None` without noise.
    pub output: Option<f32>,
    /// Share of that noise which is the same for every image; 0 to 1.
    pub shift: f32,
    /// Layers that are quantized, in order of execution.
    pub layers: Vec<LayerDiagnosis>,
}

/// Which layers of a quantized model stay quantized; the others are f32 again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// One layer.
    Only,
    /// One layer and all before it.
    UpTo,
    /// All but one layer.
    Except,
}

/// The accuracy of a model in which one layer is set apart, measured on labelled images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerAccuracy {
    /// The layer.
    pub name: String,
    /// Images.
    pub count: usize,
    /// Those classified right with only this layer quantized.
    pub only: usize,
    /// Those classified right with only this layer in f32.
    pub except: usize,
}

/// One width that a layer's weights could have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WidthOption {
    /// The width.
    pub bits: u8,
    /// Bytes of the packed layer.
    pub bytes: usize,
    /// Measured loss of the model with only this layer's weights at this width: the mean Kullback-Leibler divergence of
    /// its softmax from that of f32, nats.
    pub loss: f32,
}

/// How much a layer suffers from narrow weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSensitivity {
    /// The layer.
    pub name: String,
    /// How many weights it has.
    pub weights: usize,
    /// Every width that was measured, narrowest first.
    pub options: Vec<WidthOption>,
}

/// What a run with all layers at the widths of an allocation showed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredPoint {
    /// The mean Kullback-Leibler divergence of the model's softmax from that of f32, nats.
    pub loss: f32,
    /// Points of accuracy lost against f32 on the images of the search, which come from the training split; less than 0
    /// where accuracy was gained. Where the images have no labels, points of agreement with f32 that are missing.
    pub drop: f32,
}

/// An allocation: a width for each layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Bytes of the packed model, as predicted from its layers.
    pub bytes: usize,
    /// Mean width of a weight, bits.
    pub bits: f32,
    /// Sum of the layers' losses, nats.
    pub loss: f32,
    /// The width of each layer, in the order of [`Frontier::layers`].
    pub widths: Vec<u8>,
    /// What running it showed; `None` where it was not run.
    pub measured: Option<MeasuredPoint>,
}

/// What a search for mixed precision has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frontier {
    /// On how many calibration images sensitivity was measured.
    pub images: usize,
    /// On how many calibration images allocations were run.
    pub run_images: usize,
    /// What was measured: layers with weights, in order of execution.
    pub layers: Vec<LayerSensitivity>,
    /// Best allocations, smallest first: none has a smaller predicted loss in as few bytes.
    pub points: Vec<FrontierPoint>,
    /// The widest allocation within the budget with one width for all layers, run; `None` if there is none.
    pub uniform: Option<FrontierPoint>,
    /// The best allocation within the budget, run; `None` if there is none. By what was measured it is not worse than
    /// `uniform`.
    pub chosen: Option<FrontierPoint>,
}

impl Frontier {
    /// A recipe with the widths of a point: exceptions where a layer differs from the recipe's own width, and no other
    /// exception of a width.
    #[must_use]
    pub fn recipe(&self, point: &FrontierPoint, base: &Recipe) -> Recipe {
        let mut recipe = base.clone();
        for (layer, &width) in self.layers.iter().zip(&point.widths) {
            let Ok(bits) = Bits::new(width) else { continue };
            let own = recipe.layers.entry(layer.name.clone()).or_default();
            let weights = own.weights.get_or_insert_default();
            weights.bits = (bits != recipe.weights.bits).then_some(bits);
            if *weights == WeightOverride::default() {
                own.weights = None;
            }
        }
        recipe.layers.retain(|_, own| *own != LayerOverride::default());
        recipe
    }
}

/// What a search for mixed precision may spend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Bytes of the packed model: the smallest loss in no more.
    Bytes(usize),
    /// Mean width of a weight, bits: the smallest loss with no more.
    Bits(f32),
    /// Points of accuracy that may be lost against f32, as runs on the images of the search measure it
    /// ([`MeasuredPoint::drop`]): the fewest bytes with no more.
    Drop(f32),
}

/// Something to try next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What was seen and what it suggests, in one sentence.
    pub text: String,
    /// The recipe with the change.
    pub recipe: Recipe,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_exceptions_of_the_recipe() {
        let layer = |name: &str| LayerSensitivity { name: name.into(), weights: 1, options: Vec::new() };
        let point = FrontierPoint { bytes: 0, bits: 0.0, loss: 0.0, widths: vec![4, 8, 2], measured: None };
        let layers = ["a", "b", "c"].map(layer).to_vec();
        let frontier = Frontier { images: 1, run_images: 1, layers, points: Vec::new(), uniform: None, chosen: None };
        let base = r#"{"weights":{"bits":4},"layers":{"a":{"weights":{"bits":2}},"c":{"weights":{"symmetric":false}},"d":{"activations":{"bits":4}}}}"#;
        let recipe = frontier.recipe(&point, &Recipe::from_json(base).unwrap());
        let widths = ["a", "b", "c", "d"].map(|name| recipe.weights_of(name).bits.get());
        assert_eq!(widths, [4, 8, 2, 4]);
        assert!(!recipe.layers.contains_key("a") && recipe.layers.contains_key("d"));
        assert!(!recipe.weights_of("c").symmetric);
    }
}
