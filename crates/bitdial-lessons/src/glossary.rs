//! The glossary: headings are terms, what follows them is what they mean.

use bitdial_protocol::{Glossary, GlossaryEntry};

use crate::faults::Faults;
use crate::form::quoted;
use crate::key::key;
use crate::markdown::{self, Item, Named};

/// More entries are refused.
const MOST: usize = 500;

/// Reads the glossary. `terms` gets the terms that its entries name.
pub fn read(text: &str, faults: &mut Faults, terms: &mut Vec<Named>) -> Glossary {
    let mut entries: Vec<(u32, GlossaryEntry)> = Vec::new();
    for (line, item) in markdown::read(text, 1, true, faults, terms) {
        match item {
            // The file's own title.
            Item::Heading(1, _) => {}
            Item::Heading(..) if entries.len() == MOST => {
                faults.add(line, format!("There are more than {MOST} entries."));
                break;
            }
            Item::Heading(_, heading) => {
                let entry = entry(&heading);
                if entry.keys.iter().any(String::is_empty) {
                    faults.add(line, "This entry has an empty name.");
                }
                for (_, other) in &entries {
                    if let Some(twice) = entry.keys.iter().find(|key| other.keys.contains(key)) {
                        faults.add(line, format!("There is an entry for {} already: {}.", quoted(twice), quoted(&other.term)));
                    }
                }
                entries.push((line, entry));
            }
            Item::Settings(..) => faults.add(line, "The glossary has no settings."),
            Item::Block(block) => {
                // What comes before the first entry is for those who write it.
                if let Some((_, entry)) = entries.last_mut() {
                    entry.text.push(block);
                }
            }
        }
    }
    for (line, entry) in &entries {
        if entry.text.is_empty() {
            faults.add(*line, format!("The entry {} says nothing.", quoted(&entry.term)));
        }
    }
    if entries.is_empty() {
        faults.add(1, "There is no entry; an entry begins with a line ## and its term.");
    }
    Glossary { entries: entries.into_iter().map(|(_, entry)| entry).collect() }
}

fn entry(heading: &str) -> GlossaryEntry {
    let mut names = heading.split(',').map(|name| name.trim().to_owned());
    let term = names.next().unwrap_or_default();
    let mut keys = vec![key(&term)];
    let mut aliases = Vec::new();
    for name in names {
        let key = key(&name);
        // A plural has the same key; it says nothing new.
        if !keys.contains(&key) {
            keys.push(key);
            aliases.push(name);
        }
    }
    GlossaryEntry { term, aliases, keys, text: Vec::new() }
}
