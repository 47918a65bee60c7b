//! Numbers as the page writes them.

/// A minus that is as wide as a plus.
const MINUS: char = '\u{2212}';

/// `12345` as `12,345`.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as percent with `digits` decimals, without the sign.
pub fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$}", share * 100.0)
}

/// A difference of two shares in points, always with a sign: `+3.1`, `−0.02`.
pub fn points(difference: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", (difference * 100.0).abs());
    let zero = text.chars().all(|c| c == '0' || c == '.');
    match () {
        () if zero => format!("\u{b1}{text}"),
        () if difference > 0.0 => format!("+{text}"),
        () => format!("{MINUS}{text}"),
    }
}

/// A quantity and its unit, apart, so that they can be set in two sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Three significant digits or so.
    pub value: String,
    /// Its unit.
    pub unit: &'static str,
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.value, self.unit)
    }
}

fn scaled(value: f64, units: &[(f64, &'static str)]) -> Quantity {
    let &(factor, unit) = units.iter().rfind(|(factor, _)| value.abs() >= *factor).unwrap_or(&units[0]);
    Quantity { value: significant(value / factor), unit }
}

/// About three significant digits, never in scientific notation.
pub fn significant(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// Bytes in decimal units.
pub fn bytes(n: usize) -> Quantity {
    scaled(n as f64, &[(1.0, "B"), (1e3, "kB"), (1e6, "MB")])
}

/// A time given in milliseconds.
pub fn time(ms: f64) -> Quantity {
    scaled(ms, &[(1e-3, "\u{b5}s"), (1.0, "ms"), (1e3, "s")])
}

/// An energy given in picojoules.
pub fn energy(pj: f64) -> Quantity {
    scaled(pj, &[(1.0, "pJ"), (1e3, "nJ"), (1e6, "\u{b5}J"), (1e9, "mJ")])
}

/// `41.8 dB`, signal to noise; without noise it has none.
pub fn decibels(db: Option<f32>) -> String {
    db.map_or("no noise".to_owned(), |db| format!("{db:.1} dB"))
}

/// How many: `63.6 k`, `4.65 M`.
pub fn amount(n: usize) -> String {
    let q = scaled(n as f64, &[(1.0, ""), (1e3, "\u{202f}k"), (1e6, "\u{202f}M"), (1e9, "\u{202f}G")]);
    format!("{}{}", q.value, q.unit)
}

/// How a figure compares with the one of f32, as a factor of at least 1 and a word: `3.9×` `smaller`.
pub fn factor(quantized: f64, float: f64, less: &'static str, more: &'static str) -> Option<(String, &'static str)> {
    if !(quantized > 0.0 && float > 0.0) {
        return None;
    }
    let (ratio, word) = if quantized <= float { (float / quantized, less) } else { (quantized / float, more) };
    Some((format!("{}\u{d7}", if ratio >= 9.95 { format!("{ratio:.0}") } else { format!("{ratio:.1}") }), word))
}

/// What makes a noun plural.
pub fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (text, expected) in [
            (count(7), "7"),
            (count(999), "999"),
            (count(10_000), "10,000"),
            (count(1_234_567), "1,234,567"),
            (percent(0.93338, 1), "93.3"),
            (points(0.0314, 1), "+3.1"),
            (points(-0.0002, 2), "\u{2212}0.02"),
            (points(-0.00001, 1), "\u{b1}0.0"),
            (bytes(512).to_string(), "512 B"),
            (bytes(36_412).to_string(), "36.4 kB"),
            (bytes(18_809_877).to_string(), "18.8 MB"),
            (time(0.0421).to_string(), "42.1 \u{b5}s"),
            (time(0.421).to_string(), "421 \u{b5}s"),
            (time(1.5).to_string(), "1.50 ms"),
            (time(2_500.0).to_string(), "2.50 s"),
            (energy(29_100_000.0).to_string(), "29.1 \u{b5}J"),
            (amount(63_594), "63.6\u{202f}k"),
        ] {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn factors_say_which_way() {
        for (q, f, expected) in [(1.0, 3.9, Some(("3.9\u{d7}", "less"))), (2.0, 1.0, Some(("2.0\u{d7}", "more"))), (0.0, 1.0, None)] {
            assert_eq!(factor(q, f, "less", "more"), expected.map(|(t, w)| (t.to_owned(), w)));
        }
        assert_eq!(factor(1.0, 25.3, "less", "more").unwrap().0, "25\u{d7}");
    }
}
