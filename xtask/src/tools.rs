//! Trunk, wasm-bindgen and wasm-opt: which version, and how each gets into the cache.
//!
//! A tool lies in `<cache>/<name>-<version>`. It is installed into a folder beside that and
//! renamed when complete, so an interrupted installation is never taken for a finished one; a
//! lock file keeps two processes from installing the same tool at once.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::files;
use crate::project::Project;
use crate::rustup;

const TRUNK: &str = "0.21.14";
/// Release 132. Debian's 108 writes modules that fail at start.
const BINARYEN: &str = "132.0.0";
const AXE: &str = "4.14.1";
/// The last one that Node.js 20 runs.
const LIGHTHOUSE: &str = "12.8.2";

/// What a build needs, installed.
pub struct Tools {
    trunk: PathBuf,
    wasm_bindgen: PathBuf,
    wasm_opt: PathBuf,
}

impl Tools {
    /// Installs what is missing.
    pub fn ensure(project: &Project) -> Result<Self> {
        rustup::ensure_wasm_target()?;
        let lock = project.root.join("Cargo.lock");
        let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        let wasm_bindgen = locked_version(&lock, "wasm-bindgen").context("Cargo.lock names no version of wasm-bindgen")?;

        let trunk = Package {
            name: "trunk",
            version: TRUNK,
            program: "bin/trunk",
            // Its lock file is kept to; what is left out is an update check and native TLS.
            install: &|root| {
                let options = ["--locked", "--no-default-features", "--features", "rustls"];
                cargo_install(root, "trunk", TRUNK, &options)
            },
        };
        let wasm_bindgen = Package {
            name: "wasm-bindgen",
            version: wasm_bindgen,
            program: "bin/wasm-bindgen",
            // Not --locked: its lock file names a crate version that does not resolve.
            install: &|root| cargo_install(root, "wasm-bindgen-cli", wasm_bindgen, &[]),
        };
        let wasm_opt = Package {
            name: "binaryen",
            version: BINARYEN,
            program: "node_modules/.bin/wasm-opt",
            install: &|root| npm_install(root, "binaryen", BINARYEN),
        };
        Ok(Self {
            trunk: trunk.ensure(&project.cache)?,
            wasm_bindgen: wasm_bindgen.ensure(&project.cache)?,
            wasm_opt: wasm_opt.ensure(&project.cache)?,
        })
    }

    /// Trunk, finding the other tools of these versions first on its PATH.
    pub fn trunk(&self) -> Result<Command> {
        let folders = [&self.wasm_bindgen, &self.wasm_opt];
        let mut path: Vec<PathBuf> = folders.iter().filter_map(|program| program.parent().map(Path::to_path_buf)).collect();
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut trunk = Command::new(&self.trunk);
        trunk.env("PATH", env::join_paths(path)?);
        // Trunk 0.21 reads NO_COLOR as a flag that is "true" or "false" and fails on "1".
        if env::var_os("NO_COLOR").is_some() {
            trunk.env("NO_COLOR", "true");
        }
        Ok(trunk)
    }

    pub fn wasm_bindgen(&self) -> Command {
        Command::new(&self.wasm_bindgen)
    }

    pub fn wasm_opt(&self) -> Command {
        Command::new(&self.wasm_opt)
    }

    /// Cargo's runner for wasm tests; it comes with wasm-bindgen.
    pub fn test_runner(&self) -> PathBuf {
        self.wasm_bindgen.with_file_name("wasm-bindgen-test-runner").with_extension(env::consts::EXE_EXTENSION)
    }
}

/// The script that looks for what keeps people out.
pub fn axe(project: &Project) -> Result<PathBuf> {
    let install = |root: &Path| npm_install(root, "axe-core", AXE);
    Package { name: "axe-core", version: AXE, program: "node_modules/axe-core/axe.min.js", install: &install }.ensure(&project.cache)
}

