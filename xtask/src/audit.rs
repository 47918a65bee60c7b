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

/// Builds the site, serves it and prints what Lighthouse says; fails below the least score.
pub fn run(project: &Project) -> Result<()> {
    let (program, browser) = (tools::lighthouse(project)?, Browser::ensure()?);
    site::build(project)?;
    let server = http::listen(0)?;
    let address = format!("http://{}{}", server.server_addr(), http::BASE);
    let dist = project.dist();
    // It serves until this process ends.
    thread::spawn(move || http::serve(&server, &dist));

    let report = project.target.join("lighthouse.json");
    let mut lighthouse = Command::new(command::find(&["node"]).context("node was not found: install Node.js 20 or later")?);
    lighthouse
        .arg(program)
        .args([&address, "--preset=desktop", "--quiet", "--output=json"])
        .arg(format!("--output-path={}", report.display()))
        .arg(format!("--only-categories={}", CATEGORIES.join(",")))
        .arg("--chrome-flags=--headless --no-sandbox --disable-quic --disable-dev-shm-usage")
        .env("CHROME_PATH", &browser.chrome);
    command::run(&mut lighthouse)?;
    let report: Value = serde_json::from_str(&fs::read_to_string(&report)?)?;
    let (text, low) = summary(&report)?;
    println!("{text}");
    ensure!(low.is_empty(), "below {LEAST} points: {}", low.join(", "));
    Ok(())
}

/// The scores with what took points off them, and the categories that have too few.
fn summary(report: &Value) -> Result<(String, Vec<String>)> {
    let (mut lines, mut low) = (Vec::new(), Vec::new());
    for name in CATEGORIES {
        let category = &report["categories"][name];
        let score = 100.0 * category["score"].as_f64().with_context(|| format!("Lighthouse gave no score for {name}"))?;
        lines.push(format!("{score:>4.0}  {name}"));
        if score < LEAST {
            low.push(name.to_owned());
        }
        for part in category["auditRefs"].as_array().into_iter().flatten() {
            let audit = &report["audits"][part["id"].as_str().unwrap_or_default()];
            let weighs = part["weight"].as_f64().is_some_and(|weight| weight > 0.0);
            if let (true, Some(score)) = (weighs, audit["score"].as_f64().filter(|score| *score < 1.0)) {
                let text = |key: &str| audit[key].as_str().unwrap_or_default().to_owned();
                lines.push(format!("      {:>3.0}  {} {}", 100.0 * score, text("title"), text("displayValue")));
            }
        }
    }
    Ok((lines.join("\n"), low))
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
        let (text, low) = summary(&report).expect("it has scores");
        assert_eq!(text, "  94  performance\n       50  First paint 2 s\n 100  accessibility\n  96  best-practices");
        assert_eq!(low, ["performance"]);
        summary(&json!({})).expect_err("it has no scores");
    }
}
