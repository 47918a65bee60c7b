//! The recipe: the one description of a quantized model, and the only thing the page sends to change it.
//!
//! Same recipe and same model give the same bytes on any machine. The JSON names are the public format of recipe
//! files; new schemes add values, not names.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A bit-width that has integer kernels here: 1 to 8. A weight of 1 bit is -1 or 1 times its scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Bits(u8);

impl Bits {
    /// Fewest bits.
    pub const MIN: Self = Self(1);
    /// Most bits.
    pub const MAX: Self = Self(8);

    /// `bits` as a width, if it lies in 1..=8.
    ///
    /// # Errors
    /// [`RecipeError::Bits`] outside of that range.
    pub fn new(bits: u8) -> Result<Self, RecipeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&bits) { Ok(Self(bits)) } else { Err(RecipeError::Bits(bits)) }
    }

    /// The width as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Every width, narrowest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (Self::MIN.0..=Self::MAX.0).map(Self)
    }
}

impl TryFrom<u8> for Bits {
    type Error = RecipeError;
    fn try_from(bits: u8) -> Result<Self, RecipeError> {
        Self::new(bits)
    }
}

impl From<Bits> for u8 {
    fn from(bits: Bits) -> Self {
        bits.0
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many neighbouring weights of an output channel share a scale: 16, 32, 64 or 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct GroupSize(u16);

impl GroupSize {
    /// Every size, smallest first.
    pub const ALL: [Self; 4] = [Self(16), Self(32), Self(64), Self(128)];

    /// `weights` as a size, if it is one.
    ///
    /// # Errors
    /// [`RecipeError::Group`] if it is none.
    pub fn new(weights: u16) -> Result<Self, RecipeError> {
        Self::ALL.into_iter().find(|size| size.0 == weights).ok_or(RecipeError::Group(weights))
    }

    /// The size as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for GroupSize {
    fn default() -> Self {
        Self(32)
    }
}

impl TryFrom<u16> for GroupSize {
    type Error = RecipeError;
    fn try_from(weights: u16) -> Result<Self, RecipeError> {
        Self::new(weights)
    }
}

impl From<GroupSize> for u16 {
    fn from(size: GroupSize) -> Self {
        size.0
    }
}

impl fmt::Display for GroupSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a recipe cannot be what somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipeError {
    /// A bit-width outside 1..=8.
    Bits(u8),
    /// A group of another size than 16, 32, 64 or 128.
    Group(u16),
    /// The JSON is not a recipe.
    Json(String),
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => write!(f, "{bits} bits is not possible here: choose 1 to 8"),
            Self::Group(weights) => write!(f, "groups of {weights} weights are not possible here: choose 16, 32, 64 or 128"),
            Self::Json(reason) => write!(f, "this is not a recipe: {reason}"),
        }
    }
}

impl std::error::Error for RecipeError {}

/// A family of number formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Evenly spaced integers times a scale.
    #[default]
    Int,
}

/// Over which weights one scale is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// One scale for the whole layer.
    Tensor,
    /// One scale per output channel.
    #[default]
    Channel,
    /// One scale per [`WeightScheme::group`] neighbouring weights of an output channel, over kernel row, kernel column and
    /// input channel. A channel that has less than two groups of weights has one scale.
    Group,
}

/// Over which activations one scale is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationGranularity {
    /// One scale for the whole tensor (static) or for the whole tensor of one image (dynamic).
    #[default]
    Tensor,
}

/// How a real value is taken to the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// To the nearest grid value, ties to the even integer.
    #[default]
    Nearest,
}

/// When the range of an activation is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationMode {
    /// Once, from calibration images.
    #[default]
    Static,
    /// On every run, from the activation itself.
    Dynamic,
}

/// How the range of an activation is chosen from what the calibration images showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationMethod {
    /// The smallest and the largest value seen.
    #[default]
    MinMax,
}

/// A repair applied after quantization, in the order of the recipe. None yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Correction {}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightScheme {
    /// Number format.
    pub format: Format,
    /// Width of one weight.
    pub bits: Bits,
    /// What shares a scale.
    pub granularity: Granularity,
    /// How many weights share one, if the granularity is [`Granularity::Group`].
    #[serde(skip_serializing_if = "GroupSize::is_default")]
    pub group: GroupSize,
    /// Whether the zero point is fixed at 0; weights of 1 bit have none.
    pub symmetric: bool,
    /// How values are taken to the grid.
    pub rounding: Rounding,
}

impl Default for WeightScheme {
    fn default() -> Self {
        Self {
            format: Format::Int,
            bits: Bits::MAX,
            granularity: Granularity::Channel,
            group: GroupSize::default(),
            symmetric: true,
            rounding: Rounding::Nearest,
        }
    }
}

/// How activations are represented between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivationScheme {
    /// Number format.
    pub format: Format,
    /// Width of one activation.
    pub bits: Bits,
    /// What shares a scale.
    pub granularity: ActivationGranularity,
    /// Whether the zero point is fixed at 0.
    pub symmetric: bool,
    /// When ranges are found.
    pub mode: ActivationMode,
}

impl Default for ActivationScheme {
    fn default() -> Self {
        Self {
            format: Format::Int,
            bits: Bits::MAX,
            granularity: ActivationGranularity::Tensor,
            symmetric: false,
            mode: ActivationMode::Static,
        }
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
    /// Which images, if there are more: the seed of the draw.
    pub seed: u32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { method: CalibrationMethod::MinMax, samples: 256, seed: 0 }
    }
}

/// What one layer does differently with its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightOverride {
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
            scheme.bits = o.bits.unwrap_or(scheme.bits);
            scheme.granularity = o.granularity.unwrap_or(scheme.granularity);
            scheme.symmetric = o.symmetric.unwrap_or(scheme.symmetric);
        }
        scheme
    }

    /// The scheme of the activations that one layer puts out: the recipe's, with the layer's exceptions.
    #[must_use]
    pub fn activations_of(&self, layer: &str) -> Option<ActivationScheme> {
        let mut scheme = self.activations?;
        if let Some(o) = self.layers.get(layer).and_then(|l| l.activations) {
            scheme.bits = o.bits.unwrap_or(scheme.bits);
        }
        Some(scheme)
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
            (r#"{"corrections":["cle"]}"#, "unknown variant `cle`"),
            ("{", "EOF"),
        ] {
            let error = Recipe::from_json(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
