//! Families of number formats: one dial turns the width, the family says which formats have it.

use bitdial_protocol::{ActivationScheme, Bits, Exponent, Format, WeightScheme};

/// A format and its width, of weights or of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The format.
    pub format: Format,
    /// Exponent bits, if it is a free minifloat.
    pub exponent: Exponent,
    /// The recipe's width, which a format may overrule.
    pub bits: Bits,
}

/// Formats that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Evenly spaced.
    Integer,
    /// With an exponent.
    Float,
    /// Numbers in blocks that share a scale by themselves.
    Block,
    /// Values from a table.
    Codebook,
    /// Powers of two.
    Log,
}

impl Default for Numbers {
    fn default() -> Self {
        Self::of_weights(&WeightScheme::default())
    }
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 5] = [Self::Integer, Self::Float, Self::Block, Self::Codebook, Self::Log];

    /// The family of a format.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Int | Format::Ternary | Format::Fixed => Self::Integer,
            Format::Codebook | Format::Nf4 => Self::Codebook,
            Format::Pot | Format::Apot => Self::Log,
            _ if format.block().is_some() => Self::Block,
            _ => Self::Float,
        }
    }

    /// On a button.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Block => "block",
            Self::Codebook => "codebook",
            Self::Log => "log",
        }
    }

    /// Why it may not have the width in force.
    pub fn widths(self) -> &'static str {
        match self {
            Self::Integer => "Integers have 1 to 8 or 16 bits.",
            Self::Float => "Floats have 2 to 8 or 16 bits.",
            Self::Block => "Block formats have 4, 6 or 8 bits.",
            Self::Codebook => "Codebooks have 1 to 8 bits.",
            Self::Log => "Powers of two have 2 to 8 bits.",
        }
    }

    /// Its formats of so many bits, the usual one first; none if it has no such width.
    pub fn formats(self, bits: Bits) -> Vec<Numbers> {
        let width = bits.get();
        let numbers = |format| Numbers { format, exponent: Exponent::default(), bits };
        let free = |e: u8| Exponent::new(e).map(|exponent| Numbers { exponent, ..numbers(Format::Minifloat) });
        let listed: &[Format] = match (self, width) {
            (_, 32) => &[],
            (Self::Integer, 1) => &[Format::Int],
            (Self::Integer, 2) => &[Format::Int, Format::Fixed, Format::Ternary],
            (Self::Integer, _) => &[Format::Int, Format::Fixed],
            (Self::Float, 4) => &[Format::E2m1],
            (Self::Float, 6) => &[Format::E3m2, Format::E2m3],
            (Self::Float, 8) => &[Format::E4m3, Format::E5m2],
            (Self::Float, 16) => &[Format::Fp16, Format::Bf16],
            (Self::Block, 4) => &[Format::Mxfp4, Format::Nvfp4],
            (Self::Block, 6) => &[Format::Mxfp6E3m2, Format::Mxfp6E2m3],
            (Self::Block, 8) => &[Format::Mxfp8E4m3, Format::Mxfp8E5m2, Format::Mxint8],
            (Self::Codebook, 4) => &[Format::Codebook, Format::Nf4],
            (Self::Codebook, 1..=8) => &[Format::Codebook],
            (Self::Log, 2..=8) => &[Format::Pot, Format::Apot],
            _ => &[],
        };
        let mut all: Vec<Numbers> = listed.iter().copied().map(numbers).collect();
        if self == Self::Float && (2..=8).contains(&width) {
            // Without a name of its own, a width has the split that the named ones around it have.
            let usual = if listed.is_empty() { (width / 2).max(2).min(width - 1) } else { 0 };
            all.extend(free(usual));
            all.extend((1..width).filter(|e| *e != usual).filter_map(|e| free(e).ok()));
        }
        all
    }
}

impl Numbers {
    /// Those of weights.
    pub fn of_weights(scheme: &WeightScheme) -> Self {
        Self { format: scheme.format, exponent: scheme.exponent, bits: scheme.bits }
    }

    /// Those of activations.
    pub fn of_activations(scheme: &ActivationScheme) -> Self {
        Self { format: scheme.format, exponent: scheme.exponent, bits: scheme.bits }
    }

    /// Weights in these numbers.
    pub fn weights(self, scheme: WeightScheme) -> WeightScheme {
        WeightScheme { format: self.format, exponent: self.exponent, bits: self.bits, ..scheme }
    }

    /// Activations in these numbers.
    pub fn activations(self, scheme: ActivationScheme) -> ActivationScheme {
        ActivationScheme { format: self.format, exponent: self.exponent, bits: self.bits, ..scheme }
    }

    /// Bits of one number.
    pub fn width(self) -> u8 {
        self.format.width().unwrap_or(self.bits.get())
    }

    /// Numbers of another width that are as like these as there are; `None` if the family has no such width.
    pub fn at(self, bits: Bits) -> Option<Self> {
        if bits.is_float() {
            return Some(Self { format: Format::Int, bits, exponent: Exponent::default() });
        }
        if self.width() == bits.get() {
            return Some(self);
        }
        let all = Family::of(self.format).formats(bits);
        // A free minifloat of other exponent bits is another format.
        let same = all.iter().find(|other| other.format == self.format && self.format != Format::Minifloat);
        same.or(all.first()).copied()
    }

