//! Chromium or Chrome with its WebDriver: found, or installed where the system lets us.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::command;

/// What keeps a headless browser quiet and off the network.
pub const ARGUMENTS: [&str; 6] = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
];

/// V8 computes the relaxed dot product in one of two ways on x86, which differ outside of the
/// operand ranges that the instruction promises. This makes a processor with AVX-VNNI take the
/// way of one without.
pub const WITHOUT_VNNI: &str = "--js-flags=--no-enable-avx-vnni";

/// WebGPU on `SwiftShader`, a program that comes with the browser: a machine need not have a GPU.
pub const SOFTWARE_GPU: [&str; 2] = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

const MISSING: &str = "no Chromium or Chrome with its chromedriver was found: install both \
    (Debian: apt-get install chromium chromium-driver), or name them in CHROME and CHROMEDRIVER";

/// A browser and the driver that belongs to it.
pub struct Browser {
    pub chrome: PathBuf,
    pub driver: PathBuf,
}

impl Browser {
    /// The one named in `CHROME` and `CHROMEDRIVER`, else the one on PATH, else a newly installed.
    pub fn ensure() -> Result<Self> {
        if let Some(browser) = Self::find() {
            return Ok(browser);
        }
        install().context(MISSING)?;
        Self::find().context(MISSING)
    }

    fn find() -> Option<Self> {
        let named = |variable| env::var_os(variable).map(PathBuf::from);
        let browsers = ["chromium", "google-chrome", "google-chrome-stable", "chrome"];
        Some(Self {
            chrome: named("CHROME").or_else(|| command::find(&browsers))?,
            driver: named("CHROMEDRIVER").or_else(|| command::find(&["chromedriver"]))?,
        })
    }

    /// The WebDriver capabilities that start this browser, with more arguments.
    pub fn capabilities(&self, more: &[&str]) -> String {
        let arguments: Vec<&str> = ARGUMENTS.iter().chain(more).copied().collect();
        let options = json!({ "binary": self.chrome, "args": arguments });
        format!("{:#}\n", json!({ "goog:chromeOptions": options }))
    }
}

/// Installs Debian's packages, as root or through a sudo that asks nothing.
fn install() -> Result<()> {
    let apt = command::find(&["apt-get"]).context("this system has no apt-get")?;
    let root = command::output(Command::new("id").arg("-u"))?.trim() == "0";
    let apt = || {
        let mut command = if root {
            Command::new(&apt)
        } else {
            let mut sudo = Command::new("sudo");
            sudo.arg("--non-interactive").arg(&apt);
            sudo
        };
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    println!("installing chromium and chromium-driver ...");
    command::run(apt().arg("update"))?;
    let packages = ["chromium", "chromium-driver"];
    command::run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_name_the_browser_and_its_flags() {
        let browser = Browser { chrome: "/opt/a \"b\"/chrome".into(), driver: "chromedriver".into() };
        for (more, expected) in [(&[][..], false), (&[WITHOUT_VNNI], true)] {
            let text = browser.capabilities(more);
            let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
            let options = &value["goog:chromeOptions"];
            assert_eq!(options["binary"], "/opt/a \"b\"/chrome");
            let arguments = options["args"].as_array().expect("a list");
            let found = arguments.iter().any(|a| a == "--js-flags=--no-enable-avx-vnni");
            assert_eq!(found, expected);
        }
    }
}
