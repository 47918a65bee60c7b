//! What the kernels are meant to reach, and whether this run has seen it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::cases::Case;
use super::evaluation::Evaluation;
use super::measure::Opened;
use super::report::OfModel;
use super::stats::{times_as_fast, times_as_fast_at_best};
use crate::budget::RUNNER_LIMIT;

/// A case: runtime, build, scheme.
type Name = (&'static str, &'static str, &'static str);

/// Something to be reached.
enum Target {
    /// On a model one case is at least so many times as fast as another.
    Ratio { model: &'static str, case: Name, than: Name, least: f64 },
    /// On a model the evaluation takes at most so many milliseconds for the first 500 images and for all.
    Evaluation { scheme: &'static str, time: Time, most: (f64, f64) },
    /// Module compiled, model loaded, first inference: at most so many milliseconds.
    Start { most: f64 },
    /// A worker's module with its JavaScript: at most so many bytes of gzip.
    Worker { build: &'static str, most: usize },
}

/// Which run of an evaluation is judged.
#[derive(Clone, Copy)]
enum Time {
    First,
    Median,
}

const LARGE: &str = "efficientnet-lite0";
const SMALL: &str = "fashion-resnet";
const STARTED: &str = "fashion-mobilenet";

const RELAXED: &str = "relaxed-simd";
const SIMD: &str = "simd128";

/// What a target says where it was set with an exact 8-bit dot product and is held against a run without.
const SET_ELSEWHERE: &str = " (set on a machine with AVX-VNNI)";

/// All of them, for a machine whose relaxed 8-bit dot product is `exact` or saturates; each with whether it was set for
/// such a machine.
fn targets(exact: bool) -> Vec<(Target, bool)> {
    let ours = |build, scheme| ("bitdial", build, scheme);
    let litert = |build, scheme| ("litert", build, scheme);
    let ratio = |model, case, than, least| (Target::Ratio { model, case, than, least }, true);
    // Unpacking costs a little where 8 bits are multiplied as fast as 4; elsewhere 4 bits have the faster instruction.
    let four_bits = if exact { 1.0 / 1.15 } else { 1.0 };
    let mut all = vec![
        ratio(LARGE, ours(RELAXED, "w8a8"), litert(RELAXED, "int8"), 1.3),
        (Target::Ratio { model: LARGE, case: ours(RELAXED, "w8a8"), than: ("ort", SIMD, "int8"), least: 8.0 }, exact),
        ratio(LARGE, ours(RELAXED, "f32"), litert(RELAXED, "f32"), 1.25),
        ratio(LARGE, ours(SIMD, "w8a8"), litert(SIMD, "int8"), 1.3),
        ratio(LARGE, ours(RELAXED, "w4a8"), ours(RELAXED, "w8a8"), four_bits),
        ratio(SMALL, ours(RELAXED, "w8a8"), litert(RELAXED, "int8"), 1.0),
        ratio(SMALL, ours(RELAXED, "f32"), litert(RELAXED, "f32"), 1.0),
    ];
    for model in [LARGE, SMALL] {
        all.extend([RELAXED, SIMD].map(|build| ratio(model, ours(build, "w1a1"), ours(build, "w8a8"), 1.0)));
    }
    for time in [Time::First, Time::Median] {
        all.push((Target::Evaluation { scheme: "w8a8", time, most: (150.0, 1_500.0) }, exact));
        all.push((Target::Evaluation { scheme: "f32", time, most: (f64::INFINITY, 6_000.0) }, true));
    }
    all.push((Target::Start { most: 150.0 }, true));
    all.extend([RELAXED, SIMD].map(|build| (Target::Worker { build, most: RUNNER_LIMIT }, true)));
    all
}

/// A target with what was found: what it says, what was found, whether it is reached. Without what was not measured.
fn held(models: &[OfModel], evaluations: &[Evaluation]) -> Vec<(String, String, bool)> {
    let of = |id: &str| models.iter().find(|of| of.model["id"] == id);
    let name = |(runtime, build, scheme): Name| format!("{runtime} {build} {scheme}");
    let opened = |wanted: &dyn Fn(&Case) -> bool| -> Vec<&Opened> {
        let found = models.iter().flat_map(|of| &of.found).filter(|found| wanted(&found.case));
        found.filter_map(|found| found.opened.as_ref().ok()).collect()
    };
    let check = |target: Target| match target {
        Target::Ratio { model, case, than, least } => {
            let [a, b] = [case, than].map(|(runtime, build, scheme)| of(model)?.get(runtime, build, scheme));
            let found = times_as_fast(&a?.rounds, &b?.rounds)?;
            let best = times_as_fast_at_best(&a?.rounds, &b?.rounds)?;
            let what = format!("{model}: {} at least {least:.2} times as fast as {}", name(case), name(than));
            Some((what, format!("{found:.2}, at best {best:.2}"), found >= least))
        }
        Target::Evaluation { scheme, time, most } => {
            let found = evaluations.iter().find(|e| e.model == SMALL && e.scheme == scheme)?;
            let (which, found) = match time {
                Time::First => ("the first time", found.cold),
                Time::Median => ("in the median", found.warm),
            };
            let first = if most.0.is_finite() { format!("500 images in {:.0} ms, ", most.0) } else { String::new() };
            let what = format!("{SMALL}: {scheme}, two workers, {which}: {first}all in {:.0} ms", most.1);
            let reached = found.0 <= most.0 && found.1 <= most.1;
            Some((what, format!("{:.0}, {:.0} ms", found.0, found.1), reached))
        }
        Target::Start { most } => {
            let found = of(STARTED)?.get("bitdial", RELAXED, "f32")?.opened.as_ref().ok()?.total();
            let what = format!("{STARTED}: module compiled, model loaded, first inference in {most:.0} ms");
            Some((what, format!("{found:.0} ms"), found <= most))
        }
        Target::Worker { build, most } => {
            let found = opened(&|case| case.runtime == "bitdial" && case.build == build).first()?.runtime.gzip;
            let what = format!("{build} worker: at most {} kB of gzip", most / 1000);
            Some((what, format!("{:.1} kB", found as f64 / 1e3), found <= most))
        }
    };
    let exact = opened(&|_| true).iter().find_map(|opened| opened.dot.as_deref()) != Some("saturating");
    let judged = targets(exact).into_iter().filter_map(|(target, set_here)| {
        let (what, found, reached) = check(target)?;
        Some((what + if set_here { "" } else { SET_ELSEWHERE }, found, reached))
    });
    judged.collect()
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
    use super::super::cases::Arithmetic;
    use super::super::measure::Found;
    use super::super::server::Size;
    use super::super::stats::Sample;
    use super::*;

    #[test]
    fn both_times_of_an_evaluation_are_judged_and_nothing_else_where_nothing_else_was_measured() {
        let evaluation =
            |cold, all| Evaluation { model: SMALL.into(), scheme: "w8a8", cold, warm: (100.0, all), images: 10_000, accuracy: 0.9 };
        assert_eq!(table(&[], &[]), "");
        for (cold, warm, reached) in [
            ((150.0, 1_400.0), 1_500.0, [true, true]),
            ((151.0, 1_400.0), 1_501.0, [false, false]),
            ((150.0, 1_501.0), 1_500.0, [false, true]),
        ] {
            let held = held(&[], &[evaluation(cold, warm)]);
            assert_eq!(held.iter().map(|held| held.2).collect::<Vec<_>>(), reached, "{held:?}");
            assert!(held[0].0.contains("the first time") && held[1].0.contains("in the median"), "{held:?}");
        }
    }

    fn case(runtime: &'static str, build: &'static str, scheme: &'static str, ms: f64, dot: &str, gzip: usize) -> Found {
        let case = Case { model: LARGE.into(), runtime, build, scheme, arithmetic: Arithmetic::Integer, weight_bits: 8, spec: Value::Null };
        let opened = Opened {
            start: 10.0,
            load: 20.0,
            quantize: 0.0,
            first: 3.0,
            runtime: Size { raw: 2 * gzip, gzip },
            model: Size { raw: 2, gzip: 1 },
            cosine: 1.0,
            same_class: true,
            dot: (build == RELAXED && runtime == "bitdial").then(|| dot.to_owned()),
            isolated: true,
            kernels: Vec::new(),
        };
        Found { case, opened: Ok(opened), rounds: vec![Some(Sample { median: ms, p10: ms, p90: ms, other: 0.0 })] }
    }

    #[test]
    fn bars_know_the_machine_that_they_were_set_for() {
        for (dot, note, four_bits, ort) in [
            ("signed", "", [("0.87", 1.1, true), ("0.87", 1.2, false)], (8.0, true)),
            ("saturating", SET_ELSEWHERE, [("1.00", 1.0, true), ("1.00", 1.1, false)], (7.9, false)),
        ] {
            for (bar, ms, reached) in four_bits {
                let found = vec![
                    case("bitdial", RELAXED, "w8a8", 1.0, dot, 1),
                    case("bitdial", RELAXED, "w4a8", ms, dot, 1),
                    case("ort", SIMD, "int8", ort.0, dot, 1),
                ];
                let held = held(&[OfModel { model: json!({ "id": LARGE }), found }], &[]);
                let has = |what: &str, reached| held.iter().any(|held| held.0.ends_with(what) && held.2 == reached);
                let of_four = format!("w4a8 at least {bar} times as fast as bitdial relaxed-simd w8a8");
                let of_ort = format!("w8a8 at least 8.00 times as fast as ort simd128 int8{note}");
                assert!(has(&of_four, reached) && has(&of_ort, ort.1), "{held:?}");
            }
        }
    }

    #[test]
    fn bits_are_counted_faster_than_multiplied_and_workers_are_small() {
        for (ms, gzip, reached) in [(0.9, 400_000, true), (1.1, 400_001, false)] {
            let found = vec![case("bitdial", SIMD, "w8a8", 1.0, "", gzip), case("bitdial", SIMD, "w1a1", ms, "", gzip)];
            let held = held(&[OfModel { model: json!({ "id": LARGE }), found }], &[]);
            assert_eq!(held.iter().map(|held| held.2).collect::<Vec<_>>(), [reached; 2], "{held:?}");
            assert!(held[0].0.contains("w1a1 at least 1.00 times") && held[1].0.contains("simd128 worker"), "{held:?}");
        }
    }
}
