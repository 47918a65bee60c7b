//! The recipe: the one description of a quantized model, and the only thing the page sends to change it.
//!
//! Same recipe and same model give the same bytes on any machine. The JSON names are the public format of recipe
//! files; new schemes add values, not names.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scheme::{ActivationScheme, Bits, Format, Granularity, WeightScheme};

/// Why a recipe cannot be what somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipeError {
    /// A bit-width other than 1 to 8, 16 and 32.
    Bits(u8),
    /// A group of another size than 16, 32, 64 or 128.
    Group(u16),
    /// Exponent bits outside 1..=7.
    Exponent(u8),
    /// Standard deviations outside 1..=20.
    Deviations(u8),
    /// Bits of an accumulator outside 8..=32.
    Accumulator(u8),
    /// The JSON is not a recipe.
    Json(String),
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => write!(f, "{bits} bits is not possible here: choose 1 to 8, 16, or 32 for f32"),
            Self::Group(weights) => write!(f, "groups of {weights} weights are not possible here: choose 16, 32, 64 or 128"),
            Self::Exponent(bits) => write!(f, "{bits} exponent bits are not possible here: choose 1 to 7"),
            Self::Deviations(z) => write!(f, "a range of {z} standard deviations is not possible here: choose 1 to 20"),
            Self::Accumulator(bits) => write!(f, "sums of {bits} bits are not possible here: choose 8 to 32"),
            Self::Json(reason) => write!(f, "this is not a recipe: {reason}"),
        }
    }
}

impl std::error::Error for RecipeError {}

/// How the range of an activation is chosen from what the calibration images showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationMethod {
    /// The smallest and the largest value seen.
    #[default]
    #[serde(rename = "minmax")]
    MinMax,
    /// The mean over batches of 16 images of their smallest and largest values, weighted to the latest: Jacob et al. 2018.
    MovingAverage,
    /// Without the outermost 1 % of the values.
    #[serde(rename = "percentile-99")]
    Percentile99,
    /// Without the outermost 0.1 %.
    #[serde(rename = "percentile-99.9")]
    Percentile999,
    /// Without the outermost 0.01 %.
    #[serde(rename = "percentile-99.99")]
    Percentile9999,
    /// Without the outermost 0.001 %.
    #[serde(rename = "percentile-99.999")]
    Percentile99999,
    /// The range with the least mean squared error.
    Mse,
    /// The range that loses least information (Kullback and Leibler): Migacz 2017, '`TensorRT`'.
    Entropy,
    /// Within [`Calibration::deviations`] standard deviations of the mean.
    ZScore,
}

/// Standard deviations that [`CalibrationMethod::ZScore`] keeps: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Deviations(u8);

impl Deviations {
    /// `z` standard deviations, if it lies in 1..=20.
    ///
    /// # Errors
    /// [`RecipeError::Deviations`] outside of that range.
    pub fn new(z: u8) -> Result<Self, RecipeError> {
        if (1..=20).contains(&z) { Ok(Self(z)) } else { Err(RecipeError::Deviations(z)) }
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Deviations {
    fn default() -> Self {
        Self(4)
    }
}

impl TryFrom<u8> for Deviations {
    type Error = RecipeError;
    fn try_from(z: u8) -> Result<Self, RecipeError> {
        Self::new(z)
    }
}

impl From<Deviations> for u8 {
    fn from(z: Deviations) -> Self {
        z.0
    }
}

/// A repair, in the order of the recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Correction {
    /// Cross-layer equalization with bias absorption: Nagel et al. 2019, 'Data-free quantization', sections 4.1 and 4.2.
    Cle,
    /// Activation equalization, SmoothQuant's migration: Xiao et al. 2023.
    Smooth,
    /// Rounding learned from the layer's output: Nagel et al. 2020, 'Up or down?'.
    Adaround,
    /// Rounding column by column with the error passed on: Frantar et al. 2022, 'GPTQ'.
    Gptq,
    /// Bias correction from calibration images: Nagel et al. 2019, section 4.3, and 2021, section 3.3.
    Bias,
    /// Statistics of BatchNorm found again under quantization: Sun et al. 2019.
    Bn,
}

impl Correction {
    /// Every correction, in the order in which they make sense.
    pub const ALL: [Self; 6] = [Self::Cle, Self::Smooth, Self::Adaround, Self::Gptq, Self::Bias, Self::Bn];

