//! One key for all ways to write a term.

/// The key of a term: small letters, single spaces, the last word singular as far as its letters tell. Hyphens count as
/// spaces.
#[must_use]
pub fn key(term: &str) -> String {
    let lower = term.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}' | '\u{2011}')).collect();
    let joined = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let ends = |all: &[&str]| all.iter().any(|end| joined.ends_with(end));
    let cut = |length: usize| joined.get(..joined.len() - length).unwrap_or_default();
    match joined.strip_suffix("ies") {
        Some(stem) if stem.len() > 1 => format!("{stem}y"),
        _ if ends(&["ses", "xes", "ches", "shes"]) => cut(2).to_owned(),
        _ if ends(&["s"]) && !ends(&["ss", "us", "is", "ias"]) => cut(1).to_owned(),
        _ => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_hyphens_and_plural_do_not_matter() {
        for (term, expected) in [
            ("Zero point", "zero point"),
            ("zero-points", "zero point"),
            ("bias", "bias"),
            ("Biases", "bias"),
            ("  per-tensor\u{2011}scale", "per tensor scale"),
            ("per tensor  scales", "per tensor scale"),
            ("energies", "energy"),
            ("losses", "loss"),
            ("loss", "loss"),
            ("MSE", "mse"),
            ("histograms", "histogram"),
            ("s", ""),
            ("", ""),
            ("\u{130}s", "i\u{307}"),
        ] {
            assert_eq!(key(term), expected, "{term}");
        }
    }
}
