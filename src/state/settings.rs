//! Every setting of a recipe that is no dial: what it may be, and what choosing makes of the recipe.

use bitdial_protocol::{
    Accumulator, ActivationGranularity, ActivationMode, ActivationScheme, Bits, CalibrationMethod, Deviations, Format, Granularity,
    GroupSize, Overflow, Recipe, Rounding, WeightRange,
};
use yew::AttrValue;

use super::numbers::{Family, Numbers};
use super::rules::refusal;
use crate::catalogue::{Calibration, Entry};

/// How a setting looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A few short words in a bar.
    Bar,
    /// A bar as wide as there is room.
    Wide,
    /// A list to open.
    List,
}

/// A setting.
pub struct Setting {
    /// Names it for scripts, as links name it.
    pub id: &'static str,
    /// Names it for people.
    pub word: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// How it looks.
    pub look: Look,
    /// Every choice, and the recipe that it makes; none where the setting means nothing.
    ways: fn(&Recipe, &Entry) -> Ways,
}

/// Choices: what is written on each, and the recipe that it makes, or why it cannot be.
type Ways = Vec<(AttrValue, Result<Recipe, &'static str>)>;

/// A choice of a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What is written on it.
    pub label: AttrValue,
    /// The recipe that it makes, or why it cannot be.
    pub recipe: Result<Recipe, &'static str>,
}

impl Setting {
    /// Its choices; none where it means nothing.
    pub fn choices(&self, recipe: &Recipe, entry: &Entry) -> Vec<Choice> {
        let checked = |(label, made): (AttrValue, Result<Recipe, &'static str>)| {
            let recipe = made.and_then(|made| refusal(recipe, &made).map_or(Ok(made), Err));
            Choice { label, recipe }
        };
        (self.ways)(recipe, entry).into_iter().map(checked).collect()
    }
}

