//! Format, lessons, lints and documentation, every warning an error.

use std::process::Command;

use anyhow::Result;

use crate::command;
use crate::lessons;
use crate::project::Project;
use crate::rustup::{self, WASM};
use crate::test::{GPU_TESTED, WASM_TESTED};
use crate::worker::{BUILDS, PLAIN};

/// Packages that are programs of the developer's machine and never become wasm.
const NATIVE_ONLY: [&str; 4] = ["--exclude", "xtask", "--exclude", "bitdial-e2e"];

/// Format, lessons, clippy on every target and rustdoc.
pub fn all(project: &Project) -> Result<()> {
    rustup::ensure_components()?;
    rustup::ensure_wasm_target()?;
    format(project)?;
    lessons::check(project)?;
    clippy_native(project)?;
    clippy_wasm(project)?;
    docs(project)
}

fn format(project: &Project) -> Result<()> {
    command::run(project.cargo().args(["fmt", "--all", "--check"]))
}

fn clippy_native(project: &Project) -> Result<()> {
    let mut cargo = project.cargo();
    cargo.args(["clippy", "--workspace", "--all-targets"]);
    deny_warnings(&mut cargo)
}

/// The page, then the rest once for each build, so that code behind either `cfg` is linted.
fn clippy_wasm(project: &Project) -> Result<()> {
    let mut page = project.cargo();
    deny_warnings(page.args(["clippy", "--target", WASM, "--package", "bitdial"]))?;
    for build in &BUILDS {
        let mut cargo = build.cargo(project, "clippy");
        cargo.args(["--workspace", "--exclude", "bitdial"]).args(NATIVE_ONLY);
        deny_warnings(&mut cargo)?;
        let mut tests = build.cargo(project, "clippy");
        for package in WASM_TESTED {
            tests.args(["--package", package]);
        }
        deny_warnings(tests.arg("--tests"))?;
    }
    let mut gpu = PLAIN.cargo(project, "clippy");
    deny_warnings(gpu.args(["--package", "bitdial-worker", "--no-default-features", "--features", "webgpu"]))?;
    let mut lessons = PLAIN.cargo(project, "clippy");
    deny_warnings(lessons.args(["--package", "bitdial-worker", "--no-default-features", "--features", "lessons"]))?;
    let mut tests = PLAIN.cargo(project, "clippy");
    deny_warnings(tests.args(["--package", GPU_TESTED, "--tests"]))
}

fn deny_warnings(clippy: &mut Command) -> Result<()> {
    command::run(clippy.args(["--", "-Dwarnings"]))
}

fn docs(project: &Project) -> Result<()> {
    let mut cargo = project.cargo();
    cargo.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
    command::run(&mut cargo)
}
