//! What is wrong with a file, by line.

use bitdial_protocol::Fault;

/// So many faults are enough to begin with.
const MOST: usize = 40;

/// The faults of one file.
pub struct Faults<'a> {
    file: &'a str,
    found: Vec<Fault>,
}

impl<'a> Faults<'a> {
    /// None yet.
    pub fn new(file: &'a str) -> Self {
        Self { file, found: Vec::new() }
    }

    /// One more. `line` counts from 1.
    pub fn add(&mut self, line: u32, reason: impl Into<String>) {
        if self.found.len() < MOST {
            self.found.push(Fault { file: self.file.to_owned(), line, reason: reason.into() });
        }
    }

    /// All of them, by line.
    pub fn into_sorted(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.line);
        self.found
    }

    /// What was read, if nothing is wrong with it.
    pub fn or<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(read) if self.found.is_empty() => Ok(read),
            _ => Err(self.into_sorted()),
        }
    }
}

/// The line, from 1, of a position in a text.
pub fn line_at(text: &str, position: usize) -> u32 {
    let before = text.as_bytes().get(..position).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u32
}
