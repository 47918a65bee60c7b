//! The parts of the Rust toolchain that a build needs beyond the compiler itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// The target of everything that runs in the browser.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Installs the wasm target where it is missing. Rustup does not do it by itself when
/// `RUSTUP_AUTO_INSTALL=0` is set.
pub fn ensure_wasm_target() -> Result<()> {
    let mut rustc = Command::new("rustc");
    let libraries = command::output(rustc.args(["--print", "target-libdir", "--target", WASM]))?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    rustup(&["target", "add", WASM])
}

/// Installs rustfmt and clippy where they are missing.
pub fn ensure_components() -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if command::output(Command::new("cargo").args([subcommand, "--version"])).is_err() {
            rustup(&["component", "add", component])?;
        }
    }
    Ok(())
}

fn rustup(args: &[&str]) -> Result<()> {
    let line = args.join(" ");
    command::run(Command::new("rustup").args(args))
        .with_context(|| format!("`rustup {line}` did not work: run it by hand, or install the same with your system's package manager"))
}
