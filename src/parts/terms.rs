//! Which term of the glossary the words on the page are.

use yew::prelude::*;

use super::term::Term;

/// Words of the page by their id (of a setting, a correction, a chart, a figure), and the keys of their terms.
pub const TERMS: [(&str, &str); 39] = [
    ("w-format", "quantization"),
    ("w-kind", "bit width"),
    ("w-scale", "granularity"),
    ("w-group", "per group"),
    ("w-range", "symmetric"),
    ("w-clip", "clipping"),
    ("w-round", "rounding"),
    ("a-format", "quantization"),
    ("a-kind", "bit width"),
    ("a-scale", "granularity"),
    ("a-range", "symmetric"),
    ("a-mode", "static quantization"),
    ("calibrate", "calibration"),
    ("deviations", "standard deviation"),
    ("samples", "calibration"),
    ("photos", "calibration"),
    ("seed", "calibration"),
    ("sums", "accumulator"),
    ("overflow", "overflow"),
    ("cle", "cle"),
    ("smooth", "smoothquant"),
    ("adaround", "adaround"),
    ("gptq", "gptq"),
    ("bias", "bias correction"),
    ("bn", "batchnorm re estimation"),
    ("accuracy", "top 1"),
    ("agreement", "agreement"),
    ("size", "quantization"),
    ("latency", "latency"),
    ("energy", "energy estimate"),
    ("accuracy-bits", "bit width"),
    ("accuracy-size", "pareto front"),
    ("accuracy-latency", "pareto front"),
    ("confusion", "confusion matrix"),
    ("layers", "sqnr"),
    ("search", "mixed precision"),
    ("time", "roofline"),
    ("histogram", "clipping"),
    ("backends", "backend"),
];

/// The term of a word.
pub fn of(id: &str) -> Option<&'static str> {
    TERMS.iter().find(|(known, _)| *known == id).map(|(_, term)| *term)
}

/// A title that opens its term, if it has one.
pub fn title(id: &str, title: &str) -> Html {
    match of(id) {
        Some(term) => html! { <Term {term}>{title.to_owned()}</Term> },
        None => title.into(),
    }
}

/// The term of something whose title is a button already, after what is said of it.
pub fn beside(id: &str) -> Html {
    match of(id) {
        Some(term) => html! { <>{" "}<Term {term}>{term}</Term></> },
        None => Html::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_entry_in_the_glossary() {
        let glossary = bitdial_lessons::glossary("assets/glossary.md", include_str!("../../assets/glossary.md")).unwrap();
        for (at, (id, term)) in TERMS.iter().enumerate() {
            assert!(glossary.entries.iter().any(|entry| entry.keys.iter().any(|key| key == term)), "{id}: {term}");
            assert!(TERMS[..at].iter().all(|(other, _)| other != id), "{id} twice");
        }
    }
}
