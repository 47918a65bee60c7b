//! What the kernels are meant to reach, and whether this run has seen it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::evaluation::Evaluation;
use super::report::OfModel;
use super::stats::{times_as_fast, times_as_fast_at_best};

/// A case: runtime, build, scheme.
type Name = (&'static str, &'static str, &'static str);

/// Something to be reached.
enum Target {
    /// On a model one case is at least so many times as fast as another.
    Ratio { model: &'static str, case: Name, than: Name, least: f64 },
    /// On a model the evaluation takes at most so many milliseconds for the first 500 images and for all.
    Evaluation { scheme: &'static str, most: (f64, f64) },
    /// Module compiled, model loaded, first inference: at most so many milliseconds.
    Start { most: f64 },
}

const LARGE: &str = "efficientnet-lite0";
const SMALL: &str = "fashion-resnet";
const STARTED: &str = "fashion-mobilenet";

const RELAXED: &str = "relaxed-simd";
const SIMD: &str = "simd128";

/// All of them.
fn targets() -> Vec<Target> {
    let ours = |build, scheme| ("bitdial", build, scheme);
    let litert = |build, scheme| ("litert", build, scheme);
    let ratio = |model, case, than, least| Target::Ratio { model, case, than, least };
    vec![
        ratio(LARGE, ours(RELAXED, "w8a8"), litert(RELAXED, "int8"), 1.3),
        ratio(LARGE, ours(RELAXED, "w8a8"), ("ort", SIMD, "int8"), 8.0),
        ratio(LARGE, ours(RELAXED, "f32"), litert(RELAXED, "f32"), 1.25),
        ratio(LARGE, ours(SIMD, "w8a8"), litert(SIMD, "int8"), 1.3),
        ratio(LARGE, ours(RELAXED, "w4a8"), ours(RELAXED, "w8a8"), 1.0 / 1.15),
        ratio(SMALL, ours(RELAXED, "w8a8"), litert(RELAXED, "int8"), 1.0),
        ratio(SMALL, ours(RELAXED, "f32"), litert(RELAXED, "f32"), 1.0),
        Target::Evaluation { scheme: "w8a8", most: (150.0, 1_500.0) },
        Target::Evaluation { scheme: "f32", most: (f64::INFINITY, 6_000.0) },
        Target::Start { most: 150.0 },
    ]
}

/// A target with what was found: what it says, what was found, whether it is reached. Without what was not measured.
fn held(models: &[OfModel], evaluations: &[Evaluation]) -> Vec<(String, String, bool)> {
    let of = |id: &str| models.iter().find(|of| of.model["id"] == id);
    let name = |(runtime, build, scheme): Name| format!("{runtime} {build} {scheme}");
    let check = |target: Target| match target {
        Target::Ratio { model, case, than, least } => {
            let [a, b] = [case, than].map(|(runtime, build, scheme)| of(model)?.get(runtime, build, scheme));
            let found = times_as_fast(&a?.rounds, &b?.rounds)?;
            let best = times_as_fast_at_best(&a?.rounds, &b?.rounds)?;
            let what = format!("{model}: {} at least {least:.2} times as fast as {}", name(case), name(than));
            Some((what, format!("{found:.2}, at best {best:.2}"), found >= least))
        }
        Target::Evaluation { scheme, most } => {
            let found = evaluations.iter().find(|e| e.model == SMALL && e.scheme == scheme)?;
            let first = if most.0.is_finite() { format!("500 images in {:.0} ms, ", most.0) } else { String::new() };
            let what = format!("{SMALL}: {scheme}, two workers: {first}all in {:.0} ms", most.1);
            let reached = found.warm.0 <= most.0 && found.warm.1 <= most.1;
            Some((what, format!("{:.0}, {:.0} ms", found.warm.0, found.warm.1), reached))
        }
        Target::Start { most } => {
            let found = of(STARTED)?.get("bitdial", RELAXED, "f32")?.opened.as_ref().ok()?.total();
            let what = format!("{STARTED}: module compiled, model loaded, first inference in {most:.0} ms");
            Some((what, format!("{found:.0} ms"), found <= most))
        }
    };
    targets().into_iter().filter_map(check).collect()
}

/// As Markdown.
pub fn table(models: &[OfModel], evaluations: &[Evaluation]) -> String {
    let held = held(models, evaluations);
    if held.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n## Targets\n\n| target | found | reached |\n|---|---|---|\n");
    for (what, found, reached) in held {
        let _ = writeln!(text, "| {what} | {found} | {} |", if reached { "yes" } else { "**no**" });
    }
    text
}

/// As a list.
pub fn json(models: &[OfModel], evaluations: &[Evaluation]) -> Value {
    let held = held(models, evaluations).into_iter();
    held.map(|(target, found, reached)| json!({ "target": target, "found": found, "reached": reached })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_judged() {
        let evaluation =
            |all| Evaluation { model: SMALL.into(), scheme: "w8a8", cold: (0.0, 0.0), warm: (100.0, all), images: 10_000, accuracy: 0.9 };
        assert_eq!(table(&[], &[]), "");
        for (all, reached) in [(1_500.0, true), (1_501.0, false)] {
            let held = held(&[], &[evaluation(all)]);
            assert_eq!(held.len(), 1);
            assert_eq!(held[0].2, reached, "{held:?}");
        }
    }
}
