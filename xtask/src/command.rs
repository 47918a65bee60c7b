//! Runs other programs and says which one failed.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Runs it in view of the user.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| cannot_start(command))?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(())
}

/// Runs it unseen and gives what it wrote to stdout. What it wrote to stderr goes into the error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}", line(command), stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs it in view of the user and hands each line of its stdout to `see` as well.
pub fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let stdout = child.stdout.take().context("the child has no stdout")?;
    let mut reader = BufReader::new(stdout);
    let mut bytes = Vec::new();
    // Bytes, not `lines()`: a test may print what is not UTF-8.
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line = String::from_utf8_lossy(&bytes);
        print!("{line}");
        see(&line);
        bytes.clear();
    }
    Ok(child.wait()?)
}

/// The first of `names` that is an executable file on PATH.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .map(|file| file.with_extension(env::consts::EXE_EXTENSION))
        .find(|file| file.is_file())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named() {
        let error = output(Command::new("cargo").arg("no-such-command")).expect_err("it fails");
        assert!(error.to_string().contains("`cargo no-such-command` failed"));
        let error = run(&mut Command::new("no-such-program")).expect_err("it is missing");
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }

    #[test]
    fn lines_are_seen_and_the_status_is_kept() {
        let mut seen = String::new();
        let status = watch(Command::new("cargo").arg("--version"), |line| {
            seen.push_str(line);
        })
        .expect("cargo runs");
        assert!(status.success());
        assert!(seen.starts_with("cargo "), "{seen}");
    }

    #[test]
    fn programs_are_found_on_path() {
        assert!(find(&["no-such-program", "cargo"]).is_some());
        assert_eq!(find(&["no-such-program"]), None);
    }
}
