//! Recipes and differences in words.

use bitdial_protocol::{ActivationMode, Granularity, Recipe};

use super::numbers::Numbers;
use super::predictions::{Goal, Pairs};
use super::settings::{
    ACTIVATION_FAMILY, ACTIVATION_KIND, ACTIVATION_RANGE, ACTIVATION_SCALE, DEVIATION, METHOD, MODE, OVERFLOW, SAMPLE, SUMS, Setting,
    WEIGHT_CLIP, WEIGHT_FAMILY, WEIGHT_GROUP, WEIGHT_KIND, WEIGHT_RANGE, WEIGHT_ROUNDING, WEIGHT_SCALE,
};
use super::{Control, State};
use crate::catalogue::Entry;

/// A difference this likely by chance alone is called chance.
const CHANCE: f64 = 0.05;

/// Every setting but the dials, with what it is a setting of.
const SETTINGS: [(&str, &Setting); 17] = [
    ("weights: format", &WEIGHT_FAMILY),
    ("weights: kind", &WEIGHT_KIND),
    ("weights: scale per", &WEIGHT_SCALE),
    ("weights: group of", &WEIGHT_GROUP),
    ("weights: range", &WEIGHT_RANGE),
    ("weights: clip at", &WEIGHT_CLIP),
    ("weights: rounding", &WEIGHT_ROUNDING),
    ("activations: format", &ACTIVATION_FAMILY),
    ("activations: kind", &ACTIVATION_KIND),
    ("activations: scale per", &ACTIVATION_SCALE),
    ("activations: range", &ACTIVATION_RANGE),
    ("activations: ranges", &MODE),
    ("calibration", &METHOD),
    ("standard deviations", &DEVIATION),
    ("calibration images", &SAMPLE),
    ("width of sums", &SUMS),
    ("overflow", &OVERFLOW),
];

/// What stands where a recipe has no such setting.
const NONE: &str = "none";

/// One thing in which two recipes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub what: &'static str,
    /// In the first recipe.
    pub a: String,
    /// In the second one.
    pub b: String,
}

/// A recipe in a few words: `int4 weights per tensor, int8 activations, cle`.
pub fn recipe(recipe: &Recipe) -> String {
    let mut text = format!("{} weights", Numbers::of_weights(&recipe.weights).name());
    match recipe.weights.granularity {
        Granularity::Tensor => text.push_str(" per tensor"),
        Granularity::Channel => {}
        Granularity::Group => text.push_str(&format!(" per group of {}", recipe.weights.group)),
    }
    if !recipe.weights.symmetric {
        text.push_str(" affine");
    }
    match recipe.activations {
        None => text.push_str(", f32 activations"),
        Some(scheme) => {
            text.push_str(&format!(", {} activations", Numbers::of_activations(&scheme).name()));
            if scheme.symmetric {
                text.push_str(" symmetric");
            }
            if scheme.mode == ActivationMode::Dynamic {
                text.push_str(" dynamic");
            }
        }
    }
    for correction in &recipe.corrections {
        text.push_str(", ");
        text.push_str(correction.name());
    }
    match recipe.layers.len() {
        0 => {}
        1 => text.push_str(", 1 layer differs"),
        n => text.push_str(&format!(", {n} layers differ")),
    }
    text
}

/// The width of activations; 32 where they stay in f32.
fn activation_width(recipe: &Recipe) -> u8 {
    recipe.activations.map_or(32, |scheme| Numbers::of_activations(&scheme).width())
}

fn corrections(recipe: &Recipe) -> String {
    let names: Vec<&str> = recipe.corrections.iter().map(|correction| correction.name()).collect();
    if names.is_empty() { NONE.to_owned() } else { names.join(", ") }
}

