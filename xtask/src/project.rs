//! Where things are: the checkout, the cache shared by all checkouts, the build folders.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::kept_target;

/// Set by CI: build in the cache folder, so that a clean checkout is not a cold build.
const KEEP_TARGET: &str = "BITDIAL_KEEP_TARGET";

/// One checkout of bitdial on one machine.
pub struct Project {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Tools and kept builds, shared by every checkout of this user.
    pub cache: PathBuf,
    /// Cargo's target folder for everything but xtask itself.
    pub target: PathBuf,
    /// Held as long as this process builds in the kept target folder.
    _lock: Option<File>,
}

impl Project {
    pub fn find() -> Result<Self> {
        // Read when it runs, not compiled in: two checkouts may share one target folder.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("start this program as `cargo xtask` inside the checkout")?;
        let root = Path::new(&manifest).parent().context("the xtask folder has no parent folder")?.to_path_buf();
        let cache = cache_folder(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))
            .context("neither XDG_CACHE_HOME nor HOME names an absolute folder: set one of them")?;
        fs::create_dir_all(&cache).with_context(|| format!("cannot create the cache folder {}", cache.display()))?;

        let (target, lock) = if env::var_os(KEEP_TARGET).is_some() {
            let target = cache.join("target");
            let lock = kept_target::prepare(&target)?;
            (target, Some(lock))
        } else {
            let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
            (root.join(target), None)
        };
        Ok(Self { root, cache, target, _lock: lock })
    }

    /// The finished static site.
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// Cargo, building natively.
    pub fn cargo(&self) -> Command {
        self.cargo_in(&self.target)
    }

    /// Cargo with a target folder of its own.
    pub fn cargo_in(&self, target: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", target);
        cargo
    }
}

fn cache_folder(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|p| p.is_absolute());
    let base = xdg.and_then(absolute).or_else(|| home.and_then(absolute).map(|home| home.join(".cache")))?;
    Some(base.join("bitdial"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_the_xdg_rules() {
        let cases: [(Option<&str>, Option<&str>, Option<&str>); 6] = [
            (Some("/x"), Some("/home/a"), Some("/x/bitdial")),
            (None, Some("/home/a"), Some("/home/a/.cache/bitdial")),
            (Some(""), Some("/home/a"), Some("/home/a/.cache/bitdial")),
            (Some("rel"), Some("/home/a"), Some("/home/a/.cache/bitdial")),
            (None, None, None),
            (None, Some(""), None),
        ];
        for (xdg, home, expected) in cases {
            let found = cache_folder(xdg.map(Into::into), home.map(Into::into));
            assert_eq!(found, expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }
}
