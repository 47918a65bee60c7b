//! Exported ONNX files, judged by onnxruntime.

use std::process::Command;

use anyhow::Result;

use crate::command;
use crate::files;
use crate::project::Project;
use crate::python;
use crate::tally::Tally;

/// Minor versions of Python 3 that onnxruntime has wheels for.
const PYTHONS: std::ops::RangeInclusive<u32> = 11..=14;

/// Writes models and our predictions, runs the models in onnxruntime and compares.
pub fn judge(project: &Project) -> Result<Tally> {
    let purpose = "runs exported models in onnxruntime";
    let python = python::environment(project, &project.cache.join("onnxruntime"), "tests/onnx/requirements.txt", PYTHONS, purpose)?;
    let folder = project.target.join("onnx");
    files::fresh_folder(&folder)?;
    let mut export = project.cargo();
    export
        .args(["run", "--quiet", "--release", "--package", "bitdial-quant", "--example", "export", "--"])
        .arg(&folder)
        // Unoptimized, 80,000 images take minutes; whole-program optimization takes as long and gains nothing here.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    command::run(&mut export)?;
    // The native tests have built this one.
    let mut random = project.cargo();
    random.args(["test", "--quiet", "--workspace", "--exclude", "bitdial-e2e", "--test", "graphs", "random_graphs_are_written"]);
    command::run(random.env("BITDIAL_EXPORT", &folder))?;
    let mut judge = Command::new(python);
    judge.arg(project.root.join("tests/onnx/judge.py")).arg(&folder).env("PYTHONDONTWRITEBYTECODE", "1");
    Tally::of(&mut judge)
}
