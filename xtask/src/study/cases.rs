//! What is measured: recipes, and what is expected of them.

use serde_json::{Value, json};

/// A recipe of the study.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Unique.
    pub name: &'static str,
    /// Bits of weights and activations.
    bits: (u8, u8),
    /// What shares a scale of weights.
    granularity: &'static str,
    /// From which range a scale of weights is made.
    range: &'static str,
    corrections: &'static [&'static str],
    /// Bits of a weight on average, where widths are searched for.
    pub average: Option<f64>,
    /// Most points of accuracy that it may lose against f32.
    pub bar: Option<f64>,
}

const CHANNEL: Case = Case { name: "", bits: (8, 8), granularity: "channel", range: "minmax", corrections: &[], average: None, bar: None };
const TENSOR: Case = Case { granularity: "tensor", ..CHANNEL };

/// A case with widths that are searched for: its name, where its ranges come from, its corrections.
type Mixed = (&'static str, &'static str, &'static [&'static str]);
const FOUR: [Mixed; 2] = [("mixed, 4 bits on average", "minmax", &[]), ("mixed, 4 bits on average, MSE + bias", "mse", &["bias"])];
const THREE: [Mixed; 5] = [
    ("mixed, 3 bits on average", "minmax", &[]),
    ("mixed, 3 bits on average, + bias", "minmax", &["bias"]),
    ("mixed, 3 bits on average, MSE + bias", "mse", &["bias"]),
    ("mixed, 3 bits on average, + GPTQ", "minmax", &["gptq"]),
    ("mixed, 3 bits on average, MSE + GPTQ + bias", "mse", &["gptq", "bias"]),
];

/// Every case, in the order of the table.
pub fn all() -> Vec<Case> {
    let mut all = vec![
        Case { name: "W8A8 per-tensor", ..TENSOR },
        Case { name: "W8A8 per-tensor + CLE", corrections: &["cle"], ..TENSOR },
        Case { name: "W8A8 per-channel", bar: Some(0.2), ..CHANNEL },
        Case { name: "W5A8 per-tensor", bits: (5, 8), ..TENSOR },
        Case { name: "W5A8 per-tensor + CLE", bits: (5, 8), corrections: &["cle"], ..TENSOR },
    ];
    let names = [
        (
            4,
            Some(0.3),
            [
                "W4A8",
                "W4A8 MSE",
                "W4A8 + bias",
                "W4A8 MSE + bias",
                "W4A8 + GPTQ",
                "W4A8 MSE + GPTQ + bias",
                "W4A8 + AdaRound",
                "W4A8 MSE + AdaRound + bias",
            ],
        ),
        (
            3,
            Some(1.0),
            [
                "W3A8",
                "W3A8 MSE",
                "W3A8 + bias",
                "W3A8 MSE + bias",
                "W3A8 + GPTQ",
                "W3A8 MSE + GPTQ + bias",
                "W3A8 + AdaRound",
                "W3A8 MSE + AdaRound + bias",
            ],
        ),
        (
            2,
            Some(5.0),
            [
                "W2A8",
                "W2A8 MSE",
                "W2A8 + bias",
                "W2A8 MSE + bias",
                "W2A8 + GPTQ",
                "W2A8 MSE + GPTQ + bias",
                "W2A8 + AdaRound",
                "W2A8 MSE + AdaRound + bias",
            ],
        ),
    ];
    let corrections: [&[&str]; 8] = [&[], &[], &["bias"], &["bias"], &["gptq"], &["gptq", "bias"], &["adaround"], &["adaround", "bias"]];
    for (bits, bar, names) in names {
        for (i, name) in names.into_iter().enumerate() {
            let range = if name.contains("MSE") { "mse" } else { "minmax" };
            // The bar is for the best of them.
            let bar = bar.filter(|_| i + 1 == names.len());
            all.push(Case { name, bits: (bits, 8), range, corrections: corrections[i], bar, ..CHANNEL });
        }
    }
    all.extend([
        Case { name: "W4A4", bits: (4, 4), ..CHANNEL },
        Case { name: "W4A4 MSE + AdaRound + bias", bits: (4, 4), range: "mse", corrections: &["adaround", "bias"], ..CHANNEL },
    ]);
    for (bits, names) in [(4, &FOUR[..]), (3, &THREE[..])] {
        for &(name, range, corrections) in names {
            all.push(Case { name, bits: (bits, 8), range, corrections, average: Some(f64::from(bits)), ..CHANNEL });
        }
    }
    all
}

impl Case {
    /// The recipe, as JSON has it.
    pub fn recipe(&self) -> Value {
        let (weights, activations) = self.bits;
        json!({
            "weights": { "bits": weights, "granularity": self.granularity, "range": self.range },
            "activations": { "bits": activations },
            "corrections": self.corrections,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_and_a_recipe_of_its_own() {
        let all = all();
        let names: HashSet<&str> = all.iter().map(|case| case.name).collect();
        let recipes: HashSet<String> = all.iter().map(|case| format!("{} {:?}", case.recipe(), case.average)).collect();
        assert_eq!((names.len(), recipes.len()), (all.len(), all.len()));
        for (name, recipe) in [
            (
                "W3A8 MSE + GPTQ + bias",
                json!({ "weights": { "bits": 3, "granularity": "channel", "range": "mse" }, "activations": { "bits": 8 }, "corrections": ["gptq", "bias"] }),
            ),
            (
                "W5A8 per-tensor + CLE",
                json!({ "weights": { "bits": 5, "granularity": "tensor", "range": "minmax" }, "activations": { "bits": 8 }, "corrections": ["cle"] }),
            ),
        ] {
            assert_eq!(all.iter().find(|case| case.name == name).expect("it is there").recipe(), recipe);
        }
    }
}