/// Lighthouse's program.
pub fn lighthouse(project: &Project) -> Result<PathBuf> {
    let install = |root: &Path| npm_install(root, "lighthouse", LIGHTHOUSE);
    let program = "node_modules/lighthouse/cli/index.js";
    Package { name: "lighthouse", version: LIGHTHOUSE, program, install: &install }.ensure(&project.cache)
}

/// A tool of one version.
pub struct Package<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// The program that is there when the tool is, relative to the tool's folder.
    pub program: &'a str,
    /// Installs it into the folder given.
    pub install: &'a dyn Fn(&Path) -> Result<()>,
}

impl Package<'_> {
    /// The path of the program, installed if it was not.
    pub fn ensure(&self, cache: &Path) -> Result<PathBuf> {
        let folder = cache.join(format!("{}-{}", self.name, self.version));
        let program = folder.join(self.program);
        if program.is_file() {
            return Ok(program);
        }
        let _lock = files::lock(&with_suffix(&folder, ".lock"))?;
        if program.is_file() {
            return Ok(program); // by the process that held the lock
        }
        println!("installing {} {} ...", self.name, self.version);
        let partial = with_suffix(&folder, ".partial");
        fs::create_dir_all(&partial)?;
        (self.install)(&partial).with_context(|| format!("{} {} is not installed", self.name, self.version))?;
        files::remove(&folder)?;
        fs::rename(&partial, &folder)?;
        Ok(program)
    }
}

/// Builds a program from crates.io. What a former, interrupted attempt compiled is used again.
fn cargo_install(root: &Path, package: &str, version: &str, options: &[&str]) -> Result<()> {
    let target = root.join("target");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", package, "--version", version, "--root"])
        .arg(root)
        .args(options)
        // Away from the checkout, whose .cargo/config.toml is none of the tool's business.
        .current_dir(root)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS");
    command::run(&mut cargo)?;
    files::remove(&target)
}

/// The path of npm.
pub fn npm() -> Result<PathBuf> {
    command::find(&["npm"]).context("npm was not found: install Node.js 20 or later, which brings it")
}

fn npm_install(root: &Path, package: &str, version: &str) -> Result<()> {
    let mut npm = Command::new(npm()?);
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
        .arg("--prefix")
        .arg(root)
        .arg(format!("{package}@{version}"))
        .current_dir(root);
    command::run(&mut npm)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The version of a package in the text of a Cargo.lock.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "wasm-bindgen-futures"
version = "0.4.80"
dependencies = [
 "wasm-bindgen",
]

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
source = "registry+https://github.com/rust-lang/crates.io-index"
"#;

    #[test]
    fn versions_are_read_from_the_lock_file() {
        let cases = [("wasm-bindgen", Some("0.2.130")), ("wasm-bindgen-futures", Some("0.4.80")), ("wasm", None)];
        for (package, version) in cases {
            assert_eq!(locked_version(LOCK, package), version, "{package}");
            let windows = LOCK.replace('\n', "\r\n");
            assert_eq!(locked_version(&windows, package), version, "{package}");
        }
        assert_eq!(locked_version("name = \"a\"\n", "a"), None);
    }

    #[test]
    fn an_installation_is_complete_or_absent() {
        let cache = env::temp_dir().join(format!("bitdial-tools-{}", std::process::id()));
        fs::create_dir_all(&cache).expect("a temporary folder");
        let write = |root: &Path| Ok(fs::write(root.join("tool"), "")?);
        let package = |install| Package { name: "tool", version: "1", program: "tool", install };

        let fails = |root: &Path| {
            write(root)?;
            anyhow::bail!("interrupted")
        };
        package(&fails).ensure(&cache).expect_err("the installer fails");
        assert!(!cache.join("tool-1").exists());

        let program = package(&write).ensure(&cache).expect("the installer works");
        assert_eq!(program, cache.join("tool-1/tool"));
        assert!(program.is_file() && !cache.join("tool-1.partial").exists());

        // Installed once: an installer that would fail is not asked again.
        package(&fails).ensure(&cache).expect("it is there");
        fs::remove_dir_all(&cache).expect("the temporary folder goes");
    }
}
