//! Lighthouse on the built site, as a desktop's browser sees it, under a sub-path.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::browser::Browser;
use crate::command;
use crate::http;
use crate::project::Project;
use crate::site;
use crate::tools;

/// What is judged.
const CATEGORIES: [&str; 3] = ["performance", "accessibility", "best-practices"];
/// Points of 100 that each must have.
const LEAST: f64 = 95.0;
/// How often it looks: its reading of times varies with the machine, and the median is judged.
const RUNS: usize = 3;

/// Builds the site, serves it compressed and prints what Lighthouse says of each run; fails if a median is below the least score.
pub fn run(project: &Project) -> Result<()> {
    let (program, browser) = (tools::lighthouse(project)?, Browser::ensure()?);
    site::build(project)?;
    let server = http::listen(0)?;
    let address = format!("http://{}{}", server.server_addr(), http::BASE);
    let dist = project.dist();
    // It serves until this process ends.
    thread::spawn(move || http::serve(&server, &dist));

    let report = project.target.join("lighthouse.json");
    let node = command::find(&["node"]).context("node was not found: install Node.js 20 or later")?;
    let mut reports = Vec::new();
    for run in 1..=RUNS {
        let mut lighthouse = Command::new(&node);
        lighthouse
            .arg(&program)
            .args([&address, "--preset=desktop", "--quiet", "--output=json"])
            .arg(format!("--output-path={}", report.display()))
            .arg(format!("--only-categories={}", CATEGORIES.join(",")))
            .arg("--chrome-flags=--headless --no-sandbox --disable-quic --disable-dev-shm-usage")
            .env("CHROME_PATH", &browser.chrome);
        command::run(&mut lighthouse)?;
        let report: Value = serde_json::from_str(&fs::read_to_string(&report)?)?;
        println!("run {run} of {RUNS}\n{}", summary(&report)?);
        reports.push(report);
    }
    let (text, low) = verdict(&reports)?;
    println!("{text}");
    ensure!(low.is_empty(), "below {LEAST} points: {}", low.join(", "));
    Ok(())
}

/// Points of 100 in a category.
fn points(report: &Value, name: &str) -> Result<f64> {
    let score = report["categories"][name]["score"].as_f64();
    Ok(100.0 * score.with_context(|| format!("Lighthouse gave no score for {name}"))?)
}

/// The median of each category with the runs that it is of, and the categories that have too few points.
fn verdict(reports: &[Value]) -> Result<(String, Vec<String>)> {
    let (mut lines, mut low) = (vec!["median".to_owned()], Vec::new());
    for name in CATEGORIES {
        let mut scores = reports.iter().map(|report| points(report, name)).collect::<Result<Vec<f64>>>()?;
        let runs: Vec<String> = scores.iter().map(|score| format!("{score:.0}")).collect();
        scores.sort_by(f64::total_cmp);
        let median = *scores.get(scores.len() / 2).context("Lighthouse was not run")?;
        lines.push(format!("{median:>4.0}  {name} ({})", runs.join(", ")));
        if median < LEAST {
            low.push(name.to_owned());
        }
    }
    Ok((lines.join("\n"), low))
}

/// The scores of a run with what took points off them.
fn summary(report: &Value) -> Result<String> {
    let mut lines = Vec::new();
    for name in CATEGORIES {
        let category = &report["categories"][name];
        lines.push(format!("{:>4.0}  {name}", points(report, name)?));
        for part in category["auditRefs"].as_array().into_iter().flatten() {
            let audit = &report["audits"][part["id"].as_str().unwrap_or_default()];
            let weighs = part["weight"].as_f64().is_some_and(|weight| weight > 0.0);
            if let (true, Some(score)) = (weighs, audit["score"].as_f64().filter(|score| *score < 1.0)) {
                let text = |key: &str| audit[key].as_str().unwrap_or_default().to_owned();
                lines.push(format!("      {:>3.0}  {} {}", 100.0 * score, text("title"), text("displayValue")));
            }
        }
    }
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scores_are_read_with_what_is_behind_them() {
        let part = |id: &str, weight: f64| json!({ "id": id, "weight": weight });
        let report = json!({
            "categories": {
                "performance": { "score": 0.94, "auditRefs": [part("paint", 10.0), part("quick", 10.0), part("hint", 0.0)] },
                "accessibility": { "score": 1, "auditRefs": [] },
                "best-practices": { "score": 0.96, "auditRefs": [] },
            },
            "audits": {
                "paint": { "score": 0.5, "title": "First paint", "displayValue": "2 s" },
                "quick": { "score": 1, "title": "Quick" },
                "hint": { "score": 0, "title": "Hint" },
            },
        });
        let text = summary(&report).expect("it has scores");
        assert_eq!(text, "  94  performance\n       50  First paint 2 s\n 100  accessibility\n  96  best-practices");
        summary(&json!({})).expect_err("it has no scores");
    }

    #[test]
    fn the_median_is_judged_and_every_run_told() {
        let report = |performance: f64, practices: f64| {
            let score = |score: f64| json!({ "score": score });
            json!({ "categories": { "performance": score(performance), "accessibility": score(1.0), "best-practices": score(practices) } })
        };
        let of = |reports: &[Value]| verdict(reports).expect("all have scores");
        let (text, low) = of(&[report(0.98, 0.95), report(0.6, 0.94), report(0.97, 0.9)]);
        assert_eq!(text, "median\n  97  performance (98, 60, 97)\n 100  accessibility (100, 100, 100)\n  94  best-practices (95, 94, 90)");
        assert_eq!(low, ["best-practices"]);
        verdict(&[]).expect_err("nothing was run");
        verdict(&[report(1.0, 1.0), json!({})]).expect_err("a run without scores");
    }
}
