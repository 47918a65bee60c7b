//! The worker modules, and the folder of the site that holds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::command;
use crate::files;
use crate::project::Project;
use crate::rustup::WASM;
use crate::tools::Tools;

/// The dedicated worker's entry; it picks one of the modules beside it.
const ENTRY: &str = "worker.mjs";

/// A build of the engine for one set of instructions.
pub struct Build {
    /// The name of its folder, in the site and below the target folder.
    pub name: &'static str,
    features: &'static str,
}

/// A module with one relaxed instruction is refused whole by a browser without them: two builds.
pub static BUILDS: [Build; 2] =
    [Build { name: "simd128", features: "+simd128" }, Build { name: "relaxed-simd", features: "+simd128,+relaxed-simd" }];

/// What a GPU does needs no SIMD of the processor: its module has the reference loops alone.
pub static PLAIN: Build = Build { name: "plain", features: "" };

impl Build {
    /// Cargo set up for this build, in a target folder of its own, as its flags apply to every
    /// dependency. `--target` is part of the arguments already.
    pub fn cargo(&self, project: &Project, subcommand: &str) -> Command {
        let mut cargo = project.cargo_in(&self.target(project));
        cargo.args([subcommand, "--target", WASM]);
        if !self.features.is_empty() {
            cargo.env("RUSTFLAGS", format!("-Ctarget-feature={}", self.features));
        }
        cargo
    }

    /// Its own target folder.
    pub fn target(&self, project: &Project) -> PathBuf {
        project.target.join(self.name)
    }
}

/// A module of the site: a kind of worker in one of the builds.
pub struct Module {
    /// The name of its folder.
    pub name: &'static str,
    build: &'static Build,
    /// The features of the worker crate that make it this kind.
    kind: &'static str,
    /// The profile of Cargo.toml.
    profile: &'static str,
}

/// Runners for both sets of instructions and for a GPU, the lab, whose f32 kernels have no use for relaxed ones,
/// and the reader of lessons, which computes nothing.
pub static MODULES: [Module; 5] = [
    Module { name: "simd128", build: &BUILDS[0], kind: "runner", profile: "release" },
    Module { name: "relaxed-simd", build: &BUILDS[1], kind: "runner", profile: "release" },
    Module { name: "webgpu", build: &PLAIN, kind: "webgpu", profile: "release" },
    Module { name: "lab", build: &BUILDS[0], kind: "lab,vectors-only", profile: "lab" },
    Module { name: "lessons", build: &PLAIN, kind: "lessons", profile: "lab" },
];

impl Module {
    /// Builds the module and writes it and its JavaScript into `folder`.
    fn write(&self, project: &Project, tools: &Tools, folder: &Path) -> Result<()> {
        println!("building the {} worker", self.name);
        let mut cargo = self.build.cargo(project, "build");
        cargo.args(["--profile", self.profile, "--package", "bitdial-worker", "--lib", "--no-default-features", "--features", self.kind]);
        command::run(&mut cargo)?;

        let built = self.build.target(project).join(WASM).join(self.profile);
        let mut bindgen = tools.wasm_bindgen();
        bindgen
            .args(["--target", "web", "--no-typescript"])
            .args(["--out-name", "bitdial_worker", "--out-dir"])
            .arg(folder)
            .arg(built.join("bitdial_worker.wasm"));
        command::run(&mut bindgen)?;

        // No feature flags: wasm-opt reads the module's own list, and --all-features makes
        // modules that browsers refuse.
        let module = folder.join("bitdial_worker_bg.wasm");
        let mut opt = tools.wasm_opt();
        command::run(opt.arg("-O3").arg(&module).arg("-o").arg(&module))
    }
}

/// The JavaScript of the worker crate.
pub fn js(project: &Project) -> PathBuf {
    project.root.join("crates/bitdial-worker/js")
}

/// Builds all modules into `<parent>/worker-<hash of the content>` and gives that name.
pub fn build(project: &Project, tools: &Tools, parent: &Path) -> Result<String> {
    let unnamed = parent.join("worker");
    files::fresh_folder(&unnamed)?;
    for module in &MODULES {
        module.write(project, tools, &unnamed.join(module.name))?;
    }
    files::copy(&js(project).join(ENTRY), &unnamed.join(ENTRY))?;

    let name = format!("worker-{}", content_hash(&unnamed)?);
    let named = parent.join(&name);
    files::remove(&named)?;
    fs::rename(&unnamed, &named).with_context(|| format!("cannot rename {}", unnamed.display()))?;
    Ok(name)
}

fn content_hash(folder: &Path) -> Result<String> {
    hash_of(&files::below(folder)?, folder)
}

/// The first eight bytes, in hex, of SHA-256 over the names and contents of files in a folder.
pub fn hash_of(files: &[PathBuf], folder: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
        let content = fs::read(file)?;
        // Lengths first, so that no two different folders write the same stream.
        for part in [name.as_bytes(), &content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    let digest = hash.finalize();
    Ok(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    #[test]
    fn the_hash_follows_names_and_contents_and_nothing_else() {
        let hash_of = |files: &[(&str, &str)]| {
            let scratch = Scratch::new("hash");
            for (name, content) in files {
                scratch.write(name, content);
            }
            content_hash(&scratch.0).expect("it hashes")
        };
        let base = hash_of(&[("a", "1"), ("b/c", "2")]);
        assert_eq!(base.len(), 16);
        assert_eq!(base, hash_of(&[("b/c", "2"), ("a", "1")]), "order");
        for other in [&[("a", "1"), ("b/c", "3")][..], &[("a", "1"), ("b/d", "2")], &[("a", "1")], &[("a", "1b/c2")]] {
            assert_ne!(base, hash_of(other), "{other:?}");
        }
    }
}
