//! What the standard library does not say in one line about files and folders.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Deletes a file or a whole folder; it may be absent.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(|| format!("cannot delete {}", path.display())),
        _ => Ok(()),
    }
}

/// An empty folder of this name, whatever was there before.
pub fn fresh_folder(path: &Path) -> Result<()> {
    remove(path)?;
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Every file below a folder, sorted, links not followed.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Copies the files below `from` for which `wanted` says yes to the same places below `to`.
pub fn copy_tree(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    for file in below(from)? {
        let name = file.strip_prefix(from)?;
        if wanted(name) {
            copy(&file, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies a file and creates the folders it goes into.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Reads a text file.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Waits for a lock on this file and holds it until the value is dropped.
pub fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        println!("waiting for the process that holds {} ...", path.display());
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// A folder for one test, deleted when the test ends.
#[cfg(test)]
pub struct Scratch(pub PathBuf);

#[cfg(test)]
impl Scratch {
    /// `name` must be the test's own.
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("bitdial-{name}-{}", std::process::id()));
        fresh_folder(&folder).expect("a temporary folder");
        Self(folder)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, content: &str) {
        let file = self.0.join(name);
        fs::create_dir_all(file.parent().expect("a file has a folder")).expect("its folder");
        fs::write(file, content).expect("a temporary file");
    }
}

#[cfg(test)]
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_listed_copied_and_removed() {
        let scratch = Scratch::new("files");
        for name in ["from/b.txt", "from/a/deep/c.txt", "from/a/skip.py"] {
            scratch.write(name, name);
        }
        let (from, to) = (scratch.0.join("from"), scratch.0.join("to"));
        copy_tree(&from, &to, |name| name.extension() != Some("py".as_ref())).expect("it copies");
        let copied = below(&to).expect("it lists");
        assert_eq!(copied, [to.join("a/deep/c.txt"), to.join("b.txt")]);

        for path in [&to, &from.join("b.txt"), &scratch.0.join("absent")] {
            remove(path).expect("it removes");
            assert!(!path.exists());
        }
    }
}
