//! What was found, as Markdown and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::cases::{Arithmetic, Case};
use super::evaluation::Evaluation;
use super::kernels::Peaks;
use super::measure::{Found, Opened};
use super::server::Size;
use super::stats::{Sample, best, times_as_fast, times_as_fast_at_best};
use super::targets;

/// How the times are to be read; part of every report.
const NOTES: &str = "\
One thread and batch 1 throughout. A call runs from a Float32Array of the input, in the runtime's own order, to a typed
array of the logits: copying in and out, quantizing and dequantizing count, a message to a worker and back does not.
Calls are repeated for samples of at least 4 ms; median, p10 and p90 are of samples, and of them the median over the
rounds; best is the smallest p10 of all rounds. 'x' columns say how many times as fast a case is as a peer of the same
arithmetic: the median over the rounds of the ratio within the round, and the ratio of the bests. Rounds in which other
processes used more than 0.2 cores do not count where there are three quieter ones. Roofline: the larger of
multiply-accumulates at the peak of the build's instructions and weight bytes at the memory's rate, as a share of the
time. First load: JavaScript and wasm fetched and compiled, model loaded, first inference; what quantizing takes comes
on top. Sizes are what the browser fetched, as it is and gzipped.";

/// A model with all that was found on it.
pub struct OfModel {
    /// Its entry of models.json.
    pub model: Value,
    pub found: Vec<Found>,
}

