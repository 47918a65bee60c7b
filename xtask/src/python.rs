//! Virtual environments of Python, made once for each requirements.txt and kept in the cache folder.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::project::Project;
use crate::tools::Package;
use crate::worker;

/// The Python of the environment for a requirements file of the checkout, made in `folder` if it is new. `minors` are the
/// minor versions of Python 3 that every package has a wheel for; `purpose` ends the sentence that says what is missing.
pub fn environment(project: &Project, folder: &Path, requirements: &str, minors: RangeInclusive<u32>, purpose: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = project.root.join(requirements);
    let hash = worker::hash_of(std::slice::from_ref(&file), &project.root)?;
    let package = Package {
        name: "python",
        version: &hash,
        program: "pyvenv.cfg",
        install: &|folder| {
            command::run(Command::new(find(minors.clone(), purpose)?).args(["-m", "venv"]).arg(folder))?;
            let mut pip = Command::new(folder.join("bin/python"));
            command::run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&file))
        },
    };
    let made = package.ensure(folder)?;
    Ok(made.with_file_name("bin").join("python"))
}

/// A Python of a version that will do.
fn find(minors: RangeInclusive<u32>, purpose: &str) -> Result<PathBuf> {
    let named: Vec<String> = minors.clone().rev().map(|minor| format!("python3.{minor}")).chain(["python3".to_owned()]).collect();
    let script = "import sys, venv; print(sys.version_info.minor if sys.version_info.major == 3 else 0)";
    named
        .iter()
        .filter_map(|name| command::find(&[name]))
        .find(|python| {
            let minor = command::output(Command::new(python).args(["-c", script]));
            minor.is_ok_and(|minor| minor.trim().parse().is_ok_and(|minor: u32| minors.contains(&minor)))
        })
        .with_context(|| {
            let (first, last) = (minors.start(), minors.end());
            format!("no Python 3.{first} to 3.{last} with venv was found on PATH, which {purpose}")
        })
}
