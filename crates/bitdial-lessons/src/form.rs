//! Settings in TOML, taken key by key; what is left over at the end is a fault.

use toml::de::{DeTable, DeValue};

use crate::faults::{Faults, line_at};

/// A value and its line in the file.
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: u32,
}

/// A table of settings.
pub struct Form<'a> {
    table: DeTable<'a>,
    /// The TOML that the table was read from.
    source: &'a str,
    /// The file's line of the TOML's first one.
    first: u32,
    /// The line of the table itself.
    pub line: u32,
}

impl<'a> Form<'a> {
    /// Reads TOML that begins at line `first` of the file.
    pub fn read(source: &'a str, first: u32, faults: &mut Faults) -> Option<Self> {
        match DeTable::parse(source) {
            Ok(table) => Some(Self { table: table.into_inner(), source, first, line: first }),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                faults.add(first + line_at(source, at) - 1, format!("This is not TOML: {}.", one_line(error.message())));
                None
            }
        }
    }

    fn line_of(&self, position: usize) -> u32 {
        self.first + line_at(self.source, position) - 1
    }

    fn take(&mut self, key: &str) -> Option<Said<DeValue<'a>>> {
        let value = self.table.remove(key)?;
        let start = value.span().start;
        // Text on several lines begins after the line of its quotes.
        let below = self.source.get(start..).is_some_and(|rest| rest.starts_with("\"\"\"\n") || rest.starts_with("'''\n"));
        Some(Said { value: value.into_inner(), line: self.line_of(start) + u32::from(below) })
    }

    /// Words, if they are there.
    pub fn text(&mut self, key: &str, faults: &mut Faults) -> Option<Said<String>> {
        let Said { value, line } = self.take(key)?;
        match value {
            DeValue::String(text) => Some(Said { value: text.into_owned(), line }),
            other => {
                faults.add(line, format!("{key} takes text in quotes, not {}.", kind(&other)));
                None
            }
        }
    }

    /// Words that have to be there.
    pub fn needed_text(&mut self, key: &str, what: &str, faults: &mut Faults) -> Option<Said<String>> {
        if !self.table.contains_key(key) {
            faults.add(self.line, format!("{what} needs {key} = \"\u{2026}\"."));
            return None;
        }
        let said = self.text(key, faults)?;
        if said.value.trim().is_empty() {
            faults.add(said.line, format!("{key} is empty."));
            return None;
        }
        Some(said)
    }

    /// A number, if it is there.
    pub fn number(&mut self, key: &str, faults: &mut Faults) -> Option<Said<f64>> {
        let Said { value, line } = self.take(key)?;
        let number = match &value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            faults.add(line, format!("{key} takes a number."));
        }
        number.map(|value| Said { value, line })
    }

    /// A list of tables, if it is there.
    pub fn tables(&mut self, key: &str, faults: &mut Faults) -> Option<Vec<Self>> {
        let Said { value, line } = self.take(key)?;
        let DeValue::Array(array) = value else {
            faults.add(line, format!("{key} takes a list, not {}.", kind(&value)));
            return None;
        };
        let mut tables = Vec::new();
        for one in array {
            let line = self.line_of(one.span().start);
            match one.into_inner() {
                DeValue::Table(table) => tables.push(Self { table, source: self.source, first: self.first, line }),
                other => faults.add(line, format!("{key} is a list of {{ \u{2026} }}, and here is {}.", kind(&other))),
            }
        }
        Some(tables)
    }

    /// What is left over is not known.
    pub fn end(self, known: &[&str], faults: &mut Faults) {
        for name in self.table.keys() {
            let line = self.line_of(name.span().start);
            faults.add(line, format!("There is no key {} here; there are {}.", quoted(name.get_ref()), known.join(", ")));
        }
    }
}

fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Somebody's words in a sentence, shortened.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "\u{2026}" } else { "" };
    format!("\u{201c}{}{more}\u{201d}", one_line(&short))
}

/// What a parser says on several lines, on one.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}
