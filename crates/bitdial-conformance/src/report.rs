//! What a run found.

use std::collections::BTreeMap;

/// How many cases each kernel passed, and those that failed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Cases that equalled the reference, by kernel.
    pub passed: BTreeMap<String, usize>,
    /// One sentence each.
    pub failures: Vec<String>,
}

impl Report {
    /// Cases in all.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.passed.values().sum::<usize>() + self.failures.len()
    }

    /// Records a case; `wrong` says what is wrong with it, if anything.
    pub fn record(&mut self, kernel: &str, case: &dyn std::fmt::Debug, wrong: Option<String>) {
        match wrong {
            None => *self.passed.entry(kernel.to_owned()).or_default() += 1,
            Some(wrong) => self.failures.push(format!("{kernel}: {wrong}, in {case:?}")),
        }
    }

    /// Records a case that must give these very values.
    pub fn compare<T: PartialEq + std::fmt::Debug>(&mut self, kernel: &str, case: &dyn std::fmt::Debug, found: &[T], expected: &[T]) {
        let different = found.iter().zip(expected).position(|(found, expected)| found != expected);
        let wrong = match different {
            Some(i) => Some(format!("element {i} of {} is {:?} instead of {:?}", expected.len(), found[i], expected[i])),
            None => (found.len() != expected.len()).then(|| format!("{} elements instead of {}", found.len(), expected.len())),
        };
        self.record(kernel, case, wrong);
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (kernel, passed) in &self.passed {
            writeln!(f, "{passed:6} {kernel}")?;
        }
        for failure in self.failures.iter().take(20) {
            writeln!(f, "FAILED {failure}")?;
        }
        write!(f, "{} passed, {} failed", self.cases() - self.failures.len(), self.failures.len())
    }
}
