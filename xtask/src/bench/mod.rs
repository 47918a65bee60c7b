//! The bench: bitdial beside other runtimes in one headless Chromium, and its kernels one by one.

mod args;
mod cases;
mod evaluation;
mod kernels;
mod measure;
mod noise;
mod peers;
mod report;
pub mod server;
mod stats;
mod targets;
pub mod webdriver;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;
use serde_json::Value;

use crate::browser::Browser;
use crate::command;
use crate::files;
use crate::project::Project;
use crate::tools::Tools;
use crate::worker::{self, BUILDS};

pub use args::Args;

use kernels::Peaks;
use measure::Lab;
use peers::Peers;
use report::{OfModel, Report};
use server::{Bench, Kind, Root};
use webdriver::Session;

/// Does what the arguments ask for.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    let models = models(project, args)?;
    let browser = Browser::ensure()?;
    let tools = Tools::ensure(project)?;

    // Built on every run: a bench of yesterday's kernels helps nobody.
    let built = project.target.join("bench-built");
    files::fresh_folder(&built)?;
    kernels::build(project, &built.join("kernels"))?;
    let folder = if args.kernels.is_some() { String::new() } else { worker::build(project, &tools, &built)? };
    let peers = if args.peers && args.kernels.is_none() { peers(project) } else { None };

    let server = Bench::start(roots(project, &built, &folder, peers.as_ref()))?;
    let session = Session::start(&browser, args.browser_argument())?;
    let lab = Lab { session: &session, server: &server, args, folder: &folder, retries: Cell::new(0) };
    let header = header(project, args, &session);

    let out = project.root.join(args.out.clone().unwrap_or_else(|| project.target.join("bench")));
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let (name, text, json) = match &args.kernels {
        Some(only) => {
            let rates = kernels::rates(&lab, only)?;
            ensure!(!rates.is_empty(), "no kernel matches");
            let lines = header.iter().map(|(name, value)| format!("- {name}: {value}\n")).collect::<String>();
            ("kernels", format!("{lines}\n{}", kernels::table(&rates)), None)
        }
        None => {
            let report = compare(&lab, header, &models, peers.is_some())?;
            ("bench", report.markdown(), Some(report.json()))
        }
    };
    println!("\n{text}");
    fs::write(out.join(name).with_extension("md"), text)?;
    if let Some(json) = json {
        fs::write(out.join(name).with_extension("json"), format!("{json:#}\n"))?;
    }
    println!("written to {}", out.display());
    Ok(())
}

/// Measures everything.
fn compare(lab: &Lab<'_>, mut header: Vec<(&'static str, String)>, models: &[Value], peers: bool) -> Result<Report> {
    println!("peaks");
    let rates = kernels::rates(lab, &Regex::new(r" \| peak$")?)?;
    let peaks = BUILDS.iter().map(|build| (build.name, Peaks::of(build.name, &rates))).collect();

    let mut found = Vec::new();
    for model in models {
        found.push(OfModel { model: model.clone(), found: lab.model(model, peers)? });
    }
    found.retain(|of| !of.found.is_empty());

    let mut evaluations = Vec::new();
    if lab.args.only.is_none() {
        println!("\nevaluation");
        for model in models {
            evaluations.extend(evaluation::evaluate(lab, model)?);
        }
    }

    let opened = || found.iter().flat_map(|of| &of.found).filter_map(|found| found.opened.as_ref().ok());
    if let Some(dot) = opened().find_map(|opened| opened.dot.clone()) {
        header.push(("relaxed 8-bit dot product", dot));
    }
    header.push(("clock", if opened().all(|opened| opened.isolated) { "5 us" } else { "coarse: not isolated" }.into()));
    header.push(("rounds", format!("{}, {} measurements repeated", lab.args.rounds, lab.retries.get())));
    header.push(("load at the end", load()));
    Ok(Report { header, models: found, peaks, evaluations })
}

/// The entries of models.json that take part.
fn models(project: &Project, args: &Args) -> Result<Vec<Value>> {
    let text = files::read(&project.root.join("models/models.json"))?;
    let all: Vec<Value> = serde_json::from_str(&text).context("models.json is not a list")?;
    for id in &args.models {
        ensure!(all.iter().any(|model| cases::id(model) == *id), "models.json names no {id}");
    }
    Ok(all.into_iter().filter(|model| args.wants_model(&cases::id(model))).collect())
}

/// The other runtimes; without them, and with the reason, if something they need is not here.
fn peers(project: &Project) -> Option<Peers> {
    Peers::prepare(project).map_err(|error| println!("the other runtimes are left out: {error:#}")).ok()
}

fn roots(project: &Project, built: &Path, folder: &str, peers: Option<&Peers>) -> Vec<Root> {
    let root = |prefix, folder, kind| Root { prefix, folder, kind };
    let mut roots = vec![
        root("/bench/", project.root.join("bench/page"), Kind::Bench),
        root("/kernels/", built.join("kernels"), Kind::Bench),
        root("/assets/", project.root.join("assets"), Kind::Bench),
        root("/models/", project.root.join("models"), Kind::Model),
    ];
    if !folder.is_empty() {
        roots.push(root("/bitdial/", built.to_path_buf(), Kind::Runtime));
    }
    if let Some(peers) = peers {
        roots.extend([
            root("/peer-models/", peers.models.clone(), Kind::Model),
            root("/peers/", peers.bundles.clone(), Kind::Runtime),
            root("/litert/", peers.modules.join("@litertjs/core/wasm"), Kind::Runtime),
            root("/ort/", peers.modules.join("onnxruntime-web/dist"), Kind::Runtime),
            root("/tfjs/", peers.modules.join("@tensorflow/tfjs-backend-wasm/dist"), Kind::Runtime),
        ]);
    }
    roots
}

/// What the run is made with.
fn header(project: &Project, args: &Args, session: &Session) -> Vec<(&'static str, String)> {
    let output = |program: &str, words: &[&str]| {
        let found = command::output(Command::new(program).args(words).current_dir(&project.root));
        found.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let flags = args.browser_argument().unwrap_or("none").to_owned();
    vec![
        ("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("commit", output("git", &["describe", "--always", "--dirty"])),
        ("browser", session.browser.clone()),
        ("browser's flags", flags),
        ("processor", processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())),
        ("load at the start", load()),
    ]
}

/// The processor's name, how many there are, and whether it has the instructions that decide about 8 bits.
fn processor(cpuinfo: &str) -> String {
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let vnni = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "avx_vnni"));
    let with = if vnni { "with" } else { "without" };
    format!("{}, {cores} cores, {with} AVX-VNNI", field("model name").unwrap_or("unknown"))
}

/// The load average of the last minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|text| !text.is_empty()).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_described() {
        let text = |flags: &str| format!("processor\t: 0\nmodel name\t: A CPU\nflags\t\t: {flags}\nprocessor\t: 1\nmodel name\t: A CPU\n");
        for (flags, expected) in [
            ("fma avx_vnni", "A CPU, 2 cores, with AVX-VNNI"),
            // V8 does not use these.
            ("fma avx512_vnni", "A CPU, 2 cores, without AVX-VNNI"),
        ] {
            assert_eq!(processor(&text(flags)), expected);
        }
    }
}