    /// Its name in a recipe.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cle => "cle",
            Self::Smooth => "smooth",
            Self::Adaround => "adaround",
            Self::Gptq => "gptq",
            Self::Bias => "bias",
            Self::Bn => "bn",
        }
    }
}

/// What a sum does that its bits cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// Goes on at the other end.
    #[default]
    Wrap,
    /// Stays at the end.
    Saturate,
}

/// A narrow accumulator, simulated: every product that is added to an integer sum may overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "AccumulatorText", into = "AccumulatorText")]
pub struct Accumulator {
    bits: u8,
    overflow: Overflow,
}

/// An accumulator as JSON has it, not yet checked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccumulatorText {
    bits: u8,
    #[serde(default)]
    overflow: Overflow,
}

impl Accumulator {
    /// Fewest and most bits.
    pub const BITS: std::ops::RangeInclusive<u8> = 8..=32;

    /// An accumulator of `bits` bits, if that lies in 8..=32.
    ///
    /// # Errors
    /// [`RecipeError::Accumulator`] outside of that range.
    pub fn new(bits: u8, overflow: Overflow) -> Result<Self, RecipeError> {
        if Self::BITS.contains(&bits) { Ok(Self { bits, overflow }) } else { Err(RecipeError::Accumulator(bits)) }
    }

    /// Its width.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// What happens beyond.
    #[must_use]
    pub const fn overflow(self) -> Overflow {
        self.overflow
    }
}

impl TryFrom<AccumulatorText> for Accumulator {
    type Error = RecipeError;
    fn try_from(text: AccumulatorText) -> Result<Self, RecipeError> {
        Self::new(text.bits, text.overflow)
    }
}

impl From<Accumulator> for AccumulatorText {
    fn from(Accumulator { bits, overflow }: Accumulator) -> Self {
        Self { bits, overflow }
    }
}

/// Which calibration images are looked at, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calibration {
    /// How a range is chosen.
    pub method: CalibrationMethod,
    /// How many images; all of them if there are fewer. At least 1.
    pub samples: u32,
    /// Which images, if there are more: the seed of the draw, and of everything else that is left to chance.
    pub seed: u32,
    /// How far a range of [`CalibrationMethod::ZScore`] goes.
    #[serde(skip_serializing_if = "Deviations::is_default")]
    pub deviations: Deviations,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { method: CalibrationMethod::MinMax, samples: 256, seed: 0, deviations: Deviations::default() }
    }
}

/// What one layer does differently with its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightOverride {
    /// Number format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Width of one weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<Bits>,
    /// What shares a scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Granularity>,
    /// Whether the zero point is fixed at 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symmetric: Option<bool>,
}

/// What one layer does differently with the activations it puts out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivationOverride {
    /// Width of one activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<Bits>,
}

/// What one layer does differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerOverride {
    /// Its weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
    /// Its output activations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activations: Option<ActivationOverride>,
}

/// A complete description of how a model is quantized.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Every layer's weights.
    pub weights: WeightScheme,
    /// Every activation; `None` leaves them in f32 (weight-only).
    pub activations: Option<ActivationScheme>,
    /// Where static ranges come from.
    pub calibration: Calibration,
    /// Repairs, in order.
    pub corrections: Vec<Correction>,
    /// How wide integer sums are, if not 32 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulator: Option<Accumulator>,
    /// Exceptions by layer name.
    pub layers: BTreeMap<String, LayerOverride>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            weights: WeightScheme::default(),
            activations: Some(ActivationScheme::default()),
            calibration: Calibration::default(),
            corrections: Vec::new(),
            accumulator: None,
            layers: BTreeMap::new(),
        }
    }
}

impl Recipe {
    /// Reads a recipe file. Missing parts take their defaults; unknown names are errors.
    ///
    /// # Errors
    /// [`RecipeError::Json`] with the place and the reason.
    pub fn from_json(text: &str) -> Result<Self, RecipeError> {
        serde_json::from_str(text).map_err(|e| RecipeError::Json(e.to_string()))
    }

