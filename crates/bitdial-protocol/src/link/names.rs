//! What values are called in a link.

use crate::recipe::{CalibrationMethod, Correction, Overflow};
use crate::runner::BackendChoice;
use crate::scheme::{ActivationGranularity, ActivationMode, Format, Granularity, Rounding, WeightRange};

/// Values by name, the default first.
pub type Names<T> = &'static [(&'static str, T)];

pub const BACKENDS: Names<BackendChoice> = &[
    ("auto", BackendChoice::Auto),
    ("scalar", BackendChoice::Scalar),
    ("simd128", BackendChoice::Simd128),
    ("relaxed-simd", BackendChoice::RelaxedSimd),
    ("webgpu", BackendChoice::WebGpu),
    ("webgpu-f16", BackendChoice::WebGpuF16),
];
/// As recipe files name them.
pub const FORMATS: Names<Format> = &[
    ("int", Format::Int),
    ("ternary", Format::Ternary),
    ("fixed", Format::Fixed),
    ("minifloat", Format::Minifloat),
    ("fp16", Format::Fp16),
    ("bf16", Format::Bf16),
    ("e4m3", Format::E4m3),
    ("e5m2", Format::E5m2),
    ("e3m2", Format::E3m2),
    ("e2m3", Format::E2m3),
    ("e2m1", Format::E2m1),
    ("mxfp8-e4m3", Format::Mxfp8E4m3),
    ("mxfp8-e5m2", Format::Mxfp8E5m2),
    ("mxfp6-e3m2", Format::Mxfp6E3m2),
    ("mxfp6-e2m3", Format::Mxfp6E2m3),
    ("mxfp4", Format::Mxfp4),
    ("mxint8", Format::Mxint8),
    ("nvfp4", Format::Nvfp4),
    ("codebook", Format::Codebook),
    ("nf4", Format::Nf4),
    ("pot", Format::Pot),
    ("apot", Format::Apot),
];
pub const GRANULARITIES: Names<Granularity> =
    &[("channel", Granularity::Channel), ("tensor", Granularity::Tensor), ("group", Granularity::Group)];
pub const ACTIVATION_GRANULARITIES: Names<ActivationGranularity> =
    &[("tensor", ActivationGranularity::Tensor), ("row", ActivationGranularity::Row)];
/// Whether weights are symmetric.
pub const WEIGHT_RANGES: Names<bool> = &[("symmetric", true), ("affine", false)];
/// Whether activations are symmetric.
pub const ACTIVATION_RANGES: Names<bool> = &[("affine", false), ("symmetric", true)];
pub const CLIPS: Names<WeightRange> = &[("minmax", WeightRange::MinMax), ("mse", WeightRange::Mse), ("lp", WeightRange::Lp)];
pub const ROUNDINGS: Names<Rounding> = &[("nearest", Rounding::Nearest), ("stochastic", Rounding::Stochastic), ("floor", Rounding::Floor)];
pub const MODES: Names<ActivationMode> = &[("static", ActivationMode::Static), ("dynamic", ActivationMode::Dynamic)];
pub const METHODS: Names<CalibrationMethod> = &[
    ("minmax", CalibrationMethod::MinMax),
    ("average", CalibrationMethod::MovingAverage),
    ("99", CalibrationMethod::Percentile99),
    ("99.9", CalibrationMethod::Percentile999),
    ("99.99", CalibrationMethod::Percentile9999),
    ("99.999", CalibrationMethod::Percentile99999),
    ("mse", CalibrationMethod::Mse),
    ("entropy", CalibrationMethod::Entropy),
    ("z", CalibrationMethod::ZScore),
];
pub const CORRECTIONS: Names<Correction> = &[
    ("cle", Correction::Cle),
    ("smooth", Correction::Smooth),
    ("adaround", Correction::Adaround),
    ("gptq", Correction::Gptq),
    ("bias", Correction::Bias),
    ("bn", Correction::Bn),
];
pub const OVERFLOWS: Names<Overflow> = &[("wrap", Overflow::Wrap), ("saturate", Overflow::Saturate)];

/// The value of a name.
pub fn read_name<T: Copy>(table: Names<T>, name: &str) -> Option<T> {
    table.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
}

/// The name of a value.
pub fn name_of<T: Copy + PartialEq>(table: Names<T>, value: T) -> Option<&'static str> {
    table.iter().find(|(_, v)| *v == value).map(|(name, _)| *name)
}

/// The name of a value, unless it is the default.
pub fn write_name<T: Copy + PartialEq>(table: Names<T>, value: T) -> Option<String> {
    let (default, _) = table[0];
    name_of(table, value).filter(|name| *name != default).map(str::to_owned)
}

/// The names there are, in words.
pub fn names<T>(table: Names<T>) -> String {
    in_words(&table.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

/// `a, b or c`.
pub fn in_words(options: &[&str]) -> String {
    match options {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
