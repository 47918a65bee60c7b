//! The kernels one by one, and the machine's peaks: modules of `bench/kernels`, timed in the browser.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use regex_lite::Regex;
use serde_json::json;

use super::measure::Lab;
use crate::command;
use crate::files;
use crate::project::Project;
use crate::rustup::WASM;
use crate::worker::BUILDS;

const PACKAGE: &str = "bitdial-bench-kernels";
const PAGE: &str = "/bench/kernels.mjs";

/// Builds both modules into `folder`, each as `<build>.wasm`.
pub fn build(project: &Project, folder: &Path) -> Result<()> {
    for build in &BUILDS {
        let mut cargo = build.cargo(project, "build");
        command::run(cargo.args(["--release", "--package", PACKAGE]))?;
        let built: PathBuf = build.target(project).join(WASM).join("release/bitdial_bench_kernels.wasm");
        files::copy(&built, &folder.join(format!("{}.wasm", build.name)))?;
    }
    Ok(())
}

/// What an item does in a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    pub build: &'static str,
    /// `MAC` or `byte`.
    pub unit: String,
    /// `<kernel> | <shape>`; the machine's peaks have the shape `peak`.
    pub name: String,
    /// In 10^9 units a second.
    pub median: f64,
    pub best: f64,
}

/// Times every item of both builds whose `<build> <name>` matches.
pub fn rates(lab: &Lab<'_>, only: &Regex) -> Result<Vec<Rate>> {
    let mut rates = Vec::new();
    for build in &BUILDS {
        let page = lab.page()?;
        let names = page.call(PAGE, "load", &json!([format!("/kernels/{}.wasm", build.name)]))?;
        for (index, name) in names.as_array().context("a module has a list of items")?.iter().enumerate() {
            let (unit, name) = name.as_str().and_then(|name| name.split_once(' ')).context("an item has a unit and a name")?;
            if !only.is_match(&format!("{} {name}", build.name)) {
                continue;
            }
            let found = page.call(PAGE, "measure", &json!([index]))?;
            let number = |part: &str| found[part].as_f64().with_context(|| format!("{name} has no {part}"));
            let rate =
                Rate { build: build.name, unit: unit.to_owned(), name: name.to_owned(), median: number("median")?, best: number("best")? };
            println!("  {:<12} {:<64} {:>8.2} G{unit}/s, best {:.2}", rate.build, rate.name, rate.median, rate.best);
            rates.push(rate);
        }
    }
    Ok(rates)
}

/// The rates of kernels as Markdown: for each shape a row per kernel, the fastest first.
pub fn table(rates: &[Rate]) -> String {
    let mut text = String::from("| shape | kernel | build | GMAC/s | best |\n|---|---|---|---|---|\n");
    let mut shapes: BTreeMap<&str, Vec<(&str, &Rate)>> = BTreeMap::new();
    for rate in rates {
        let (kernel, shape) = rate.name.split_once(" | ").unwrap_or((&rate.name, ""));
        shapes.entry(shape).or_default().push((kernel, rate));
    }
    for (shape, mut kernels) in shapes {
        kernels.sort_by(|(_, a), (_, b)| b.median.total_cmp(&a.median));
        for (kernel, rate) in kernels {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {shape} | {kernel} | {} | {:.2} | {:.2} |", rate.build, rate.median, rate.best);
        }
    }
    text
}

/// The most that one build gets out of this machine: 10^9 multiply-accumulates, and bytes, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peaks {
    pub float: f64,
    /// For 8-bit weights, whose products do not fit i16.
    pub wide: f64,
    /// For weights of 4 bits and fewer.
    pub narrow: f64,
    /// For 1-bit weights and activations.
    pub binary: f64,
    pub memory: f64,
}

impl Peaks {
    /// The peaks of a build among some rates.
    pub fn of(build: &str, rates: &[Rate]) -> Self {
        let best = |names: &[&str]| {
            let ours = rates.iter().filter(|rate| rate.build == build);
            ours.filter(|rate| names.iter().any(|name| rate.name == format!("{name} | peak"))).map(|rate| rate.best).fold(0.0, f64::max)
        };
        Self {
            float: best(&["f32-mul-add", "f32-madd"]),
            wide: best(&["dot-i16", "dot-i8-i32"]),
            narrow: best(&["dot-i16", "dot-i8-i16", "dot-i8-i32"]),
            binary: best(&["bits"]),
            memory: best(&["memory"]),
        }
    }

    /// The fewest milliseconds for so many multiply-accumulates at `peak` while so many bytes are read.
    pub fn least_ms(&self, peak: f64, macs: f64, bytes: f64) -> f64 {
        (macs / peak).max(bytes / self.memory) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(build: &'static str, name: &str, best: f64) -> Rate {
        Rate { build, unit: "MAC".into(), name: name.into(), median: best - 1.0, best }
    }

    #[test]
    fn the_fastest_kernel_of_a_shape_comes_first() {
        let rates =
            [rate("simd128", "slow | 1x1 8x8", 3.0), rate("simd128", "a | dw3x3", 9.0), rate("relaxed-simd", "quick | 1x1 8x8", 5.0)];
        let expected = "\
            | shape | kernel | build | GMAC/s | best |\n|---|---|---|---|---|\n\
            | 1x1 8x8 | quick | relaxed-simd | 4.00 | 5.00 |\n\
            | 1x1 8x8 | slow | simd128 | 2.00 | 3.00 |\n\
            | dw3x3 | a | simd128 | 8.00 | 9.00 |\n";
        assert_eq!(table(&rates), expected);
    }

    #[test]
    fn a_peak_is_the_best_instruction_of_the_build() {
        let rates = [
            rate("simd128", "f32-mul-add | peak", 20.0),
            rate("relaxed-simd", "f32-mul-add | peak", 21.0),
            rate("relaxed-simd", "f32-madd | peak", 30.0),
            rate("relaxed-simd", "dot-i16 | peak", 40.0),
            rate("relaxed-simd", "dot-i8-i16 | peak", 80.0),
            rate("relaxed-simd", "dot-i8-i32 | peak", 45.0),
            rate("relaxed-simd", "memory | peak", 10.0),
        ];
        let peaks = Peaks::of("relaxed-simd", &rates);
        assert_eq!(peaks, Peaks { float: 30.0, wide: 45.0, narrow: 80.0, binary: 0.0, memory: 10.0 });
        assert_eq!(Peaks::of("simd128", &rates).float, 20.0);
        // Bound by arithmetic, then by memory.
        assert_eq!(peaks.least_ms(30.0, 60e6, 1e6), 2.0);
        assert_eq!(peaks.least_ms(30.0, 60e6, 50e6), 5.0);
    }
}
