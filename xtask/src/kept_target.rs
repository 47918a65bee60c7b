//! The target folder in the cache, which outlives the checkout that filled it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Result;

use crate::files;

/// It grows with every new compiler and every updated dependency; from here on it starts afresh.
/// One complete run leaves about a third of this.
const LIMIT_BYTES: u64 = 12_000_000_000;

/// How the files that cargo makes of this workspace's own crates begin.
const OWN: [&str; 3] = ["bitdial", "libbitdial", "xtask"];

/// Makes the folder fit for this checkout and holds it against other processes for as long as the
/// value lives.
///
/// Only what comes from crates.io is kept. Cargo tells a fresh crate by the time stamps of its
/// sources under paths relative to the workspace, so another checkout's older files would pass
/// for this one's unchanged ones.
pub fn prepare(target: &Path) -> Result<File> {
    let lock = files::lock(&target.with_extension("lock"))?;
    fs::create_dir_all(target)?;
    let mut bytes = 0;
    for file in files::below(target)? {
        bytes += fs::symlink_metadata(&file)?.len();
    }
    if bytes > LIMIT_BYTES {
        println!("{} has grown to {bytes} bytes: starting afresh", target.display());
        files::fresh_folder(target)?;
    }
    remove_own(target)?;
    Ok(lock)
}

fn remove_own(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if OWN.iter().any(|own| name.starts_with(own)) {
            files::remove(&entry.path())?;
        } else if entry.file_type()?.is_dir() {
            remove_own(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    #[test]
    fn dependencies_stay_and_own_crates_go() {
        let scratch = Scratch::new("kept-target");
        let target = scratch.0.join("target");
        let kept = ["debug/.fingerprint/serde-1/x", "debug/deps/libserde-1.rlib"];
        let gone = [
            "debug/.fingerprint/bitdial-kernels-1/x",
            "debug/deps/libbitdial_kernels-1.rlib",
            "simd128/wasm32-unknown-unknown/release/bitdial_worker.wasm",
            "debug/incremental/xtask-1/x",
        ];
        for name in kept.iter().chain(&gone) {
            scratch.write(&format!("target/{name}"), "");
        }
        let _lock = prepare(&target).expect("it prepares");
        assert!(kept.iter().all(|name| target.join(name).exists()));
        assert!(!gone.iter().any(|name| target.join(name).exists()));
    }
}
