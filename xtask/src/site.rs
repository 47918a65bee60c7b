//! Assembles the static site: the page, the workers, the JavaScript API, models and data.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::budget;
use crate::command;
use crate::files;
use crate::project::Project;
use crate::release;
use crate::rustup::WASM;
use crate::tools::Tools;
use crate::worker;

/// The ES module for other people's pages. Its address is fixed, so it carries no hash.
const API: &str = "bitdial.mjs";
/// What stands in its source for the name of the worker's folder.
const WORKER_DIR: &str = "__WORKER_DIR__";

/// Builds the site into `dist/`, which changes only when everything has worked.
pub fn build(project: &Project) -> Result<()> {
    let tools = Tools::ensure(project)?;
    let workers = project.target.join("site");
    files::fresh_folder(&workers)?;
    let worker_dir = worker::build(project, &tools, &workers)?;

    let site = project.root.join("dist.partial");
    files::fresh_folder(&site)?;
    page(project, &tools, &worker_dir, &site)?;
    let folder = site.join(&worker_dir);
    files::copy_tree(&workers.join(&worker_dir), &folder, |_| true)?;

    let api = worker::js(project).join(API);
    let source = files::read(&api)?;
    ensure!(source.contains(WORKER_DIR), "{} does not name {WORKER_DIR}: it would not find its worker", api.display());
    fs::write(site.join(API), source.replace(WORKER_DIR, &worker_dir))?;

    files::copy_tree(&project.root.join("models"), &site.join("models"), is_model)?;
    files::copy_tree(&project.root.join("assets"), &site.join("assets"), is_asset)?;

    release::finish(&project.root, &site, &worker_dir)?;
    budget::check(&site, &worker_dir)?;
    files::remove(&project.dist())?;
    fs::rename(&site, project.dist())?;
    println!("the site is in {}", project.dist().display());
    Ok(())
}

/// Lets Trunk build the page. Its settings are in Trunk.toml and www/index.html.
fn page(project: &Project, tools: &Tools, worker_dir: &str, site: &Path) -> Result<()> {
    println!("building the page");
    // Trunk's --offline holds for cargo as well, so what the page depends on must be here.
    command::run(project.cargo().args(["fetch", "--locked", "--target", WASM]))?;
    let mut trunk = tools.trunk()?;
    trunk
        // Offline, Trunk takes the tools on its PATH and fetches no others.
        .args(["build", "--release", "--offline", "--dist"])
        .arg(site)
        .current_dir(&project.root)
        .env("CARGO_TARGET_DIR", &project.target)
        // Compiled into the page, so that a page never loads another release's worker.
        .env("BITDIAL_WORKER_DIR", worker_dir);
    command::run(&mut trunk)
}

/// The models, their list and their cards; not the scripts that made them.
fn is_model(name: &Path) -> bool {
    let kept = ["onnx", "json", "md"];
    name.components().count() == 1 && name.extension().is_some_and(|found| kept.iter().any(|kept| found == *kept))
}

/// Everything but the scripts that fetched it.
fn is_asset(name: &Path) -> bool {
    name.extension().is_none_or(|found| found != "py")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_the_site() {
        let models = [
            ("digits.onnx", true),
            ("models.json", true),
            ("digits.md", true),
            ("train/train.py", false),
            ("train/README.md", false),
            ("notes.txt", false),
        ];
        for (name, wanted) in models {
            assert_eq!(is_model(Path::new(name)), wanted, "{name}");
        }
        let assets = [("mnist/a.gz", true), ("LICENSE", true), ("photos/fetch.py", false)];
        for (name, wanted) in assets {
            assert_eq!(is_asset(Path::new(name)), wanted, "{name}");
        }
    }
}
