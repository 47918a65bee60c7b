//! Which parts of a recipe do not go together, and what of it runs on integers.

use bitdial_protocol::{
    ActivationGranularity, ActivationMode, ActivationScheme, Correction, Execution, Format, Granularity, QuantizedInfo, Recipe,
};

use super::numbers::Numbers;

/// What cannot be, and why.
struct Rule {
    broken: fn(&Recipe) -> bool,
    why: &'static str,
}

const RULES: [Rule; 8] = [
    Rule {
        broken: |recipe| recipe.weights.format == Format::Codebook && recipe.weights.granularity == Granularity::Group,
        why: "A codebook belongs to a tensor or to a channel, not to a group.",
    },
    Rule {
        broken: |recipe| {
            let row = recipe.activations.is_some_and(|a| a.granularity == ActivationGranularity::Row);
            row && recipe.activations.is_some_and(|a| a.mode == ActivationMode::Static)
        },
        why: "A scale per row is found on each run: it goes with dynamic ranges.",
    },
    Rule {
        broken: |recipe| recipe.activations.is_some_and(|a| a.format == Format::Fixed && a.mode == ActivationMode::Dynamic),
        why: "In fixed point activations have a scale that calibration finds: it goes with static ranges.",
    },
    Rule {
        broken: |recipe| recipe.accumulator.is_some() && !is_integer(recipe),
        why: "A narrow sum adds integers: weights and activations must be integers of at most 8 bits, not scaled per row.",
    },
    Rule {
        broken: |recipe| recipe.accumulator.is_some() && recipe.weights.granularity == Granularity::Group,
        why: "A narrow sum goes over all weights of a channel: it takes no scales in groups.",
    },
    Rule { broken: |recipe| rounds(recipe).count() > 1, why: "AdaRound and GPTQ both decide how every weight is rounded: choose one." },
    Rule {
        broken: |recipe| out_of_order(recipe, 0),
        why: "What changes the model comes before what rounds its weights or makes up for the error.",
    },
    Rule { broken: |recipe| out_of_order(recipe, 1), why: "What rounds weights comes before what makes up for the error." },
];

fn rounds(recipe: &Recipe) -> impl Iterator<Item = &Correction> {
    recipe.corrections.iter().filter(|correction| rank(**correction) == 1)
}

/// How late a correction comes.
pub fn rank(correction: Correction) -> u8 {
    match correction {
        Correction::Cle | Correction::Smooth => 0,
        Correction::Adaround | Correction::Gptq => 1,
        Correction::Bias | Correction::Bn => 2,
    }
}

/// Whether one of this rank comes after one of a higher rank.
fn out_of_order(recipe: &Recipe, of: u8) -> bool {
    recipe.corrections.windows(2).any(|pair| rank(pair[1]) == of && rank(pair[0]) > of)
}

fn is_integer(recipe: &Recipe) -> bool {
    let activations = |a: ActivationScheme| Numbers::of_activations(&a).is_integer() && a.granularity == ActivationGranularity::Tensor;
    Numbers::of_weights(&recipe.weights).is_integer() && recipe.activations.is_some_and(activations)
}

/// Why a recipe cannot become another one; what is wrong with it already is no reason.
pub fn refusal(from: &Recipe, to: &Recipe) -> Option<&'static str> {
    RULES.iter().find(|rule| (rule.broken)(to) && !(rule.broken)(from)).map(|rule| rule.why)
}

/// What is wrong with a recipe.
pub fn broken(recipe: &Recipe) -> impl Iterator<Item = &'static str> {
    RULES.iter().filter(|rule| (rule.broken)(recipe)).map(|rule| rule.why)
}

/// What a recipe computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// f32, nothing is quantized.
    Float,
    /// f32 arithmetic on packed integers that are decoded.
    Decoded,
    /// Integers.
    Integers,
    /// Numbers that no kernel here has: rounded as they would be, computed in f32.
    Simulated,
}

impl Way {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "f32",
            Self::Decoded => "decoded to f32",
            Self::Integers => "on integers",
            Self::Simulated => "simulated here",
        }
    }

    /// Where there is room for three letters.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Float => "f32",
            Self::Decoded => "dec",
            Self::Integers => "int",
            Self::Simulated => "sim",
        }
    }

    /// In a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Float => "Nothing is quantized: the model runs in f32.",
            Self::Decoded => "Weights are packed integers, decoded to f32 when they are used; nothing else is quantized.",
            Self::Integers => "Integer kernels run this scheme: packed weights, integer products, integer sums.",
            Self::Simulated => {
                "No kernel here computes in these numbers: values are rounded as they would be, and products are f32. The size is that of the packed model."
            }
        }
    }

    /// The kind of a figure that a run gives.
    pub fn kind(self) -> &'static str {
        if self == Self::Simulated { "simulated" } else { "measured" }
    }
}