/// One run of the bench.
pub struct Report {
    /// What the run was made with, by name.
    pub header: Vec<(&'static str, String)>,
    pub models: Vec<OfModel>,
    /// By build.
    pub peaks: Vec<(&'static str, Peaks)>,
    pub evaluations: Vec<Evaluation>,
}

/// Those whom a case is held against: title, runtime, build; `None` for ours in f32 of the same build.
const RIVALS: [(&str, Option<(&str, &str)>); 5] = [
    ("x LiteRT.js", Some(("litert", "relaxed-simd"))),
    ("x LiteRT.js simd128", Some(("litert", "simd128"))),
    ("x onnxruntime-web", Some(("ort", "simd128"))),
    ("x tfjs-wasm", Some(("tfjs", "simd128"))),
    ("x own f32", None),
];

impl OfModel {
    /// The case of a runtime, build and scheme.
    pub fn get(&self, runtime: &str, build: &str, scheme: &str) -> Option<&Found> {
        self.found.iter().find(|found| (found.case.runtime, found.case.build, found.case.scheme) == (runtime, build, scheme))
    }

    /// The rival of a case: of the same arithmetic, or ours in f32.
    fn rival(&self, case: &Case, rival: Option<(&str, &str)>) -> Option<&Found> {
        match rival {
            Some((runtime, build)) => {
                let scheme = if case.arithmetic == Arithmetic::Float { "f32" } else { "int8" };
                self.get(runtime, build, scheme)
            }
            None => self.get("bitdial", case.build, "f32"),
        }
        .filter(|found| found.case.name() != case.name())
    }

    fn macs(&self) -> f64 {
        self.model["macs"].as_f64().unwrap_or(0.0)
    }
}

impl Report {
    /// The share of the roofline, of 1.
    fn roofline(&self, of: &OfModel, found: &Found) -> Option<f64> {
        let (_, peaks) = self.peaks.iter().find(|(build, _)| *build == found.case.build)?;
        let peak = match found.case.arithmetic {
            Arithmetic::Binary => peaks.binary,
            Arithmetic::Float => peaks.float,
            Arithmetic::Integer if found.case.weight_bits <= 4 => peaks.narrow,
            Arithmetic::Integer => peaks.wide,
        };
        let bytes = of.model["parameters"].as_f64()? * f64::from(found.case.weight_bits) / 8.0;
        Some(peaks.least_ms(peak, of.macs(), bytes) / found.summary()?.median)
    }

    /// For people.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# bitdial beside other runtimes\n\n");
        for (name, value) in &self.header {
            let _ = writeln!(text, "- {name}: {value}");
        }
        for (build, peaks) in &self.peaks {
            let Peaks { float, wide, narrow, binary, memory } = peaks;
            let _ = write!(text, "- peaks, {build}: f32 {float:.1} GMAC/s, 8-bit weights {wide:.1}, up to 4 bits {narrow:.1}, ");
            let _ = writeln!(text, "1 bit by 1 bit {binary:.1}; memory {memory:.1} GB/s");
        }
        let _ = writeln!(text, "\n{NOTES}");
        for of in &self.models {
            self.model_markdown(of, &mut text);
        }
        text += &Evaluation::table(&self.evaluations);
        text += &targets::table(&self.models, &self.evaluations);
        text
    }

    fn model_markdown(&self, of: &OfModel, text: &mut String) {
        let title = of.model["title"].as_str().unwrap_or_default();
        let _ = write!(text, "\n## {title}, {:.3} MMAC\n\n| case | ms | p10 | p90 | best | GMAC/s | roofline |", of.macs() / 1e6);
        for (title, _) in RIVALS {
            let _ = write!(text, " {title} |");
        }
        *text += " cosine | first load ms: start + load + first (+ quantize) | download kB, gzip | model kB, gzip | other CPU |\n|";
        *text += &"---|".repeat(12 + RIVALS.len());
        *text += "\n";
        for found in &of.found {
            let name = found.case.short_name();
            match (&found.opened, found.summary()) {
                (Ok(opened), Some(sample)) => {
                    let share = self.roofline(of, found);
                    let _ = write!(text, "| {name} |{}", times(of, sample, best(&found.rounds), share));
                    for (_, rival) in RIVALS {
                        let ratios = of.rival(&found.case, rival).and_then(|rival| ratios(found, rival));
                        let _ = write!(text, " {} |", ratios.map_or("–".to_owned(), |(median, best)| format!("{median:.2}, {best:.2}")));
                    }
                    let _ = writeln!(text, "{} {:.2} |", loading(opened), sample.other);
                }
                (Err(reason), _) => drop(writeln!(text, "| {name} | not available: {} |", reason.replace('|', "/"))),
                (Ok(_), None) => drop(writeln!(text, "| {name} | failed in every round |")),
            }
        }
    }

    /// For programs: everything, unrounded.
    pub fn json(&self) -> Value {
        let header: Value = self.header.iter().map(|(name, value)| (*name, value.clone())).collect();
        let models: Vec<Value> = self
            .models
            .iter()
            .map(|of| {
                let cases: Vec<Value> = of.found.iter().map(|found| self.case_json(of, found)).collect();
                json!({ "model": of.model["id"], "macs": of.model["macs"], "cases": cases })
            })
            .collect();
        let peaks: Value = self
            .peaks
            .iter()
            .map(|(build, p)| (*build, json!({ "f32": p.float, "w8": p.wide, "w4": p.narrow, "w1a1": p.binary, "memory": p.memory })))
            .collect();
        let evaluations: Vec<Value> = self.evaluations.iter().map(Evaluation::json).collect();
        let targets = targets::json(&self.models, &self.evaluations);
        json!({ "header": header, "peaks": peaks, "models": models, "evaluations": evaluations, "targets": targets })
    }

    fn case_json(&self, of: &OfModel, found: &Found) -> Value {
        let case = &found.case;
        let sample = |s: &Sample| json!({ "median": s.median, "p10": s.p10, "p90": s.p90, "other_cpu": s.other });
        let ratios: Value = RIVALS
            .iter()
            .filter_map(|(title, rival)| {
                let rival = of.rival(case, *rival)?;
                let (median, best) = ratios(found, rival)?;
                Some(((*title).to_owned(), json!({ "median": median, "at_best": best })))
            })
            .collect();
        let mut value = json!({
            "runtime": case.runtime, "build": case.build, "scheme": case.scheme,
            "ms": found.summary().as_ref().map(sample),
            "gmacs": found.summary().map(|s| of.macs() / s.median / 1e6),
            "roofline": self.roofline(of, found),
            "ratios": ratios,
            "rounds": found.rounds.iter().map(|round| round.as_ref().map(sample)).collect::<Vec<_>>(),
        });
        let size = |size: Size| json!({ "raw": size.raw, "gzip": size.gzip });
        match &found.opened {
            Ok(o) => {
                value["first_load"] = json!({ "start": o.start, "load": o.load, "quantize": o.quantize, "first": o.first });
                value["download"] = size(o.runtime);
                value["model_file"] = size(o.model);
                value["cosine"] = o.cosine.into();
                value["same_class"] = o.same_class.into();
                value["kernels"] = o.kernels.clone().into();
            }
            Err(reason) => value["not_available"] = reason.clone().into(),
        }
        value
    }
}

/// How many times as fast a case is as its rival: by the rounds, and each at its best.
fn ratios(found: &Found, rival: &Found) -> Option<(f64, f64)> {
    let (a, b) = (&found.rounds, &rival.rounds);
    Some((times_as_fast(a, b)?, times_as_fast_at_best(a, b)?))
}

/// The columns of the times.
fn times(of: &OfModel, sample: Sample, best: Option<f64>, roofline: Option<f64>) -> String {
    let digits = if sample.median < 2.0 { 4 } else { 2 };
    let Sample { median, p10, p90, .. } = sample;
    let share = roofline.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    let gmacs = of.macs() / median / 1e6;
    let best = best.unwrap_or(median);
    format!(" {median:.digits$} | {p10:.digits$} | {p90:.digits$} | {best:.digits$} | {gmacs:.1} | {share} |")
}

/// The columns of what came before the first time.
fn loading(opened: &Opened) -> String {
    let Opened { start, load, quantize, first, cosine, runtime, model, same_class, .. } = opened;
    let extra = if *quantize > 0.0 { format!(" (+ {quantize:.0})") } else { String::new() };
    let kilo = |size: &Size| format!("{}, {}", size.raw / 1000, size.gzip / 1000);
    let class = if *same_class { "" } else { ", another class" };
    let total = opened.total();
    let parts = format!("{total:.0}: {start:.0} + {load:.0} + {first:.0}{extra}");
    format!(" {cosine:.4}{class} | {parts} | {} | {} |", kilo(runtime), kilo(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(runtime: &'static str, scheme: &'static str, medians: &[f64]) -> Found {
        let arithmetic = if scheme == "f32" { Arithmetic::Float } else { Arithmetic::Integer };
        let weight_bits = if scheme == "f32" { 32 } else { 8 };
        let case = Case { model: "m".into(), runtime, build: "relaxed-simd", scheme, arithmetic, weight_bits, spec: Value::Null };
        let opened = Opened {
            start: 10.0,
            load: 20.0,
            quantize: if scheme == "w8a8" { 5.0 } else { 0.0 },
            first: 3.0,
            runtime: Size { raw: 9_000, gzip: 3_000 },
            model: Size { raw: 100_000, gzip: 90_000 },
            cosine: 0.99954,
            same_class: true,
            dot: None,
            isolated: true,
            kernels: vec!["k".into()],
        };
        let sample = |&median| Some(Sample { median, p10: median, p90: median, other: 0.01 });
        Found { case, opened: Ok(opened), rounds: medians.iter().map(sample).collect() }
    }

    fn report() -> Report {
        let missing = Found { opened: Err("no such | thing".into()), rounds: Vec::new(), ..found("tfjs", "f32", &[]) };
        let all = vec![
            found("bitdial", "f32", &[10.0, 12.0]),
            found("bitdial", "w8a8", &[4.0, 5.0]),
            found("litert", "f32", &[20.0, 30.0]),
            found("litert", "int8", &[6.0, 10.0]),
            missing,
        ];
        let model = json!({ "id": "m", "title": "Model", "macs": 40_000_000, "parameters": 1_000_000 });
        let peaks = Peaks { float: 10.0, wide: 40.0, narrow: 80.0, binary: 200.0, memory: 5.0 };
        Report {
            header: vec![("browser", "chrome 1".into())],
            models: vec![OfModel { model, found: all }],
            peaks: vec![("relaxed-simd", peaks)],
            evaluations: Vec::new(),
        }
    }

    #[test]
    fn a_row_says_how_fast_and_against_whom() {
        let text = report().markdown();
        for line in [
            "- browser: chrome 1",
            "## Model, 40.000 MMAC",
            // 40 MMAC / 10 GMAC/s are 4 ms of 11; twice and 2.5 times as fast as LiteRT.js.
            "| bitdial relaxed-simd f32 | 11.00 | 11.00 | 11.00 | 10.00 | 3.6 | 36 % | 2.25, 2.00 | – | – | – | – | 0.9995 | 33: 10 + 20 + 3 | 9, 3 | 100, 90 | 0.01 |",
            "| bitdial relaxed-simd w8a8 | 4.50 | 4.50 | 4.50 | 4.00 | 8.9 | 22 % | 1.75, 1.50 | – | – | – | 2.45, 2.50 | 0.9995 | 33: 10 + 20 + 3 (+ 5) | 9, 3 | 100, 90 | 0.01 |",
            "| tfjs relaxed-simd f32 | not available: no such / thing |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let columns = |start: &str| text.lines().find(|line| line.starts_with(start)).expect("it is there").matches('|').count();
        assert_eq!(columns("| case"), columns("| bitdial relaxed-simd f32"));
        assert_eq!(columns("| case"), columns("|---"));
    }

    #[test]
    fn the_json_has_every_round() {
        let value = report().json();
        let cases = &value["models"][0]["cases"];
        assert_eq!(cases[1]["rounds"][1]["median"], 5.0);
        assert_eq!(cases[1]["ratios"]["x LiteRT.js"]["median"], 1.75);
        assert_eq!(cases[4]["not_available"], "no such | thing");
        assert_eq!(value["peaks"]["relaxed-simd"]["w4"], 80.0);
    }
}