    /// What a list of formats calls it.
    pub fn name(self) -> String {
        let free = |e: u8| format!("E{e}M{}", self.width().saturating_sub(1 + e));
        match self.format {
            _ if self.width() == 32 => "f32".into(),
            Format::Int => format!("int{}", self.bits),
            Format::Ternary => "ternary".into(),
            Format::Fixed => "fixed point".into(),
            Format::Minifloat => format!("{}, finite", free(self.exponent.get())),
            Format::Fp16 => "FP16".into(),
            Format::Bf16 => "BF16".into(),
            Format::E4m3 => "FP8 E4M3".into(),
            Format::E5m2 => "FP8 E5M2".into(),
            Format::E3m2 => "FP6 E3M2".into(),
            Format::E2m3 => "FP6 E2M3".into(),
            Format::E2m1 => "FP4 E2M1".into(),
            Format::Mxfp8E4m3 => "MXFP8 E4M3".into(),
            Format::Mxfp8E5m2 => "MXFP8 E5M2".into(),
            Format::Mxfp6E3m2 => "MXFP6 E3M2".into(),
            Format::Mxfp6E2m3 => "MXFP6 E2M3".into(),
            Format::Mxfp4 => "MXFP4".into(),
            Format::Mxint8 => "MXINT8".into(),
            Format::Nvfp4 => "NVFP4".into(),
            Format::Codebook => "k-means".into(),
            Format::Nf4 => "NF4".into(),
            Format::Pot => "powers of two".into(),
            Format::Apot => "APoT".into(),
        }
    }

    /// What a format is, in a few words.
    pub fn meaning(self) -> &'static str {
        match self.format {
            Format::Int => "evenly spaced",
            Format::Ternary => "-1, 0 and 1",
            Format::Fixed => "scales are powers of two",
            Format::Minifloat => "every code a number",
            Format::Fp16 => "IEEE half",
            Format::Bf16 => "upper half of f32",
            Format::E5m2 | Format::E3m2 | Format::Mxfp8E5m2 | Format::Mxfp6E3m2 => "more range",
            Format::E4m3 | Format::E2m3 | Format::Mxfp8E4m3 | Format::Mxfp6E2m3 => "more precision",
            Format::E2m1 | Format::Mxfp4 => "15 values",
            Format::Mxint8 => "blocks of 32 integers",
            Format::Nvfp4 => "blocks of 16, FP8 scale",
            Format::Codebook => "values found in the weights",
            Format::Nf4 => "quantiles of a normal",
            Format::Pot => "one shift a product",
            Format::Apot => "sums of powers",
        }
    }

    /// The same, with exponent bits that mean nothing as they were.
    pub fn beside(self, before: Self) -> Self {
        if self.format == Format::Minifloat { self } else { Self { exponent: before.exponent, ..self } }
    }

    /// Whether a zero point can move its range.
    pub fn has_zero_point(self) -> bool {
        self.format == Format::Int && (2..=16).contains(&self.width())
    }

    /// Whether a scale is chosen from a range of values.
    pub fn has_range(self) -> bool {
        !matches!(self.format, Format::Fp16 | Format::Bf16 | Format::Codebook) && self.format.block().is_none() && self.width() < 32
    }

    /// Whether integer kernels run on it.
    pub fn is_integer(self) -> bool {
        self.format.is_integer() && self.width() <= 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(n: u8) -> Bits {
        Bits::new(n).unwrap()
    }

    #[test]
    fn every_format_is_listed_in_its_family() {
        let widths: Vec<Bits> = Bits::all().chain([Bits::WIDE]).collect();
        for format in Format::ALL {
            let family = Family::of(format);
            let listed: Vec<Numbers> = widths.iter().flat_map(|bits| family.formats(*bits)).filter(|n| n.format == format).collect();
            assert!(!listed.is_empty(), "{format:?} is in no list");
            assert!(listed.iter().all(|n| n.width() == n.bits.get()), "{listed:?}");
        }
        let all: Vec<String> = Family::Float.formats(bits(5)).into_iter().map(Numbers::name).collect();
        assert_eq!(all, ["E2M2, finite", "E1M3, finite", "E3M1, finite", "E4M0, finite"]);
    }

    #[test]
    fn a_dial_stays_in_its_family_and_comes_back_to_what_was_chosen() {
        let numbers = |format, b| Numbers { format, exponent: Exponent::default(), bits: bits(b) };
        for (from, to, found) in [
            (numbers(Format::Int, 8), 3, Some("int3")),
            (numbers(Format::E5m2, 8), 4, Some("FP4 E2M1")),
            (numbers(Format::E5m2, 8), 7, Some("E3M3, finite")),
            (numbers(Format::E5m2, 8), 8, Some("FP8 E5M2")),
            (numbers(Format::E5m2, 8), 1, None),
            (numbers(Format::Mxint8, 8), 6, Some("MXFP6 E3M2")),
            (numbers(Format::Mxint8, 8), 5, None),
            (numbers(Format::Nf4, 4), 3, Some("k-means")),
            (numbers(Format::Apot, 4), 3, Some("APoT")),
            (numbers(Format::Apot, 4), 16, None),
            (numbers(Format::Ternary, 8), 2, Some("ternary")),
            (numbers(Format::Ternary, 2), 4, Some("int4")),
            (numbers(Format::Mxfp4, 4), 32, Some("f32")),
        ] {
            assert_eq!(from.at(bits(to)).map(Numbers::name).as_deref(), found, "{from:?} at {to}");
        }
    }
}
