//! The study: what schemes and corrections do to a model's accuracy, on all test images, in the browser.

mod cases;
mod table;

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::bench::server::{Bench, Kind, Root};
use crate::bench::webdriver::{Page, Session};
use crate::browser::Browser;
use crate::files;
use crate::project::Project;
use crate::tools::Tools;
use crate::worker::{self, BUILDS};

use cases::Case;
use table::{Baseline, Row};

/// The page that measures.
const PAGE: &str = "/bench/study.mjs";
/// Runners, as on a machine with two cores.
const WORKERS: u32 = 2;

/// What one run of the study is asked to do.
#[derive(Debug)]
pub struct Args {
    /// Identifier of models.json.
    model: String,
    only: Option<Regex>,
}

impl Args {
    /// Reads the words after `study`.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut args = Self { model: "fashion-mobilenet".to_owned(), only: None };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let value = words.next().with_context(|| format!("{word} needs a value"));
            match word {
                "--model" => args.model = (*value?).to_owned(),
                "--only" => args.only = Some(Regex::new(value?).context("--only takes a regular expression")?),
                _ => bail!("study has no option {word}: `cargo xtask help` lists them"),
            }
        }
        Ok(args)
    }
}

/// Measures every case, prints the table and writes it beside the model.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    let model = model(project, &args.model)?;
    let browser = Browser::ensure()?;
    let tools = Tools::ensure(project)?;
    let built = project.target.join("study-built");
    files::fresh_folder(&built)?;
    let folder = worker::build(project, &tools, &built)?;
    let root = |prefix, folder, kind| Root { prefix, folder, kind };
    let server = Bench::start(vec![
        root("/bench/", project.root.join("bench/page"), Kind::Bench),
        root("/assets/", project.root.join("assets"), Kind::Bench),
        root("/models/", project.root.join("models"), Kind::Model),
        root("/bitdial/", built, Kind::Runtime),
    ])?;
    let session = Session::start(&browser, None)?;
    let page = session.open(&format!("{}/bench/index.html", server.address))?;

    let spec = json!({ "folder": folder, "build": BUILDS[1].name, "model": model, "workers": WORKERS });
    let opened = page.call(PAGE, "open", &json!([spec]))?;
    let baseline = Baseline::of(&opened).context("the model does not run in f32")?;
    println!("\n{}", baseline.line());
    let mut rows = Vec::new();
    for case in cases::all() {
        if args.only.as_ref().is_some_and(|only| !only.is_match(case.name)) {
            continue;
        }
        let row = measure(&page, &case, &baseline).with_context(|| case.name.to_owned())?;
        println!("{}", row.line());
        rows.push(row);
    }
    ensure!(!rows.is_empty(), "no case matches");
    let text = table::markdown(&args.model, &session.browser, &baseline, &rows);
    println!("\n{text}");
    if args.only.is_none() {
        let stem = project.root.join("models").join(format!("{}.study", args.model));
        fs::write(stem.with_extension("study.md"), &text)?;
        fs::write(stem.with_extension("study.csv"), table::csv(&baseline, &rows))?;
        println!("written to models/{}.study.md and .csv", args.model);
    }
    Ok(())
}

fn measure(page: &Page<'_>, case: &Case, baseline: &Baseline) -> Result<Row> {
    let mut recipe = case.recipe();
    let mut searched = None;
    if let Some(bits) = case.average {
        let found = page.call(PAGE, "search", &json!([recipe, bits]))?;
        recipe["layers"] = found["layers"].clone();
        searched = found["ms"].as_f64();
    }
    let measured = page.call(PAGE, "measure", &json!([recipe]))?;
    Row::of(case, recipe, &measured, searched, baseline)
}

/// An entry of models.json with test images.
fn model(project: &Project, id: &str) -> Result<Value> {
    let text = files::read(&project.root.join("models/models.json"))?;
    let all: Vec<Value> = serde_json::from_str(&text).context("models.json is not a list")?;
    let model = all.into_iter().find(|model| model["id"] == id).with_context(|| format!("models.json names no {id}"))?;
    ensure!(!model["test"].is_null(), "{id} has no labelled test images");
    Ok(model)
}