    /// The recipe as a file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a recipe has string keys only")
    }

    /// The weight scheme of one layer: the recipe's, with the layer's exceptions.
    #[must_use]
    pub fn weights_of(&self, layer: &str) -> WeightScheme {
        let mut scheme = self.weights;
        if let Some(o) = self.layers.get(layer).and_then(|l| l.weights) {
            // 32 bits are f32 whatever the others have.
            let float = o.bits.is_some_and(Bits::is_float);
            scheme.format = o.format.unwrap_or(if float { Format::Int } else { scheme.format });
            scheme.bits = o.bits.unwrap_or(scheme.bits);
            scheme.granularity = o.granularity.unwrap_or(scheme.granularity);
            scheme.symmetric = o.symmetric.unwrap_or(scheme.symmetric);
        }
        scheme
    }

    /// The scheme of the activations that one layer puts out: the recipe's, with the layer's exceptions. `None` is f32.
    #[must_use]
    pub fn activations_of(&self, layer: &str) -> Option<ActivationScheme> {
        let mut scheme = self.activations?;
        if let Some(o) = self.layers.get(layer).and_then(|l| l.activations) {
            scheme.bits = o.bits.unwrap_or(scheme.bits);
        }
        (!scheme.bits.is_float()).then_some(scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_recipe_reads_and_writes() {
        let text = r#"{"weights":{"format":"int","bits":4,"granularity":"channel","symmetric":true,"rounding":"nearest"},"activations":{"format":"int","bits":8,"granularity":"tensor","symmetric":false,"mode":"static"},"calibration":{"method":"minmax","samples":256,"seed":0},"corrections":[],"layers":{"conv1":{"weights":{"bits":8}}}}"#;
        let recipe = Recipe::from_json(text).unwrap();
        assert_eq!(recipe.weights_of("conv1").bits.get(), 8);
        assert_eq!(recipe.weights_of("conv2").bits.get(), 4);
        assert_eq!(recipe.to_json(), text);
    }

    #[test]
    fn groups_have_a_size() {
        for (text, size) in [(r#"{"weights":{"granularity":"group"}}"#, 32), (r#"{"weights":{"granularity":"group","group":64}}"#, 64)] {
            let recipe = Recipe::from_json(text).unwrap();
            assert_eq!((recipe.weights.granularity, recipe.weights.group.get()), (Granularity::Group, size));
            assert_eq!(Recipe::from_json(&recipe.to_json()), Ok(recipe));
        }
    }

    #[test]
    fn every_name_reads_and_writes() {
        for text in [
            r#"{"weights":{"format":"mxfp8-e4m3","range":"mse","rounding":"stochastic"},"corrections":["cle","adaround","bias"]}"#,
            r#"{"weights":{"format":"minifloat","exponent":3,"bits":6},"accumulator":{"bits":16,"overflow":"saturate"}}"#,
            r#"{"calibration":{"method":"percentile-99.99"},"activations":{"mode":"dynamic","granularity":"row","bits":16}}"#,
            r#"{"calibration":{"method":"z-score","deviations":3},"layers":{"fc":{"weights":{"format":"nf4"},"activations":{"bits":32}}}}"#,
        ] {
            let recipe = Recipe::from_json(text).unwrap();
            assert_eq!(Recipe::from_json(&recipe.to_json()), Ok(recipe), "{text}");
        }
        let recipe = Recipe::from_json(r#"{"layers":{"fc":{"activations":{"bits":32}}}}"#).unwrap();
        assert_eq!((recipe.activations_of("fc"), recipe.activations_of("conv").is_some()), (None, true));
    }

    #[test]
    fn missing_parts_take_defaults_and_null_is_weight_only() {
        assert_eq!(Recipe::from_json("{}").unwrap(), Recipe::default());
        assert_eq!(Recipe::from_json(r#"{"activations":null}"#).unwrap().activations, None);
    }

    #[test]
    fn what_is_not_a_recipe_is_refused_with_a_reason() {
        for (text, reason) in [
            (r#"{"weights":{"bits":9}}"#, "9 bits is not possible here"),
            (r#"{"weights":{"bits":0}}"#, "0 bits is not possible here"),
            (r#"{"weights":{"granularity":"group","group":48}}"#, "groups of 48 weights are not possible here"),
            (r#"{"wieghts":{}}"#, "unknown field `wieghts`"),
            (r#"{"corrections":["luck"]}"#, "unknown variant `luck`"),
            (r#"{"weights":{"format":"minifloat","exponent":0}}"#, "0 exponent bits are not possible here"),
            (r#"{"accumulator":{"bits":7}}"#, "sums of 7 bits are not possible here"),
            (r#"{"calibration":{"method":"z-score","deviations":0}}"#, "a range of 0 standard deviations"),
            ("{", "EOF"),
        ] {
            let error = Recipe::from_json(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