fn ways(recipe: &Recipe, labels: &[&'static str], set: &dyn Fn(&mut Recipe, usize)) -> Ways {
    let one = |(index, label): (usize, &&'static str)| {
        let mut made = recipe.clone();
        set(&mut made, index);
        (AttrValue::Static(label), Ok(made))
    };
    labels.iter().enumerate().map(one).collect()
}

fn activation_ways(recipe: &Recipe, labels: &[&'static str], set: &dyn Fn(&mut ActivationScheme, usize)) -> Ways {
    if recipe.activations.is_none() {
        return Vec::new();
    }
    ways(recipe, labels, &|recipe, index| {
        if let Some(scheme) = &mut recipe.activations {
            set(scheme, index);
        }
    })
}

fn families(recipe: &Recipe, now: Numbers, set: &dyn Fn(&mut Recipe, Numbers), allowed: fn(Numbers) -> bool) -> Ways {
    let bits = Bits::new(now.width()).unwrap_or(now.bits);
    let one = |family: Family| {
        let usual = if Family::of(now.format) == family && !bits.is_float() { Some(now) } else { None };
        let made = match usual.or_else(|| family.formats(bits).into_iter().find(|numbers| allowed(*numbers))) {
            _ if bits.is_float() => Err("f32 is not quantized: turn the dial down first."),
            Some(numbers) => {
                let mut made = recipe.clone();
                set(&mut made, numbers.beside(now));
                Ok(made)
            }
            None if !family.formats(bits).is_empty() => Err("Activations have no codebook but NF4, of 4 bits."),
            None => Err(family.widths()),
        };
        (AttrValue::Static(family.name()), made)
    };
    Family::ALL.into_iter().map(one).collect()
}

fn kinds(recipe: &Recipe, now: Numbers, set: &dyn Fn(&mut Recipe, Numbers), allowed: fn(Numbers) -> bool) -> Ways {
    let bits = Bits::new(now.width()).unwrap_or(now.bits);
    let mut all = Family::of(now.format).formats(bits);
    all.retain(|numbers| allowed(*numbers));
    if bits.is_float() || all.len() < 2 {
        return Vec::new();
    }
    let one = |numbers: Numbers| {
        let mut made = recipe.clone();
        // A link may say a width that the format overrules: it is what is in force.
        set(&mut made, if numbers.format == now.format && numbers.format.width().is_some() { now } else { numbers.beside(now) });
        (format!("{}: {}", numbers.name(), numbers.meaning()).into(), Ok(made))
    };
    all.into_iter().map(one).collect()
}

fn set_weights(recipe: &mut Recipe, numbers: Numbers) {
    recipe.weights = numbers.weights(recipe.weights);
}

fn set_activations(recipe: &mut Recipe, numbers: Numbers) {
    recipe.activations = recipe.activations.map(|scheme| numbers.activations(scheme));
}

/// Formats that serve activations too.
pub fn serves_activations(numbers: Numbers) -> bool {
    !matches!(numbers.format, Format::Ternary | Format::Codebook)
}

fn weights(recipe: &Recipe) -> Numbers {
    Numbers::of_weights(&recipe.weights)
}

fn activations(recipe: &Recipe) -> Option<Numbers> {
    recipe.activations.map(|scheme| Numbers::of_activations(&scheme))
}

/// Whether weights have the scales of binary or ternary networks: means of magnitudes, whatever the range.
fn is_mean(recipe: &Recipe) -> bool {
    recipe.weights.format == Format::Ternary || recipe.weights.format == Format::Int && recipe.weights.width() == 1
}

fn is_static(recipe: &Recipe) -> bool {
    recipe.activations.is_some_and(|scheme| scheme.mode == ActivationMode::Static && Numbers::of_activations(&scheme).has_range())
}

const GRANULARITIES: [Granularity; 3] = [Granularity::Tensor, Granularity::Channel, Granularity::Group];
const CLIPS: [WeightRange; 3] = [WeightRange::MinMax, WeightRange::Mse, WeightRange::Lp];
const ROUNDINGS: [Rounding; 3] = [Rounding::Nearest, Rounding::Stochastic, Rounding::Floor];
const METHODS: [CalibrationMethod; 9] = [
    CalibrationMethod::MinMax,
    CalibrationMethod::MovingAverage,
    CalibrationMethod::Percentile99,
    CalibrationMethod::Percentile999,
    CalibrationMethod::Percentile9999,
    CalibrationMethod::Percentile99999,
    CalibrationMethod::Mse,
    CalibrationMethod::Entropy,
    CalibrationMethod::ZScore,
];
const SAMPLES: [u32; 4] = [64, 128, 256, 512];
const DEVIATIONS: [u8; 7] = [2, 3, 4, 5, 6, 8, 10];

/// Which family of formats weights have.
pub const WEIGHT_FAMILY: Setting = Setting {
    id: "w-format",
    word: "Format",
    help: "How one weight is written. Integers are evenly spaced; floats are finer near zero; blocks share an exponent; a codebook lists its values; logarithmic ones are powers of two.",
    look: Look::Wide,
    ways: |recipe, _| families(recipe, weights(recipe), &set_weights, |_| true),
};
/// Which format of the family.
pub const WEIGHT_KIND: Setting = Setting {
    id: "w-kind",
    word: "Which",
    help: "Formats of this family that have as many bits: they spend them differently on range and on precision.",
    look: Look::List,
    ways: |recipe, _| kinds(recipe, weights(recipe), &set_weights, |_| true),
};
/// What shares a scale.
pub const WEIGHT_SCALE: Setting = Setting {
    id: "w-scale",
    word: "Scale per",
    help: "A scale turns what is stored back into weights. One per output channel follows each channel's own range; one for the whole layer is coarser where channels differ; one per group of weights is finer still, and takes more bytes.",
    look: Look::Bar,
    ways: |recipe, _| {
        let numbers = weights(recipe);
        if numbers.width() >= 16 && !numbers.has_range() || numbers.format.block().is_some() {
            return Vec::new();
        }
        ways(recipe, &["tensor", "channel", "group"], &|recipe, i| recipe.weights.granularity = GRANULARITIES[i])
    },
};
/// Weights of a group.
pub const WEIGHT_GROUP: Setting = Setting {
    id: "w-group",
    word: "Group of",
    help: "How many neighbouring weights of an output channel share a scale. Each group is summed by itself, and its sum is scaled and added in f32: smaller groups follow the weights more closely, and are more to store and to add.",
    look: Look::Bar,
    ways: |recipe, entry| {
        if recipe.weights.granularity != Granularity::Group || WEIGHT_SCALE.choices(recipe, entry).is_empty() {
            return Vec::new();
        }
        ways(recipe, &["16", "32", "64", "128"], &|recipe, i| recipe.weights.group = GroupSize::ALL[i])
    },
};
/// Symmetric or affine weights.
pub const WEIGHT_RANGE: Setting = Setting {
    id: "w-range",
    word: "Range",
    help: "A symmetric range keeps zero in the middle and needs no zero point. An affine one follows the smallest and largest weight, and pays for a zero point in every product.",
    look: Look::Bar,
    ways: |recipe, _| {
        if !weights(recipe).has_zero_point() {
            return Vec::new();
        }
        ways(recipe, &["symmetric", "affine"], &|recipe, i| recipe.weights.symmetric = i == 0)
    },
};
/// Which range of weights the scale covers.
pub const WEIGHT_CLIP: Setting = Setting {
    id: "w-clip",
    word: "Clip at",
    help: "Min-max keeps the largest weight. The other two try smaller ranges and keep the one with the least error, squared or to the power 2.4: large weights are clipped so that the many small ones are met better.",
    look: Look::Bar,
    ways: |recipe, _| {
        if !weights(recipe).has_range() || is_mean(recipe) {
            return Vec::new();
        }
        ways(recipe, &["min-max", "MSE", "Lp"], &|recipe, i| recipe.weights.range = CLIPS[i])
    },
};
/// How weights are rounded.
pub const WEIGHT_ROUNDING: Setting = Setting {
    id: "w-round",
    word: "Round",
    help: "To the nearest value; up or down by chance, right on average; or always down, to see what that costs.",
    look: Look::Bar,
    ways: |recipe, _| {
        if recipe.weights.format == Format::Codebook || recipe.weights.width() == 32 || is_mean(recipe) {
            return Vec::new();
        }
        ways(recipe, &["nearest", "chance", "down"], &|recipe, i| recipe.weights.rounding = ROUNDINGS[i])
    },
};
/// Which family of formats activations have.
pub const ACTIVATION_FAMILY: Setting = Setting {
    id: "a-format",
    word: "Format",
    help: "How one activation is written. Only integers of at most 8 bits run on integer kernels; every other format is simulated.",
    look: Look::Wide,
    ways: |recipe, _| activations(recipe).map_or_else(Vec::new, |numbers| families(recipe, numbers, &set_activations, serves_activations)),
};
/// Which format of the family.
pub const ACTIVATION_KIND: Setting = Setting {
    id: "a-kind",
    word: "Which",
    help: WEIGHT_KIND.help,
    look: Look::List,
    ways: |recipe, _| activations(recipe).map_or_else(Vec::new, |numbers| kinds(recipe, numbers, &set_activations, serves_activations)),
};
/// What shares a scale.
pub const ACTIVATION_SCALE: Setting = Setting {
    id: "a-scale",
    word: "Scale per",
    help: "One scale for a whole activation, or one for each row: the channels of one position. A row's scale is found on each run.",
    look: Look::Bar,
    ways: |recipe, _| {
        if !activations(recipe).is_some_and(Numbers::has_range) {
            return Vec::new();
        }
        let all = [ActivationGranularity::Tensor, ActivationGranularity::Row];
        activation_ways(recipe, &["tensor", "row"], &|scheme, i| scheme.granularity = all[i])
    },
};
/// Symmetric or affine activations.
pub const ACTIVATION_RANGE: Setting = Setting {
    id: "a-range",
    word: "Range",
    help: "After ReLU activations are never negative, and a symmetric range leaves half of its integers unused. An affine one spends them all on what occurs.",
    look: Look::Bar,
    ways: |recipe, _| {
        if !activations(recipe).is_some_and(Numbers::has_zero_point) {
            return Vec::new();
        }
        activation_ways(recipe, &["symmetric", "affine"], &|scheme, i| scheme.symmetric = i == 0)
    },
};
/// Static or dynamic.
pub const MODE: Setting = Setting {
    id: "a-mode",
    word: "Found",
    help: "Static ranges are found once, on calibration images, and everything stays in integers. Dynamic ones are found for every image anew: no calibration, more work per image.",
    look: Look::Bar,
    ways: |recipe, _| {
        if !activations(recipe).is_some_and(Numbers::has_range) {
            return Vec::new();
        }
        activation_ways(recipe, &["static", "dynamic"], &|scheme, i| {
            scheme.mode = [ActivationMode::Static, ActivationMode::Dynamic][i];
        })
    },
};
/// How ranges are chosen.
pub const METHOD: Setting = Setting {
    id: "calibrate",
    word: "Calibrate",
    help: "Which part of what the calibration images showed the range keeps. All of it wastes steps on outliers; less of it clips them.",
    look: Look::List,
    ways: |recipe, _| {
        if !is_static(recipe) {
            return Vec::new();
        }
        let names = [
            "min-max",
            "moving average of min and max",
            "99 %",
            "99.9 %",
            "99.99 %",
            "99.999 %",
            "least squared error",
            "entropy (KL)",
            "standard deviations",
        ];
        ways(recipe, &names, &|recipe, i| recipe.calibration.method = METHODS[i])
    },
};
/// How many standard deviations.
pub const DEVIATION: Setting = Setting {
    id: "deviations",
    word: "Keep",
    help: "How many standard deviations to both sides of the mean the range keeps.",
    look: Look::Bar,
    ways: |recipe, _| {
        if !is_static(recipe) || recipe.calibration.method != CalibrationMethod::ZScore {
            return Vec::new();
        }
        ways(recipe, &["2", "3", "4", "5", "6", "8", "10"], &|recipe, i| {
            recipe.calibration.deviations = Deviations::new(DEVIATIONS[i]).unwrap_or_default();
        })
    },
};
/// How many images.
pub const SAMPLE: Setting = Setting {
    id: "samples",
    word: "Images",
    help: "How many training images calibration and corrections look at. Test images are never used for it.",
    look: Look::Bar,
    ways: |recipe, entry| {
        let Calibration::Images { count, .. } = &entry.calibration else { return Vec::new() };
        let mut all = ways(recipe, &["64", "128", "256", "512"], &|recipe, i| recipe.calibration.samples = SAMPLES[i]);
        all.truncate(SAMPLES.iter().filter(|samples| **samples as usize <= *count).count());
        all
    },
};
/// How wide sums are.
pub const SUMS: Setting = Setting {
    id: "sums",
    word: "Width of sums",
    help: "Integer kernels add in 32 bits. Narrower sums overflow: what that breaks is simulated.",
    look: Look::List,
    ways: |recipe, _| {
        let names = ["32 bits, as the kernels", "24 bits", "20 bits", "18 bits", "16 bits", "14 bits", "12 bits", "10 bits", "8 bits"];
        const WIDTHS: [u8; 9] = [32, 24, 20, 18, 16, 14, 12, 10, 8];
        ways(recipe, &names, &|recipe, i| {
            let overflow = recipe.accumulator.map_or(Overflow::Wrap, Accumulator::overflow);
            recipe.accumulator = Accumulator::new(WIDTHS[i], overflow).ok().filter(|_| i > 0);
        })
    },
};
/// What narrow sums do.
pub const OVERFLOW: Setting = Setting {
    id: "overflow",
    word: "Overflow",
    help: "A sum that overflows goes on at the other end, as most hardware does, or stays at the end.",
    look: Look::Bar,
    ways: |recipe, _| match recipe.accumulator {
        None => Vec::new(),
        Some(accumulator) => ways(recipe, &["wraps", "saturates"], &|recipe, i| {
            recipe.accumulator = Accumulator::new(accumulator.bits(), [Overflow::Wrap, Overflow::Saturate][i]).ok();
        }),
    },
};

#[cfg(test)]
mod tests {
    use bitdial_protocol::Link;

    use super::*;
    use crate::catalogue;

    const ALL: [&Setting; 17] = [
        &WEIGHT_FAMILY,
        &WEIGHT_KIND,
        &WEIGHT_SCALE,
        &WEIGHT_GROUP,
        &WEIGHT_RANGE,
        &WEIGHT_CLIP,
        &WEIGHT_ROUNDING,
        &ACTIVATION_FAMILY,
        &ACTIVATION_KIND,
        &ACTIVATION_SCALE,
        &ACTIVATION_RANGE,
        &MODE,
        &METHOD,
        &DEVIATION,
        &SAMPLE,
        &SUMS,
        &OVERFLOW,
    ];

    fn choices(setting: &Setting, json: &str) -> Vec<Choice> {
        setting.choices(&Recipe::from_json(json).unwrap(), &catalogue::all()[0])
    }

    #[test]
    fn every_setting_shows_what_is_in_force_and_changes_one_thing() {
        let start = Recipe::from_json(
            r#"{"weights":{"granularity":"group"},"calibration":{"method":"z-score"},"accumulator":{"bits":16},"activations":{"bits":4}}"#,
        )
        .unwrap();
        for setting in ALL {
            let choices = setting.choices(&start, &catalogue::all()[0]);
            let made: Vec<&Recipe> = choices.iter().filter_map(|choice| choice.recipe.as_ref().ok()).collect();
            assert_eq!(made.iter().filter(|recipe| ***recipe == start).count(), 1, "{}: {choices:?}", setting.id);
            for (i, recipe) in made.iter().enumerate() {
                assert!(made[..i].iter().all(|other| other != recipe), "{}: a choice stands twice", setting.id);
                let text = Link { recipe: (*recipe).clone(), ..Link::new("digits") }.to_fragment();
                assert_eq!(Link::from_fragment(&text, &["digits"]).0.recipe, **recipe, "{text}");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_shown_with_the_reason() {
        for (setting, json, label, why) in [
            (&WEIGHT_FAMILY, r#"{"weights":{"bits":5}}"#, "block", "4, 6 or 8"),
            (&WEIGHT_FAMILY, r#"{"weights":{"bits":1}}"#, "float", "2 to 8"),
            (&WEIGHT_FAMILY, r#"{"weights":{"granularity":"group"}}"#, "codebook", "not to a group"),
            (&WEIGHT_FAMILY, r#"{"weights":{"bits":32}}"#, "float", "not quantized"),
            (&WEIGHT_FAMILY, r#"{"accumulator":{"bits":16}}"#, "float", "narrow sum"),
            (&WEIGHT_SCALE, r#"{"weights":{"format":"codebook"}}"#, "group", "not to a group"),
            (&ACTIVATION_FAMILY, "{}", "codebook", "NF4"),
            (&ACTIVATION_SCALE, "{}", "row", "dynamic"),
            (&MODE, r#"{"activations":{"mode":"dynamic","granularity":"row"}}"#, "static", "dynamic"),
            (&SUMS, r#"{"activations":null}"#, "16 bits", "must be integers"),
        ] {
            let choices = choices(setting, json);
            let choice = choices.iter().find(|choice| choice.label == label).unwrap();
            assert!(choice.recipe.as_ref().is_err_and(|reason| reason.contains(why)), "{json}: {choice:?}");
        }
        for (setting, json) in [
            (&WEIGHT_SCALE, r#"{"weights":{"format":"mxfp4"}}"#),
            (&WEIGHT_RANGE, r#"{"weights":{"format":"pot"}}"#),
            (&METHOD, r#"{"activations":{"mode":"dynamic"}}"#),
            (&MODE, r#"{"activations":null}"#),
            (&OVERFLOW, "{}"),
        ] {
            assert!(choices(setting, json).is_empty(), "{}: {json}", setting.id);
        }
    }
}
