//! Weights: real numbers to the numbers of a scheme, and how much noise that is.

mod chance;
mod check;
mod codebook;
mod exact;
mod integers;
mod search;
mod units;

use bitdial_ir::{CodedWeights, Meaning, QuantizedWeights, Scales, Weights};
use bitdial_numerics::{
    Coder, Levels, Minifloat, Numbers, PackedCodes, PackedInts, block_e8m0, block_nvfp4, decode_e8m0, decode_nvfp4, magnitude,
    max_exponent, power_of_two_above, tensor_nvfp4,
};
use bitdial_protocol::{Format, Rounding, WeightScheme};

pub use chance::Chance;
pub(crate) use check::check;
use integers::IntGrid;
use units::Units;

/// The numbers that the weights of a layer can become: found from its weights, and good for others.
#[derive(Clone, Debug)]
pub struct WeightGrids {
    units: Units,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// All there are in f32.
    Float,
    /// Integers, one grid for each unit.
    Int(Vec<IntGrid>),
    /// Codes of a format, and their scales.
    Numbers(Numbers, Scales),
    /// One codebook for each unit.
    Codebook(u8, Vec<Levels>),
}

impl WeightGrids {
    /// Finds scales and codebooks for the weights of a layer with `channels` output channels, rows of equal length.
    ///
    /// `floors` holds, for each channel, the smallest scale of integers that will do (0 for any): a channel whose weights
    /// are next to nothing would otherwise get a scale in whose units its bias does not fit 32 bits.
    ///
    /// Formats with a rule for scales of their own take no notice of the scheme's range: 1 bit, ternary, MX, NVFP4,
    /// codebooks, FP16 and BF16. Only integers of 2 to 8 bits have zero points.
    #[must_use]
    pub fn fit(weights: &[f32], channels: usize, scheme: &WeightScheme, floors: &[f32], chance: &mut Chance) -> Self {
        let units = Units::new(weights.len(), channels, scheme);
        let slices = units.slices(weights, floors);
        let each = |scale: &dyn Fn(&[f32]) -> u8| slices.iter().map(|(unit, _)| scale(unit)).collect();
        let kind = match numbers(scheme) {
            _ if scheme.width() == 32 => Kind::Float,
            None if scheme.format == Format::Codebook => {
                let bits = scheme.bits.get().min(8);
                let book = |unit: &[f32], chance: &mut Chance| Levels::new(codebook::codebook(unit, bits, chance));
                Kind::Codebook(bits, slices.iter().map(|(unit, _)| book(unit, chance)).collect())
            }
            None => Kind::Int(slices.iter().map(|&(unit, floor)| IntGrid::fit(unit, scheme, floor)).collect()),
            Some(numbers) => {
                let scales = match scheme.format {
                    Format::Fp16 | Format::Bf16 => Scales::One,
                    Format::Nvfp4 => {
                        let tensor = tensor_nvfp4(magnitude(weights));
                        Scales::E4m3(each(&|unit| block_nvfp4(magnitude(unit), tensor).0), tensor)
                    }
                    format if format.block().is_some() => {
                        let exponent = max_exponent(numbers);
                        Scales::E8m0(each(&|unit| block_e8m0(magnitude(unit), exponent)))
                    }
                    _ => {
                        let coder = Coder::new(numbers);
                        let scales = slices.iter().map(|(unit, _)| scale(unit, &coder, scheme)).collect();
                        Scales::F32(scales, units.group())
                    }
                };
                Kind::Numbers(numbers, scales)
            }
        };
        Self { units, kind }
    }

