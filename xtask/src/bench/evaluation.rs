//! Images a second of the evaluation with two workers.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::cases;
use super::measure::Lab;
use super::stats::median;

/// As many workers as the target was set for; and how often all images are run.
const WORKERS: u32 = 2;
const TIMES: u32 = 3;

/// What one model and scheme took.
pub struct Evaluation {
    pub model: String,
    pub scheme: &'static str,
    /// Milliseconds to the first 500 images and to all, of the first time and of the median.
    pub cold: (f64, f64),
    pub warm: (f64, f64),
    pub images: u64,
    pub accuracy: f64,
}

/// Evaluates a model that has test images, in f32 and in 8 bits.
pub fn evaluate(lab: &Lab<'_>, model: &Value) -> Result<Vec<Evaluation>> {
    let mut all = Vec::new();
    if model["test"].is_null() {
        return Ok(all);
    }
    for (scheme, recipe) in [("w8a8", Some(json!({ "weights": { "bits": 8 } }))), ("f32", None)] {
        let spec = cases::evaluation(model, lab.folder, recipe, WORKERS, TIMES);
        let runs = lab.page()?.call("/bench/evaluation.mjs", "evaluate", &json!([spec]))?;
        let runs: &[Value] = runs.as_array().map_or(&[], Vec::as_slice);
        let part = |run: &Value, name: &str| run[name].as_f64().unwrap_or(0.0);
        let middle = |name| median(runs.iter().map(|run| part(run, name))).unwrap_or(0.0);
        let first = runs.first().unwrap_or(&Value::Null);
        let found = Evaluation {
            model: cases::id(model),
            scheme,
            cold: (part(first, "first"), part(first, "all")),
            warm: (middle("first"), middle("all")),
            images: first["images"].as_u64().unwrap_or(0),
            accuracy: part(first, "accuracy"),
        };
        println!("  {} {scheme}: {:.0} ms to 500 images, {:.0} ms to all", found.model, found.warm.0, found.warm.1);
        all.push(found);
    }
    Ok(all)
}

impl Evaluation {
    /// As Markdown.
    pub fn table(all: &[Self]) -> String {
        if all.is_empty() {
            return String::new();
        }
        let mut text = format!(
            "\n## Evaluation with {WORKERS} workers, relaxed-simd\n\nThe first of {TIMES} times, whose code the browser has just \
             compiled, and the median.\n\n| model | scheme | images | first 500 ms | all ms | images/s | median: first 500 ms \
             | all ms | images/s | accuracy |\n|---|---|---|---|---|---|---|---|---|---|\n"
        );
        for e in all {
            let rate = |ms: f64| e.images as f64 / ms * 1e3;
            let columns = |(first, ms): (f64, f64)| format!("{first:.0} | {ms:.0} | {:.0}", rate(ms));
            let (cold, warm) = (columns(e.cold), columns(e.warm));
            let _ = writeln!(text, "| {} | {} | {} | {cold} | {warm} | {:.4} |", e.model, e.scheme, e.images, e.accuracy);
        }
        text
    }

    /// Unrounded.
    pub fn json(&self) -> Value {
        let times = |(first, all): (f64, f64)| json!({ "first_500_ms": first, "all_ms": all });
        json!({
            "model": self.model, "scheme": self.scheme, "workers": WORKERS, "images": self.images, "accuracy": self.accuracy,
            "first": times(self.cold), "median": times(self.warm),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_many_images_a_second() {
        let one = Evaluation {
            model: "m".into(),
            scheme: "f32",
            cold: (200.0, 4000.0),
            warm: (100.0, 2000.0),
            images: 10_000,
            accuracy: 0.93184,
        };
        let text = Evaluation::table(&[one]);
        let row = "| m | f32 | 10000 | 200 | 4000 | 2500 | 100 | 2000 | 5000 | 0.9318 |";
        assert_eq!(text.lines().last(), Some(row));
        assert_eq!(Evaluation::table(&[]), "");
    }

    /// The numbers of a constant, as Rust or JavaScript writes it: `const NAME... = [1_000, 2e3];`.
    fn numbers(source: &str, name: &str) -> Vec<f64> {
        let constant = |line: &str| {
            let rest = line.trim_start().strip_prefix("const ")?.strip_prefix(name)?;
            let value = rest.split_once(" = [")?.1.strip_suffix("];")?;
            Some(value.split(',').map(|number| number.trim().replace('_', "").parse().expect("a number")).collect())
        };
        source.lines().find_map(constant).unwrap_or_else(|| panic!("{name} is no list of numbers there"))
    }

    #[test]
    fn images_are_shared_out_as_on_the_page() {
        let page = include_str!("../../../src/client/plan.rs");
        let bench = include_str!("../../../bench/page/evaluation.mjs");
        for name in ["CHUNK_MACS", "MOST", "STAGES"] {
            assert_eq!(numbers(bench, name), numbers(page, name), "{name}");
            assert_eq!(numbers(page, name).len(), 2, "{name}");
        }
        assert_eq!(numbers("const A: [u64; 2] = [1_000, 2];\nconst B = [3e6];", "B"), [3e6]);
    }
}
