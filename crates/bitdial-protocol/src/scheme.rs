//! Schemes: in which numbers weights and activations are kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::recipe::RecipeError;

/// A bit-width. 1 to 8 have integer kernels, 16 is simulated, 32 is f32: not quantized. A weight of 1 bit is -1 or 1
/// times its scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Bits(u8);

impl Bits {
    /// Fewest bits.
    pub const MIN: Self = Self(1);
    /// Most bits that have integer kernels.
    pub const MAX: Self = Self(8);
    /// Twice as many: simulated.
    pub const WIDE: Self = Self(16);
    /// Not quantized.
    pub const FLOAT: Self = Self(32);

    /// `bits` as a width, if it lies in 1..=8 or is 16 or 32.
    ///
    /// # Errors
    /// [`RecipeError::Bits`] if it is another.
    pub fn new(bits: u8) -> Result<Self, RecipeError> {
        if matches!(bits, 1..=8 | 16 | 32) { Ok(Self(bits)) } else { Err(RecipeError::Bits(bits)) }
    }

    /// Whether this means f32.
    #[must_use]
    pub fn is_float(self) -> bool {
        self == Self::FLOAT
    }

    /// The width as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Every width that has integer kernels, narrowest first.
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

/// A number format. Where a width is said, [`WeightScheme::bits`] and [`ActivationScheme::bits`] do not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Evenly spaced integers times a scale.
    #[default]
    Int,
    /// -1, 0 and 1 times a scale, in 2 bits. Li et al. 2016, 'Ternary weight networks'. Weights only.
    Ternary,
    /// Integers times a power of two: a fixed point.
    Fixed,
    /// Sign, [`WeightScheme::exponent`] exponent bits, the rest mantissa, times a scale; no infinities, no NaN.
    Minifloat,
    /// IEEE 754 binary16, without a scale.
    Fp16,
    /// The upper half of an f32, without a scale.
    Bf16,
    /// FP8 E4M3FN of OCP OFP8 1.0, times a scale.
    E4m3,
    /// FP8 E5M2 of OCP OFP8 1.0, times a scale.
    E5m2,
    /// FP6 E3M2, times a scale.
    E3m2,
    /// FP6 E2M3, times a scale.
    E2m3,
    /// FP4 E2M1, times a scale.
    E2m1,
    /// Blocks of 32 E4M3 that share a power of two (E8M0): OCP MX 1.0, as the next five.
    Mxfp8E4m3,
    /// Blocks of 32 E5M2.
    Mxfp8E5m2,
    /// Blocks of 32 E3M2.
    Mxfp6E3m2,
    /// Blocks of 32 E2M3.
    Mxfp6E2m3,
    /// Blocks of 32 E2M1.
    Mxfp4,
    /// Blocks of 32 INT8.
    Mxint8,
    /// Blocks of 16 E2M1 that share an E4M3 scale, and an f32 scale of the tensor.
    Nvfp4,
    /// `2^bits` values found by k-means: weight sharing, Han et al. 2016, 'Deep compression'. Weights only, 1 to 8 bits.
    Codebook,
    /// The 16 quantiles of a normal distribution times a scale: Dettmers et al. 2023, '`QLoRA`', appendix E.
    Nf4,
    /// Zero and signed powers of two, times a scale: Miyashita et al. 2016. 2 to 8 bits.
    Pot,
    /// Sums of powers of two, times a scale: Li et al. 2020, 'Additive powers-of-two quantization'. 2 to 8 bits.
    Apot,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 22] = [
        Self::Int,
        Self::Ternary,
        Self::Fixed,
        Self::Minifloat,
        Self::Fp16,
        Self::Bf16,
        Self::E4m3,
        Self::E5m2,
        Self::E3m2,
        Self::E2m3,
        Self::E2m1,
        Self::Mxfp8E4m3,
        Self::Mxfp8E5m2,
        Self::Mxfp6E3m2,
        Self::Mxfp6E2m3,
        Self::Mxfp4,
        Self::Mxint8,
        Self::Nvfp4,
        Self::Codebook,
        Self::Nf4,
        Self::Pot,
        Self::Apot,
    ];

    /// Bits of one number where the format says them itself; a block's scale is not counted.
    #[must_use]
    pub fn width(self) -> Option<u8> {
        match self {
            Self::Int | Self::Fixed | Self::Minifloat | Self::Codebook | Self::Pot | Self::Apot => None,
            Self::Ternary => Some(2),
            Self::E2m1 | Self::Mxfp4 | Self::Nvfp4 | Self::Nf4 => Some(4),
            Self::E3m2 | Self::E2m3 | Self::Mxfp6E3m2 | Self::Mxfp6E2m3 => Some(6),
            Self::E4m3 | Self::E5m2 | Self::Mxfp8E4m3 | Self::Mxfp8E5m2 | Self::Mxint8 => Some(8),
            Self::Fp16 | Self::Bf16 => Some(16),
        }
    }

    /// How many neighbours share a scale, where the format says so itself.
    #[must_use]
    pub fn block(self) -> Option<u8> {
        match self {
            Self::Mxfp8E4m3 | Self::Mxfp8E5m2 | Self::Mxfp6E3m2 | Self::Mxfp6E2m3 | Self::Mxfp4 | Self::Mxint8 => Some(32),
            Self::Nvfp4 => Some(16),
            _ => None,
        }
    }

    /// Whether numbers of up to 8 bits are evenly spaced integers, for which there are integer kernels.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int | Self::Ternary | Self::Fixed)
    }
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
    /// One scale for each row: the channels of one position of an image. Dynamic only, simulated.
    Row,
}

