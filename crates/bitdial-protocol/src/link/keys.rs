//! Every key of a link: what it may hold, how it is read and written.

use super::layers::{read_layers, write_layers};
use super::names::{
    ACTIVATION_GRANULARITIES, ACTIVATION_RANGES, BACKENDS, CLIPS, CORRECTIONS, FORMATS, GRANULARITIES, METHODS, MODES, OVERFLOWS,
    ROUNDINGS, WEIGHT_RANGES, in_words, names, read_name, write_name,
};
use super::{Draft, Link, escape};
use crate::recipe::{Accumulator, Calibration, Correction, Deviations, Overflow};
use crate::scheme::{Bits, Exponent, GroupSize};

/// One key of the text.
pub struct Key {
    pub name: &'static str,
    /// What it takes, in words.
    pub expects: fn(&[&str]) -> String,
    /// Takes a value; `None` if it cannot be.
    pub read: fn(&mut Draft, &str) -> Option<()>,
    /// The value, if it is not the default.
    pub write: fn(&Link) -> Option<String>,
}

/// Every key but the version, in the order in which they are written.
pub const KEYS: &[Key] = &[
    Key {
        name: "model",
        expects: in_words,
        read: |draft, value| draft.models.contains(&value).then(|| draft.link.model = value.to_owned()),
        write: |link| Some(escape(&link.model)),
    },
    Key {
        name: "backend",
        expects: |_| names(BACKENDS),
        read: |draft, value| set(&mut draft.link.backend, read_name(BACKENDS, value)),
        write: |link| write_name(BACKENDS, link.backend),
    },
    Key {
        name: "w",
        expects: |_| BITS.to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.weights.bits, read_bits(value)),
        write: |link| write_bits(link.recipe.weights.bits),
    },
    Key {
        name: "w-format",
        expects: |_| names(FORMATS),
        read: |draft, value| set(&mut draft.link.recipe.weights.format, read_name(FORMATS, value)),
        write: |link| write_name(FORMATS, link.recipe.weights.format),
    },
    Key {
        name: "w-exponent",
        expects: |_| EXPONENTS.to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.weights.exponent, read_exponent(value)),
        write: |link| write_exponent(link.recipe.weights.exponent),
    },
    Key {
        name: "w-scale",
        expects: |_| names(GRANULARITIES),
        read: |draft, value| set(&mut draft.link.recipe.weights.granularity, read_name(GRANULARITIES, value)),
        write: |link| write_name(GRANULARITIES, link.recipe.weights.granularity),
    },
    Key {
        name: "w-group",
        expects: |_| "how many weights share a scale: 16, 32, 64 or 128".to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.weights.group, value.parse().ok().and_then(|n| GroupSize::new(n).ok())),
        write: |link| unless(u32::from(link.recipe.weights.group.get()), GroupSize::default().get().into()),
    },
    Key {
        name: "w-range",
        expects: |_| names(WEIGHT_RANGES),
        read: |draft, value| set(&mut draft.link.recipe.weights.symmetric, read_name(WEIGHT_RANGES, value)),
        write: |link| write_name(WEIGHT_RANGES, link.recipe.weights.symmetric),
    },
    Key {
        name: "w-clip",
        expects: |_| names(CLIPS),
        read: |draft, value| set(&mut draft.link.recipe.weights.range, read_name(CLIPS, value)),
        write: |link| write_name(CLIPS, link.recipe.weights.range),
    },
    Key {
        name: "w-round",
        expects: |_| names(ROUNDINGS),
        read: |draft, value| set(&mut draft.link.recipe.weights.rounding, read_name(ROUNDINGS, value)),
        write: |link| write_name(ROUNDINGS, link.recipe.weights.rounding),
    },
    Key {
        name: "a",
        expects: |_| BITS.to_owned(),
        read: |draft, value| {
            let bits = read_bits(value)?;
            draft.weight_only = bits.is_float();
            if !draft.weight_only {
                draft.activations.bits = bits;
            }
            Some(())
        },
        // Activations of 32 bits are no activations scheme: one state has one spelling.
        write: |link| write_bits(link.recipe.activations.map_or(Bits::FLOAT, |scheme| scheme.bits)),
    },
    Key {
        name: "a-format",
        expects: |_| names(FORMATS),
        read: |draft, value| set(&mut draft.activations.format, read_name(FORMATS, value)),
        write: |link| write_name(FORMATS, link.recipe.activations?.format),
    },
    Key {
        name: "a-exponent",
        expects: |_| EXPONENTS.to_owned(),
        read: |draft, value| set(&mut draft.activations.exponent, read_exponent(value)),
        write: |link| write_exponent(link.recipe.activations?.exponent),
    },
    Key {
        name: "a-scale",
        expects: |_| names(ACTIVATION_GRANULARITIES),
        read: |draft, value| set(&mut draft.activations.granularity, read_name(ACTIVATION_GRANULARITIES, value)),
        write: |link| write_name(ACTIVATION_GRANULARITIES, link.recipe.activations?.granularity),
    },
    Key {
        name: "a-range",
        expects: |_| names(ACTIVATION_RANGES),
        read: |draft, value| set(&mut draft.activations.symmetric, read_name(ACTIVATION_RANGES, value)),
        write: |link| write_name(ACTIVATION_RANGES, link.recipe.activations?.symmetric),
    },
    Key {
        name: "a-mode",
        expects: |_| names(MODES),
        read: |draft, value| set(&mut draft.activations.mode, read_name(MODES, value)),
        write: |link| write_name(MODES, link.recipe.activations?.mode),
    },
    Key {
        name: "calibrate",
        expects: |_| names(METHODS),
        read: |draft, value| set(&mut draft.link.recipe.calibration.method, read_name(METHODS, value)),
        write: |link| write_name(METHODS, link.recipe.calibration.method),
    },
    Key {
        name: "deviations",
        expects: |_| "a number of standard deviations, 1 to 20".to_owned(),
        read: |draft, value| {
            let deviations = value.parse().ok().and_then(|z| Deviations::new(z).ok());
            set(&mut draft.link.recipe.calibration.deviations, deviations)
        },
        write: |link| unless(link.recipe.calibration.deviations.get().into(), Deviations::default().get().into()),
    },
    Key {
        name: "samples",
        expects: |_| "a number of images, 1 to 100000".to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.calibration.samples, value.parse().ok().filter(|n| (1..=MOST_SAMPLES).contains(n))),
        write: |link| unless(link.recipe.calibration.samples, Calibration::default().samples),
    },
    Key {
        name: "seed",
        expects: |_| "a number, 0 to 4294967295".to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.calibration.seed, value.parse().ok()),
        write: |link| unless(link.recipe.calibration.seed, Calibration::default().seed),
    },
    Key {
        name: "corrections",
        expects: |_| format!("each at most once, in order, with commas between: {}", names(CORRECTIONS)),
        read: |draft, value| set(&mut draft.link.recipe.corrections, read_corrections(value)),
        write: |link| {
            let names: Vec<&str> = link.recipe.corrections.iter().map(|correction| correction.name()).collect();
            (!names.is_empty()).then(|| names.join(","))
        },
    },
    Key {
        name: "sums",
        expects: |_| "the bits of a sum, 8 to 32, as in 16 or 16-saturate".to_owned(),
        read: |draft, value| {
            let (bits, overflow) = value.split_once('-').unwrap_or((value, "wrap"));
            let accumulator = Accumulator::new(bits.parse().ok()?, read_name(OVERFLOWS, overflow)?).ok()?;
            set(&mut draft.link.recipe.accumulator, Some(Some(accumulator)))
        },
        write: |link| {
            let accumulator = link.recipe.accumulator?;
            let end = if accumulator.overflow() == Overflow::Saturate { "-saturate" } else { "" };
            Some(format!("{}{end}", accumulator.bits()))
        },
    },
    Key {
        name: "layers",
        expects: |_| "layers with what each does differently, as in conv1~w4.tensor.a8;fc~w8".to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.layers, read_layers(value)),
        write: |link| Some(write_layers(&link.recipe.layers)).filter(|text| !text.is_empty()),
    },
    Key {
        name: "accuracy",
        expects: |_| "hits among the first images, as in 9331/10000".to_owned(),
        read: |draft, value| {
            let (hits, images) = value.split_once('/')?;
            let (hits, images) = (read_count(hits)?, read_count(images)?);
            set(&mut draft.link.expected.hits, (hits <= images && images > 0).then_some(Some((hits, images))))
        },
        write: |link| link.expected.hits.map(|(hits, images)| format!("{hits}/{images}")),
    },
    Key {
        name: "size",
        expects: |_| "the bytes of the quantized model".to_owned(),
        read: |draft, value| set(&mut draft.link.expected.size, Some(Some(read_count(value)?))),
        write: |link| link.expected.size.map(|bytes| bytes.to_string()),
    },
    Key {
        name: "latency",
        expects: |_| "microseconds, as in 421us".to_owned(),
        read: |draft, value| set(&mut draft.link.expected.latency, Some(Some(read_count(value.strip_suffix("us")?)?))),
        write: |link| link.expected.latency.map(|us| format!("{us}us")),
    },
];