/// Parts of a recipe that make it a simulation, by the ids of their settings.
pub fn simulated(recipe: &Recipe) -> Vec<&'static str> {
    let weights = Numbers::of_weights(&recipe.weights);
    let activations = recipe.activations.map(|scheme| Numbers::of_activations(&scheme)).filter(|numbers| numbers.width() < 32);
    let own = recipe.layers.keys().map(|layer| Numbers::of_weights(&recipe.weights_of(layer)));
    let odd = |numbers: Numbers| numbers.width() < 32 && !numbers.is_integer();
    let parts = [
        ("w-format", odd(weights)),
        ("layers", own.into_iter().any(odd)),
        ("a-format", activations.is_some_and(odd)),
        ("a-scale", recipe.activations.is_some_and(|scheme| scheme.granularity == ActivationGranularity::Row)),
        // f32 weights leave integers nothing to multiply with.
        ("w-format", activations.is_some() && weights.width() == 32),
        ("sums", recipe.accumulator.is_some()),
    ];
    parts.into_iter().filter(|(_, is)| *is).map(|(id, _)| id).collect()
}

/// What a recipe computes in.
pub fn way(recipe: &Recipe) -> Way {
    let float = recipe.activations.is_none_or(|scheme| Numbers::of_activations(&scheme).width() == 32);
    match () {
        () if !simulated(recipe).is_empty() => Way::Simulated,
        () if !float => Way::Integers,
        () if recipe.weights.width() == 32 && recipe.layers.is_empty() => Way::Float,
        () => Way::Decoded,
    }
}

/// How many layers with weights the engine runs this way, of how many.
pub fn confirmed(info: &QuantizedInfo, way: Way) -> (usize, usize) {
    let of = |execution| match execution {
        Execution::Integer | Execution::DynamicInteger => Way::Integers,
        Execution::Simulated => Way::Simulated,
        Execution::WeightOnly => Way::Decoded,
        Execution::Float | Execution::Movement => Way::Float,
    };
    let weighted = info.layers.iter().filter(|layer| layer.weight_bits.is_some());
    weighted.fold((0, 0), |(on, all), layer| (on + usize::from(of(layer.execution) == way), all + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(json: &str) -> Recipe {
        Recipe::from_json(json).unwrap()
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_a_reason() {
        for (json, why) in [
            ("{}", None),
            (r#"{"weights":{"format":"codebook","granularity":"group"}}"#, Some("codebook")),
            (r#"{"weights":{"format":"nf4","granularity":"group"}}"#, None),
            (r#"{"activations":{"granularity":"row"}}"#, Some("row")),
            (r#"{"activations":{"granularity":"row","mode":"dynamic"}}"#, None),
            (r#"{"activations":{"format":"fixed","mode":"dynamic"}}"#, Some("fixed point")),
            (r#"{"accumulator":{"bits":16}}"#, None),
            (r#"{"accumulator":{"bits":16},"activations":{"granularity":"row","mode":"dynamic"}}"#, Some("not scaled per row")),
            (r#"{"accumulator":{"bits":16},"activations":null}"#, Some("sum")),
            (r#"{"accumulator":{"bits":16},"weights":{"format":"e4m3"}}"#, Some("sum")),
            (r#"{"corrections":["cle","smooth","gptq","bias","bn"]}"#, None),
            (r#"{"corrections":["gptq","adaround"]}"#, Some("choose one")),
            (r#"{"corrections":["bias","cle"]}"#, Some("changes the model")),
            (r#"{"corrections":["bias","gptq"]}"#, Some("What rounds")),
        ] {
            let found = refusal(&Recipe::default(), &recipe(json));
            assert!(found.is_some() == why.is_some() && why.is_none_or(|why| found.unwrap().contains(why)), "{json}: {found:?}");
            assert_eq!(broken(&recipe(json)).next(), found, "{json}");
            assert_eq!(refusal(&recipe(json), &recipe(json)), None);
        }
    }

    #[test]
    fn what_has_no_integer_kernel_is_simulated() {
        for (json, way_, parts) in [
            ("{}", Way::Integers, vec![]),
            (r#"{"activations":{"mode":"dynamic"},"weights":{"format":"ternary"}}"#, Way::Integers, vec![]),
            (r#"{"weights":{"format":"fixed","bits":16}}"#, Way::Simulated, vec!["w-format"]),
            (r#"{"activations":null}"#, Way::Decoded, vec![]),
            (r#"{"activations":null,"weights":{"bits":32}}"#, Way::Float, vec![]),
            (r#"{"weights":{"bits":32}}"#, Way::Simulated, vec!["w-format"]),
            (r#"{"activations":null,"weights":{"format":"nf4"}}"#, Way::Simulated, vec!["w-format"]),
            (r#"{"activations":{"format":"e4m3"}}"#, Way::Simulated, vec!["a-format"]),
            (r#"{"activations":{"granularity":"row","mode":"dynamic"}}"#, Way::Simulated, vec!["a-scale"]),
            (r#"{"accumulator":{"bits":16}}"#, Way::Simulated, vec!["sums"]),
            (r#"{"layers":{"fc":{"weights":{"bits":16}}}}"#, Way::Simulated, vec!["layers"]),
            (r#"{"layers":{"fc":{"weights":{"bits":32}}}}"#, Way::Integers, vec![]),
        ] {
            let recipe = recipe(json);
            assert_eq!((way(&recipe), simulated(&recipe)), (way_, parts), "{json}");
        }
    }
}