/// How a real value is taken to the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// To the nearest grid value, ties to the even integer.
    #[default]
    Nearest,
    /// Up or down by chance, as often as the value lies near: right on average. By the recipe's seed; weights only.
    Stochastic,
    /// To the next grid value that is not larger.
    Floor,
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

/// From which range of weights a scale is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightRange {
    /// The smallest and the largest weight.
    #[default]
    MinMax,
    /// The range with the least mean squared error.
    Mse,
    /// The range with the least mean of `|error|^2.4`, which large errors weigh less in.
    Lp,
}

impl WeightRange {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Exponent bits of [`Format::Minifloat`]: 1 to 7; bits of the mantissa are what is left of the width beside the sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Exponent(u8);

impl Exponent {
    /// `bits` as a number of exponent bits, if it lies in 1..=7.
    ///
    /// # Errors
    /// [`RecipeError::Exponent`] outside of that range.
    pub fn new(bits: u8) -> Result<Self, RecipeError> {
        if (1..=7).contains(&bits) { Ok(Self(bits)) } else { Err(RecipeError::Exponent(bits)) }
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

impl Default for Exponent {
    fn default() -> Self {
        Self(4)
    }
}

impl TryFrom<u8> for Exponent {
    type Error = RecipeError;
    fn try_from(bits: u8) -> Result<Self, RecipeError> {
        Self::new(bits)
    }
}

impl From<Exponent> for u8 {
    fn from(exponent: Exponent) -> Self {
        exponent.0
    }
}

impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightScheme {
    /// Number format.
    pub format: Format,
    /// Exponent bits of a [`Format::Minifloat`].
    #[serde(skip_serializing_if = "Exponent::is_default")]
    pub exponent: Exponent,
    /// Width of one weight.
    pub bits: Bits,
    /// What shares a scale.
    pub granularity: Granularity,
    /// How many weights share one, if the granularity is [`Granularity::Group`].
    #[serde(skip_serializing_if = "GroupSize::is_default")]
    pub group: GroupSize,
    /// Whether the zero point is fixed at 0; weights of 1 bit have none.
    pub symmetric: bool,
    /// Which range the scale covers.
    #[serde(skip_serializing_if = "WeightRange::is_default")]
    pub range: WeightRange,
    /// How values are taken to the grid.
    pub rounding: Rounding,
}

impl Default for WeightScheme {
    fn default() -> Self {
        Self {
            format: Format::Int,
            exponent: Exponent::default(),
            bits: Bits::MAX,
            granularity: Granularity::Channel,
            group: GroupSize::default(),
            symmetric: true,
            range: WeightRange::MinMax,
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
    /// Exponent bits of a [`Format::Minifloat`].
    #[serde(skip_serializing_if = "Exponent::is_default")]
    pub exponent: Exponent,
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
            exponent: Exponent::default(),
            bits: Bits::MAX,
            granularity: ActivationGranularity::Tensor,
            symmetric: false,
            mode: ActivationMode::Static,
        }
    }
}

impl WeightScheme {
    /// Bits of one weight.
    #[must_use]
    pub fn width(&self) -> u8 {
        self.format.width().unwrap_or(self.bits.get())
    }
}

impl ActivationScheme {
    /// Bits of one activation.
    #[must_use]
    pub fn width(&self) -> u8 {
        self.format.width().unwrap_or(self.bits.get())
    }
}