/// Not quantized.
const FLOAT: &str = "f32";
const BITS: &str = "1 to 8 or 16 bits, or f32";
const EXPONENTS: &str = "a number of exponent bits, 1 to 7";
/// More calibration images than any set here has are a slip of the pen.
pub const MOST_SAMPLES: u32 = 100_000;

/// Takes a value that can be.
fn set<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

fn unless(value: u32, default: u32) -> Option<String> {
    (value != default).then(|| value.to_string())
}

fn read_bits(value: &str) -> Option<Bits> {
    if value == FLOAT { Some(Bits::FLOAT) } else { Bits::new(value.parse().ok()?).ok() }
}

fn write_bits(bits: Bits) -> Option<String> {
    if bits.is_float() { Some(FLOAT.to_owned()) } else { unless(bits.get().into(), Bits::MAX.get().into()) }
}

/// A count without a sign.
fn read_count(text: &str) -> Option<u32> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

fn read_exponent(value: &str) -> Option<Exponent> {
    Exponent::new(value.parse().ok()?).ok()
}

fn write_exponent(exponent: Exponent) -> Option<String> {
    unless(exponent.get().into(), Exponent::default().get().into())
}

fn read_corrections(value: &str) -> Option<Vec<Correction>> {
    let mut corrections = Vec::new();
    for name in value.split(',') {
        let correction = read_name(CORRECTIONS, name)?;
        if corrections.contains(&correction) {
            return None;
        }
        corrections.push(correction);
    }
    Some(corrections)
}

#[cfg(test)]
mod tests {
    use super::super::names::name_of;
    use super::*;

    #[test]
    fn names_are_those_of_recipe_files() {
        for correction in Correction::ALL {
            assert_eq!(name_of(CORRECTIONS, correction), Some(correction.name()));
        }
        for format in crate::scheme::Format::ALL {
            let json = serde_json::to_string(&format).unwrap();
            assert_eq!(name_of(FORMATS, format), Some(json.trim_matches('"')));
        }
    }
}
