//! The tests: every step that CI runs, in order, up to the first that fails.

use std::fs;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};

use crate::browser::{Browser, SOFTWARE_GPU, WITHOUT_VNNI};
use crate::check;
use crate::exported;
use crate::project::Project;
use crate::site;
use crate::tally::Tally;
use crate::tools::{self, Tools};
use crate::worker::{BUILDS, Build, PLAIN};

/// The packages that have tests for the browser.
pub const WASM_TESTED: [&str; 2] = ["bitdial-conformance", "bitdial-worker"];

/// The package that has tests for a GPU.
pub const GPU_TESTED: &str = "bitdial-gpu";

/// How long one program of wasm tests may take, in seconds.
const WASM_TEST_SECONDS: &str = "300";

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    All,
    Check,
    Native,
    Onnx,
    Wasm,
    Gpu,
    Build,
    EndToEnd,
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "check" => Self::Check,
            "native" => Self::Native,
            "onnx" => Self::Onnx,
            "wasm" => Self::Wasm,
            "gpu" | "--gpu" => Self::Gpu,
            "build" => Self::Build,
            "e2e" => Self::EndToEnd,
            _ => bail!("no such part of the tests: {name}; there are check, native, onnx, wasm, gpu, build and e2e"),
        })
    }
}

/// A step: its name, the parts it belongs to besides `All`, and what it does.
type Step = (&'static str, &'static [Part], fn(&Project) -> Result<Tally>);

const STEPS: [Step; 11] = [
    ("tools", &[], install),
    ("format, lints, documentation", &[Part::Check], lints),
    ("native tests", &[Part::Native], native),
    ("exported models in onnxruntime", &[Part::Onnx], exported::judge),
    ("wasm tests, simd128", &[Part::Wasm], |project| wasm(project, &BUILDS[0], &WASM_TESTED, &[])),
    ("wasm tests, relaxed-simd", &[Part::Wasm], |project| wasm(project, &BUILDS[1], &WASM_TESTED, &[])),
    ("wasm tests, relaxed-simd without AVX-VNNI", &[Part::Wasm], |project| wasm(project, &BUILDS[1], &WASM_TESTED, &[WITHOUT_VNNI])),
    ("wasm tests, WebGPU on SwiftShader", &[Part::Wasm], |project| wasm(project, &PLAIN, &[GPU_TESTED], &SOFTWARE_GPU)),
    ("GPU tests, natively", &[Part::Gpu], native_gpu),
    ("release build and its budgets", &[Part::Build, Part::EndToEnd], build),
    ("end-to-end tests", &[Part::EndToEnd], end_to_end),
];

/// What is run only when it is asked for: not every machine has a driver for Vulkan.
const ON_REQUEST: [Part; 1] = [Part::Gpu];

/// Runs the steps. The last line printed is `N passed, N failed`.
pub fn run(project: &Project, part: Part) -> Result<ExitCode> {
    let mut total = Tally::default();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, parts, step) in STEPS {
        let asked = parts.contains(&part) || part == Part::All && !parts.iter().any(|part| ON_REQUEST.contains(part));
        if !asked {
            continue;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        let tally = step(project).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Tally { passed: 0, failed: 1 }
        });
        times.push((name, start.elapsed()));
        total += tally;
        if tally.failed > 0 {
            println!("\nfailed: {name}");
            break;
        }
    }
    println!();
    for (name, time) in times {
        println!("{:>7.1} s  {name}", time.as_secs_f64());
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(ExitCode::from(u8::from(total.failed > 0)))
}

fn install(project: &Project) -> Result<Tally> {
    Tools::ensure(project)?;
    Browser::ensure()?;
    Ok(Tally::default())
}

fn lints(project: &Project) -> Result<Tally> {
    check::all(project)?;
    Ok(Tally::default())
}

fn native(project: &Project) -> Result<Tally> {
    let mut cargo = project.cargo();
    cargo.args(["test", "--no-fail-fast", "--workspace", "--exclude", "bitdial-e2e"]);
    Tally::of(&mut cargo)
}

fn wasm(project: &Project, build: &Build, packages: &[&str], arguments: &[&str]) -> Result<Tally> {
    let tools = Tools::ensure(project)?;
    let browser = Browser::ensure()?;
    let capabilities = project.target.join("webdriver.json");
    fs::write(&capabilities, browser.capabilities(arguments)).with_context(|| format!("cannot write {}", capabilities.display()))?;

    let mut cargo = build.cargo(project, "test");
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
        .arg("--tests")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", tools.test_runner())
        .env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &capabilities)
        .env("WASM_BINDGEN_TEST_TIMEOUT", WASM_TEST_SECONDS);
    Tally::of(&mut cargo)
}

/// On this machine's own driver, which `VK_DRIVER_FILES` may name.
fn native_gpu(project: &Project) -> Result<Tally> {
    let mut cargo = project.cargo();
    cargo.args(["test", "--package", GPU_TESTED, "--features", "device-tests"]);
    Tally::of(&mut cargo)
}

fn build(project: &Project) -> Result<Tally> {
    site::build(project)?;
    Ok(Tally::default())
}

fn end_to_end(project: &Project) -> Result<Tally> {
    let browser = Browser::ensure()?;
    let mut cargo = project.cargo();
    cargo
        .args(["test", "--no-fail-fast", "--package", "bitdial-e2e"])
        .env("BITDIAL_DIST", project.dist())
        .env("CHROME", &browser.chrome)
        .env("CHROMEDRIVER", &browser.driver)
        .env("BITDIAL_AXE", tools::axe(project)?);
    Tally::of(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_steps() {
        for name in ["check", "native", "onnx", "wasm", "gpu", "build", "e2e"] {
            let part: Part = name.parse().expect("the name is known");
            assert!(STEPS.iter().any(|(_, parts, _)| parts.contains(&part)), "{name}");
        }
        "all".parse::<Part>().expect_err("everything needs no name");
    }
}