/// Everything in which two recipes for a model differ.
pub fn differences(a: &Recipe, b: &Recipe, entry: &Entry) -> Vec<Difference> {
    let width = |bits: u8| if bits == 32 { "f32".to_owned() } else { bits.to_string() };
    let mut found = Vec::new();
    let mut add = |what, a: String, b: String| {
        if a != b {
            found.push(Difference { what, a, b });
        }
    };
    let widths = |recipe: &Recipe| [recipe.weights.width(), activation_width(recipe)];
    let ([wa, aa], [wb, ab]) = (widths(a), widths(b));
    add("weight bits", width(wa), width(wb));
    add("activation bits", width(aa), width(ab));
    // Formats of a family have other names at other widths: that is not another difference.
    let named = |what: &str| !(what == "weights: kind" && wa != wb || what == "activations: kind" && aa != ab);
    for (what, setting) in SETTINGS.into_iter().filter(|(what, _)| named(what)) {
        let chosen = |recipe: &Recipe| {
            let choices = setting.choices(recipe, entry);
            choices.into_iter().find(|choice| choice.recipe.as_ref() == Ok(recipe)).map(|choice| choice.label.to_string())
        };
        if let (Some(a), Some(b)) = (chosen(a), chosen(b)) {
            add(what, a, b);
        }
    }
    add("corrections", corrections(a), corrections(b));
    add("seed", a.calibration.seed.to_string(), b.calibration.seed.to_string());
    if a.layers != b.layers {
        let layers = |recipe: &Recipe| if recipe.layers.is_empty() { NONE.to_owned() } else { recipe.layers.len().to_string() };
        found.push(Difference { what: "layers with settings of their own", a: layers(a), b: layers(b) });
    }
    // What has no control on the page, such as parameters of corrections.
    if found.is_empty() && a != b {
        found.push(Difference { what: "details", a: "one way".to_owned(), b: "another".to_owned() });
    }
    found
}

/// Differences in one line: `weight bits 8 → 4, corrections none → cle`.
pub fn line(differences: &[Difference]) -> String {
    let one = |difference: &Difference| format!("{} {} \u{2192} {}", difference.what, difference.a, difference.b);
    differences.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether so uneven a change may be chance.
pub fn may_be_chance(pairs: &Pairs) -> bool {
    pairs.p() >= CHANCE
}

/// McNemar's test in words.
pub fn chance(pairs: &Pairs) -> String {
    let p = pairs.p();
    let shown = if p < 0.001 { "p\u{a0}<\u{a0}0.001".to_owned() } else { format!("p\u{a0}=\u{a0}{p:.3}") };
    let verdict = if may_be_chance(pairs) { "So small a difference could be chance" } else { "More than chance explains" };
    format!("{verdict} (McNemar, {shown}).")
}

/// What is said when a backend that was found wrong is asked for again.
pub fn refusal(backend: &str) -> String {
    format!("The backend {backend} computes something else than the reference on this device; the reference kernels are used instead.")
}

impl State {
    /// Whether what the last change did at a control may be chance; `None` where that is not known, or not counted in
    /// images with labels.
    pub fn effect_may_be_chance(&self, control: &Control) -> Option<bool> {
        let before = self.before.as_ref().filter(|before| before.control == *control && self.bench.goal() == Goal::Accuracy)?;
        let pairs = Pairs::of(&self.bench.run().predictions, &before.predictions, &self.bench.truth);
        (pairs.n >= self.bench.enough()).then(|| may_be_chance(&pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn differences_are_named_and_nothing_else_is() {
        let recipe = |json: &str| Recipe::from_json(json).unwrap();
        for (a, b, expected) in [
            ("{}", "{}", ""),
            ("{}", r#"{"weights":{"bits":4}}"#, "weight bits 8 \u{2192} 4"),
            ("{}", r#"{"weights":{"granularity":"tensor"}}"#, "weights: scale per channel \u{2192} tensor"),
            (r#"{"corrections":["cle"]}"#, "{}", "corrections cle \u{2192} none"),
            ("{}", r#"{"activations":null}"#, "activation bits 8 \u{2192} f32"),
            ("{}", r#"{"layers":{"fc":{"weights":{"bits":2}}}}"#, "layers with settings of their own none \u{2192} 1"),
        ] {
            assert_eq!(line(&differences(&recipe(a), &recipe(b), &catalogue::all()[0])), expected);
        }
    }

    #[test]
    fn a_small_difference_is_called_chance() {
        for (lost, gained, said) in
            [(5, 5, "could be chance"), (0, 5, "More than chance"), (40, 55, "could be chance"), (400, 200, "p\u{a0}<")]
        {
            let text = chance(&Pairs { n: 1_000, lost, gained, flipped: lost + gained });
            assert!(text.contains(said), "{lost} {gained}: {text}");
        }
    }
}
