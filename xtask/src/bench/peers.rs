//! The other runtimes and their model files, prepared once and kept in the cache folder.
//!
//! Each step lies in a folder named after what went into it, so that it is made again when that changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::files;
use crate::project::Project;
use crate::python;
use crate::tools::{self, Package};
use crate::worker;

/// The runtimes that are bundled; the others come as modules.
const BUNDLES: [&str; 2] = ["litert", "tfjs"];
/// Where esbuild finds what only runs outside of browsers.
const OUTSIDE: [&str; 8] = ["fs", "path", "os", "worker_threads", "perf_hooks", "crypto", "string_decoder", "util"];
/// The minor versions of Python 3 that every package of requirements.txt has a wheel for.
const PYTHONS: std::ops::RangeInclusive<u32> = 11..=13;

/// Where everything is.
pub struct Peers {
    /// The packages from npm.
    pub modules: PathBuf,
    /// The bundles made of them.
    pub bundles: PathBuf,
    /// The peers' files of every model.
    pub models: PathBuf,
}

impl Peers {
    /// Prepares what is missing.
    pub fn prepare(project: &Project) -> Result<Self> {
        let bench = project.root.join("bench");
        let cache = project.cache.join("peers");
        std::fs::create_dir_all(&cache)?;

        let made_of = |inputs: &[&str]| inputs_hash(&project.root, inputs);

        let lock = "bench/package-lock.json";
        let node = step(&cache, "node", &made_of(&[lock])?, "package.json", &|folder| {
            let npm = tools::npm()?;
            for name in ["package-lock.json", "package.json"] {
                files::copy(&bench.join(name), &folder.join(name))?;
            }
            let options = ["ci", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"];
            command::run(Command::new(npm).args(options).current_dir(folder))
        })?;
        let modules = node.join("node_modules");

        let bundles = step(&cache, "bundles", &made_of(&[lock, "bench/peers"])?, "tfjs.mjs", &|folder| {
            BUNDLES.iter().try_for_each(|name| bundle(&bench, &modules, name, folder))
        })?;

        let requirements = "bench/requirements.txt";
        let python = python::environment(project, &cache, requirements, PYTHONS, "makes the peers' model files")?;

        let models = step(&cache, "models", &made_of(&[requirements, "bench/models", "models"])?, "checked", &|folder| {
            let mut make = Command::new(&python);
            make.arg(bench.join("models/make.py")).arg(&project.root).arg(folder).env("PYTHONDONTWRITEBYTECODE", "1");
            // TensorFlow talks a lot, but not to stdout.
            print!("{}", command::output(&mut make)?);
            Ok(std::fs::write(folder.join("checked"), "")?)
        })?;
        Ok(Self { modules, bundles, models })
    }
}

/// A hash of files and of whole folders of a checkout, of which only what is run or read counts.
fn inputs_hash(root: &Path, inputs: &[&str]) -> Result<String> {
    let mut all = Vec::new();
    for input in inputs.iter().map(|input| root.join(input)) {
        all.extend(if input.is_dir() { files::below(&input)? } else { vec![input] });
    }
    let kinds = ["json", "mjs", "onnx", "py", "txt"];
    all.retain(|file| file.extension().is_some_and(|found| kinds.iter().any(|kind| found == *kind)));
    worker::hash_of(&all, root)
}

/// The folder `<name>-<hash>` of the cache, filled by `make` if it is new; `product` is there when it is full.
fn step(cache: &Path, name: &str, hash: &str, product: &str, make: &dyn Fn(&Path) -> Result<()>) -> Result<PathBuf> {
    let package = Package { name, version: hash, program: product, install: make };
    let product = package.ensure(cache)?;
    Ok(product.parent().context("a product lies in a folder")?.to_path_buf())
}

fn bundle(bench: &Path, modules: &Path, name: &str, folder: &Path) -> Result<()> {
    // esbuild looks for packages from the entry's folder upwards.
    let entry = modules.with_file_name(format!("{name}.mjs"));
    files::copy(&bench.join("peers").join(format!("{name}.mjs")), &entry)?;
    let mut esbuild = Command::new(modules.join(".bin/esbuild"));
    esbuild.arg(&entry).args(["--bundle", "--minify", "--format=esm", "--log-level=warning"]);
    esbuild.arg(format!("--outfile={}", folder.join(name).with_extension("mjs").display()));
    esbuild.args(OUTSIDE.map(|name| format!("--external:{name}")));
    command::run(&mut esbuild)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    #[test]
    fn a_step_is_made_again_when_its_inputs_change() {
        let scratch = Scratch::new("bench-step");
        scratch.write("in/a.py", "1");
        let made = std::cell::Cell::new(0);
        let run = || {
            let make = |folder: &Path| {
                made.set(made.get() + 1);
                Ok(std::fs::write(folder.join("product"), "")?)
            };
            let hash = inputs_hash(&scratch.0, &["in"]).expect("it hashes");
            step(&scratch.0, "models", &hash, "product", &make).expect("it is made")
        };
        let first = run();
        assert!(first.join("product").is_file());
        scratch.write("in/notes.md", "of no importance");
        assert_eq!((run(), made.get()), (first.clone(), 1));
        scratch.write("in/a.py", "2");
        assert_ne!(run(), first);
        assert_eq!(made.get(), 2);
    }
}
