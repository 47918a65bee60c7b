//! All lessons and the glossary together: what only shows when they are held against each other.

use std::collections::BTreeSet;

use bitdial_protocol::{Fault, Lesson};

use crate::faults::Faults;
use crate::{glossary, lesson, plain};

/// The texts of a folder of lessons.
pub struct Folder<'a> {
    /// The name of the list of lessons, and what is in it: a JSON array of names.
    pub index: (&'a str, &'a str),
    /// The names of the lessons' files, and what is in them. `<name>.md` is the lesson `<name>`.
    pub lessons: &'a [(String, String)],
    /// The same of the glossary.
    pub glossary: (&'a str, &'a str),
    /// The models that recipes may name, the default first.
    pub models: &'a [&'a str],
}

/// Everything that is wrong with a folder, and the lessons that can be read, by name.
#[must_use]
pub fn check(folder: &Folder) -> (Vec<Fault>, Vec<(String, Lesson)>) {
    let mut found = Vec::new();
    let mut terms = Vec::new();
    let (file, text) = folder.glossary;
    let mut faults = Faults::new(file);
    let known = plain(text, &mut faults).map(|text| glossary::read(&text, &mut faults, &mut terms));
    let known: BTreeSet<String> = known.into_iter().flat_map(|glossary| glossary.entries).flat_map(|entry| entry.keys).collect();
    missing(&terms, &known, &mut faults);
    found.extend(faults.into_sorted());

    let mut lessons = Vec::new();
    for (file, text) in folder.lessons {
        let (mut faults, mut terms) = (Faults::new(file), Vec::new());
        let name = stem(file);
        if !is_name(name) {
            faults.add(1, "A lesson's file is named with small letters, digits and hyphens, and ends with .md.");
        }
        let read = plain(text, &mut faults).and_then(|text| lesson::read(&text, folder.models, &mut faults, &mut terms));
        missing(&terms, &known, &mut faults);
        let faults = faults.into_sorted();
        lessons.extend(read.filter(|_| faults.is_empty()).map(|lesson| (name.to_owned(), lesson)));
        found.extend(faults);
    }

    let (file, text) = folder.index;
    let mut faults = Faults::new(file);
    match serde_json::from_str::<Vec<String>>(text) {
        Err(error) => faults.add(error.line() as u32, format!("This is not a JSON list of names: {error}.")),
        Ok(names) => {
            for (at, name) in names.iter().enumerate() {
                let line = text.lines().position(|line| line.contains(&format!("\"{name}\""))).map_or(1, |line| line as u32 + 1);
                if names.iter().take(at).any(|other| other == name) {
                    faults.add(line, format!("{name} is listed twice."));
                }
                if !folder.lessons.iter().any(|(file, _)| stem(file) == name) {
                    faults.add(line, format!("There is no file {name}.md."));
                }
            }
        }
    }
    found.extend(faults.into_sorted());
    (found, lessons)
}

/// Terms that the glossary does not have.
fn missing(terms: &[(String, u32)], known: &BTreeSet<String>, faults: &mut Faults) {
    for (term, line) in terms {
        if !known.contains(term) {
            faults.add(*line, format!("The glossary has no entry for \u{201c}{term}\u{201d}."));
        }
    }
}

fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".md").unwrap_or_default()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
