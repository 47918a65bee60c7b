//! What was found, as rows of a table.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

use super::cases::Case;

/// Standard deviations of a 95 % interval.
const Z: f64 = 1.959_964;

/// The f32 model.
pub struct Baseline {
    labels: Vec<u64>,
    classes: Vec<u64>,
    size: u64,
}

/// One recipe, measured.
pub struct Row {
    name: &'static str,
    recipe: Value,
    correct: usize,
    count: usize,
    /// Points lost against f32.
    drop: f64,
    /// Images that only f32, and only this model classified right.
    flips: (usize, usize),
    size: u64,
    /// How weights are computed with.
    execution: String,
    /// What it took to make, and parts of it.
    ms: f64,
    parts: Vec<(String, f64)>,
    /// SHA-256 of the packed model.
    hash: String,
    bar: Option<f64>,
}

fn numbers(value: &Value) -> Option<Vec<u64>> {
    value.as_array()?.iter().map(Value::as_u64).collect()
}

fn correct(classes: &[u64], labels: &[u64]) -> usize {
    classes.iter().zip(labels).filter(|(a, b)| a == b).count()
}

/// Ends of Wilson's 95 % interval of a share.
fn wilson(hits: usize, n: usize) -> (f64, f64) {
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (middle - half, middle + half)
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

impl Baseline {
    /// What the page said when it opened.
    pub fn of(opened: &Value) -> Option<Self> {
        let (labels, classes) = (numbers(&opened["labels"])?, numbers(&opened["classes"])?);
        (!labels.is_empty() && labels.len() == classes.len()).then_some(Self { labels, classes, size: opened["size"].as_u64()? })
    }

    fn share(&self) -> f64 {
        correct(&self.classes, &self.labels) as f64 / self.labels.len() as f64
    }

    /// For whoever watches.
    pub fn line(&self) -> String {
        format!("f32: {:.2} % of {} images, {} bytes", percent(self.share()), self.labels.len(), self.size)
    }
}

impl Row {
    /// What the page measured.
    pub fn of(case: &Case, recipe: Value, measured: &Value, searched: Option<f64>, baseline: &Baseline) -> Result<Self> {
        let classes = numbers(&measured["classes"]).filter(|classes| classes.len() == baseline.labels.len());
        let classes = classes.context("the model did not classify every image")?;
        let (correct, count) = (correct(&classes, &baseline.labels), classes.len());
        let all = classes.iter().zip(&baseline.classes).zip(&baseline.labels);
        let (mut lost, mut won) = (0, 0);
        for ((now, before), label) in all {
            lost += usize::from(before == label && now != label);
            won += usize::from(before != label && now == label);
        }
        let ms = |value: &Value| value.as_f64().unwrap_or(0.0);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut parts: Vec<(String, f64)> = searched.map(|ms| ("search".to_owned(), ms)).into_iter().collect();
        parts.extend(list(&measured["corrections"]).iter().map(|part| (text(&part["correction"]), ms(&part["ms"]))));
        Ok(Self {
            name: case.name,
            recipe,
            correct,
            count,
            drop: percent(baseline.share() - correct as f64 / count as f64),
            flips: (lost, won),
            size: measured["size"].as_u64().context("the model has no size")?,
            execution: list(&measured["execution"]).iter().map(text).collect::<Vec<_>>().join(", "),
            ms: ms(&measured["ms"]),
            parts,
            hash: text(&measured["hash"]),
            bar: case.bar,
        })
    }

    /// For whoever watches.
    pub fn line(&self) -> String {
        let lost = if self.drop < 0.0 { "more" } else { "less" };
        let accuracy = percent(self.correct as f64 / self.count as f64);
        format!("{}: {accuracy:.2} %, {:.2} {lost} than f32, {} bytes, {:.1} s", self.name, self.drop.abs(), self.size, self.ms / 1e3)
    }

    fn bar(&self) -> String {
        match self.bar {
            Some(bar) if self.drop <= bar => format!("{bar}: kept"),
            Some(bar) => format!("{bar}: **missed**"),
            None => String::new(),
        }
    }

    fn parts(&self) -> String {
        self.parts.iter().map(|(name, ms)| format!("{name} {:.1} s", ms / 1e3)).collect::<Vec<_>>().join(", ")
    }
}

/// All of it for people.
pub fn markdown(model: &str, browser: &str, baseline: &Baseline, rows: &[Row]) -> String {
    let mut text = format!(
        "# {model}: schemes and corrections\n\nMeasured by `cargo xtask study` in {browser} on all {} test images; \
         calibration images come from the training split. The interval is Wilson's, 95 %. *Lost* and *won* are images that \
         only f32, or only this model, classified right. *Bar* is the most points that may be lost.\n\n\
         | recipe | accuracy % | interval | against f32 | lost / won | bytes | runs as | made in | bar |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        baseline.labels.len()
    );
    // Writing to a string cannot fail.
    let (low, high) = wilson(correct(&baseline.classes, &baseline.labels), baseline.labels.len());
    let interval = |(low, high): (f64, f64)| format!("{:.2} to {:.2}", percent(low), percent(high));
    let _ = writeln!(text, "| f32 | {:.2} | {} | | | {} | float | | |", percent(baseline.share()), interval((low, high)), baseline.size);
    for row in rows {
        let parts = if row.parts.is_empty() { String::new() } else { format!(" ({})", row.parts()) };
        let _ = writeln!(
            text,
            "| {} | {:.2} | {} | {:+.2} | {} / {} | {} | {} | {:.1} s{parts} | {} |",
            row.name,
            percent(row.correct as f64 / row.count as f64),
            interval(wilson(row.correct, row.count)),
            -row.drop + 0.0,
            row.flips.0,
            row.flips.1,
            row.size,
            row.execution,
            row.ms / 1e3,
            row.bar(),
        );
    }
    if let Some(back) = taken_back(rows) {
        let _ = writeln!(text, "\nOf what W5A8 per-tensor loses, CLE takes back {back:.0} %.");
    }
    text
}

/// Which part of its loss at W5A8 per-tensor CLE takes back, in percent.
fn taken_back(rows: &[Row]) -> Option<f64> {
    let drop = |name| rows.iter().find(|row| row.name == name).map(|row| row.drop);
    let (before, after) = (drop("W5A8 per-tensor")?, drop("W5A8 per-tensor + CLE")?);
    (before > 0.0).then(|| 100.0 * (before - after) / before)
}

/// All of it for programs.
pub fn csv(baseline: &Baseline, rows: &[Row]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = "name,correct,images,points against f32,lost,won,bytes,execution,milliseconds,sha256,recipe\n".to_owned();
    let count = baseline.labels.len();
    let _ = writeln!(text, "f32,{},{count},0,0,0,{},float,0,,", correct(&baseline.classes, &baseline.labels), baseline.size);
    for row in rows {
        let (name, execution, recipe) = (quoted(row.name), quoted(&row.execution), quoted(&row.recipe.to_string()));
        let (lost, won) = row.flips;
        let _ = writeln!(
            text,
            "{name},{},{},{:.4},{lost},{won},{},{execution},{:.0},{},{recipe}",
            row.correct,
            row.count,
            -row.drop + 0.0,
            row.size,
            row.ms,
            row.hash
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_say_what_was_measured() {
        let opened = json!({ "labels": [1, 2, 3, 4], "classes": [1, 2, 3, 0], "size": 400 });
        let baseline = Baseline::of(&opened).expect("it is one");
        assert_eq!(baseline.line(), "f32: 75.00 % of 4 images, 400 bytes");
        let case = super::super::cases::all().into_iter().find(|case| case.bar == Some(0.2)).expect("there is one");
        let measured = json!({
            "classes": [1, 0, 3, 4], "size": 100, "ms": 1500.0, "hash": "ab", "execution": ["integer"],
            "corrections": [{ "correction": "cle", "summary": "", "ms": 500.0 }],
        });
        let row = Row::of(&case, case.recipe(), &measured, Some(2000.0), &baseline).expect("it is whole");
        assert_eq!((row.flips, row.drop), ((1, 1), 0.0));
        let text = markdown("m", "b", &baseline, std::slice::from_ref(&row));
        let expected =
            "| W8A8 per-channel | 75.00 | 30.06 to 95.44 | +0.00 | 1 / 1 | 100 | integer | 1.5 s (search 2.0 s, cle 0.5 s) | 0.2: kept |";
        assert_eq!(text.lines().last(), Some(expected));
        assert!(csv(&baseline, &[row]).lines().last().is_some_and(|line| line.starts_with("\"W8A8 per-channel\",3,4,0.0000,1,1,100,")));
        let short = json!({ "classes": [1], "size": 1 });
        assert!(Row::of(&case, case.recipe(), &short, None, &baseline).is_err());
    }
}
