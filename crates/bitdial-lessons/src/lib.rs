//! Lessons and the glossary: Markdown files with settings in TOML become trees that the page draws.
//!
//! A lesson is `CommonMark` with tables. Its front matter, between two lines `+++`, says its title; each heading of the
//! second level begins a step; a code block named `toml step` says what the step does to the page, one named
//! `toml question` what it asks. In text, `{accuracy}` is a live figure and `[term]()` an entry of the glossary. The
//! format is described for teachers in `docs/writing-lessons.md`.
//!
//! Nothing here panics, whatever the text: a file is taken as a whole, or refused with each fault's line and reason.

mod faults;
mod folder;
mod form;
mod glossary;
mod key;
mod lesson;
mod markdown;

use bitdial_protocol::{Fault, Glossary, Lesson};

pub use folder::{Folder, check};
pub use key::key;

use faults::Faults;

/// Longer texts are refused, in bytes.
const LONGEST: usize = 200_000;

/// Reads a lesson. `file` is for faults; `models` are the ids that recipes may name, the default first.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn lesson(file: &str, text: &str, models: &[&str]) -> Result<Lesson, Vec<Fault>> {
    let mut faults = Faults::new(file);
    let read = plain(text, &mut faults).and_then(|text| lesson::read(&text, models, &mut faults, &mut Vec::new()));
    faults.or(read)
}

/// Reads the glossary. `file` is for faults.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn glossary(file: &str, text: &str) -> Result<Glossary, Vec<Fault>> {
    let mut faults = Faults::new(file);
    let read = plain(text, &mut faults).map(|text| glossary::read(&text, &mut faults, &mut Vec::new()));
    faults.or(read)
}

/// The text with line ends as they are counted here; `None` if it is too long.
fn plain(text: &str, faults: &mut Faults) -> Option<String> {
    if text.len() > LONGEST {
        faults.add(1, format!("The file has {} bytes; at most {LONGEST} are read.", text.len()));
        return None;
    }
    Some(text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n"))
}