    /// Weights on these grids, as many as those they were found from.
    #[must_use]
    pub fn round(&self, weights: &[f32], rounding: Rounding, chance: &mut Chance) -> Weights {
        let each = || weights.iter().enumerate().map(|(i, &w)| (self.units.of(i), w));
        match &self.kind {
            Kind::Float => Weights::F32(weights.to_vec()),
            Kind::Int(grids) => {
                let values: Vec<i8> = each().map(|(unit, w)| grids[unit].quantize(w, chance.rounding(rounding))).collect();
                let params: Vec<_> = grids.iter().map(|grid| grid.params).collect();
                let bits = params.first().map_or(8, |grid| grid.bits);
                Weights::Int(QuantizedWeights { values: PackedInts::pack(&values, bits), params, group: self.units.group() })
            }
            Kind::Numbers(numbers, scales) => {
                let coder = Coder::new(*numbers);
                let scale = |unit: usize| match scales {
                    Scales::One => 1.0,
                    Scales::F32(scales, _) => scales[unit],
                    Scales::E8m0(codes) => decode_e8m0(codes[unit]),
                    Scales::E4m3(codes, tensor) => decode_nvfp4(codes[unit], *tensor),
                };
                // A block that is next to nothing beside its tensor has the scale 0.
                let scaled = |unit: usize, w: f32| if scale(unit) > 0.0 { w / scale(unit) } else { 0.0 };
                let codes: Vec<u16> = each().map(|(unit, w)| coder.encode(scaled(unit, w), chance.rounding(rounding))).collect();
                let codes = PackedCodes::pack(&codes, numbers.bits());
                Weights::Coded(CodedWeights { codes, meaning: Meaning::Numbers(*numbers), scales: scales.clone() })
            }
            Kind::Codebook(bits, books) => {
                let codes: Vec<u16> = each().map(|(unit, w)| u16::from(books[unit].encode(w, chance.rounding(rounding)))).collect();
                let meaning = Meaning::Codebook(books.iter().flat_map(|book| book.values().iter().copied()).collect());
                Weights::Coded(CodedWeights { codes: PackedCodes::pack(&codes, *bits), meaning, scales: Scales::One })
            }
        }
    }
}

/// The format of codes; `None` for integers that have kernels and for codebooks.
fn numbers(scheme: &WeightScheme) -> Option<Numbers> {
    let bits = scheme.bits.get();
    Some(match scheme.format {
        Format::Int | Format::Fixed if bits == 16 => Numbers::INT16,
        Format::Int | Format::Fixed | Format::Ternary | Format::Codebook => return None,
        Format::Minifloat => {
            // Widths that cannot be are refused before.
            let (bits, exponent) = (bits.clamp(2, 8), scheme.exponent.get());
            let exponent = exponent.min(bits - 1);
            Numbers::Minifloat(Minifloat::free(exponent, bits - 1 - exponent)?)
        }
        Format::Fp16 => Numbers::Minifloat(Minifloat::FP16),
        Format::Bf16 => Numbers::Minifloat(Minifloat::BF16),
        Format::E4m3 | Format::Mxfp8E4m3 => Numbers::Minifloat(Minifloat::E4M3),
        Format::E5m2 | Format::Mxfp8E5m2 => Numbers::Minifloat(Minifloat::E5M2),
        Format::E3m2 | Format::Mxfp6E3m2 => Numbers::Minifloat(Minifloat::E3M2),
        Format::E2m3 | Format::Mxfp6E2m3 => Numbers::Minifloat(Minifloat::E2M3),
        Format::E2m1 | Format::Mxfp4 | Format::Nvfp4 => Numbers::Minifloat(Minifloat::E2M1),
        Format::Mxint8 => Numbers::MXINT8,
        Format::Nf4 => Numbers::Nf4,
        Format::Pot => Numbers::PowersOfTwo(bits.min(8)),
        Format::Apot => Numbers::AdditivePowersOfTwo(bits.min(8)),
    })
}

/// The scale that takes the largest magnitude, or what a search leaves of it, to the largest number of a format.
fn scale(weights: &[f32], coder: &Coder, scheme: &WeightScheme) -> f32 {
    let full = magnitude(weights) / coder.max();
    if full <= 0.0 {
        return 1.0;
    }
    // Up to where the largest number is finite.
    let most = f32::MAX / coder.max().max(1.0) * 0.999_999;
    let at = |ratio: f32| {
        let scale = (full * ratio).clamp(1e-30, most);
        if scheme.format == Format::Fixed { power_of_two_above(scale) } else { scale }
    };
    search::range(scheme.range, weights, at, |&scale, w| coder.round(w / scale, bitdial_numerics::Rounding::Nearest) * scale)
}

/// Quantizes the weights of a layer with `channels` output channels, rows of equal length: [`WeightGrids::fit`], then
/// [`WeightGrids::round`] as the scheme says.
#[must_use]
pub fn quantize_weights(weights: &[f32], channels: usize, scheme: &WeightScheme, floors: &[f32], chance: &mut Chance) -> Weights {
    WeightGrids::fit(weights, channels, scheme, floors, chance).round(weights, scheme.rounding, chance)
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
