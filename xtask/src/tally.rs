//! Counts tests from what the test programs print.

use std::ops::AddAssign;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::command;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// Runs a program of tests in view of the user and counts. A program that fails without
    /// saying which test did, because it did not compile or was killed, is one failure; a
    /// program that ran no test is an error.
    pub fn of(command: &mut Command) -> Result<Self> {
        let mut tally = Self::default();
        let status = command::watch(command, |line| {
            if let Some(counts) = Self::parse(line) {
                tally += counts;
            }
        })?;
        if !status.success() {
            tally.failed = tally.failed.max(1);
            println!("`{}` failed: {status}", command::line(command));
        }
        ensure!(tally != Self::default(), "`{}` ran no test", command::line(command));
        Ok(tally)
    }

    /// Reads the summary line that libtest and wasm-bindgen-test share.
    fn parse(line: &str) -> Option<Self> {
        let (_, summary) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let count = |word: &str| summary.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok());
        Some(Self { passed: count("passed")?, failed: count("failed")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_counted() {
        let tally = |passed, failed| Some(Tally { passed, failed });
        let cases = [
            ("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s\n", tally(12, 0)),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", tally(3, 2)),
            ("test result: ok. 7 passed; 0 failed; 0 ignored; 0 filtered out; finished in 1.2s", tally(7, 0)),
            ("test kernels::dot ... ok", None),
            ("running 12 tests", None),
            ("test result: ok. no numbers", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(Tally::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn a_program_without_tests_is_an_error_and_one_that_dies_is_a_failure() {
        Tally::of(Command::new("cargo").arg("--version")).expect_err("it ran no test");
        let died = Tally::of(Command::new("cargo").arg("no-such-command")).expect("it counts");
        assert_eq!(died, Tally { passed: 0, failed: 1 });
    }
}
