//! Opens the cases of a model, each in a page of its own, and times them in turn, round after round.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::args::Args;
use super::cases::{self, Case};
use super::noise::Noise;
use super::server::{Bench, Size};
use super::stats::{QUIET, Sample, cosine, median, summary};
use super::webdriver::{Page, Session};

/// How often a disturbed measurement is repeated, and all of them together on a machine that does not come to rest.
const RETRIES: u32 = 2;
const MOST_RETRIES: u32 = 40;
/// How long to wait before.
const PAUSE: Duration = Duration::from_secs(1);

/// A case with everything that was found out about it.
pub struct Found {
    pub case: Case,
    /// What opening it said; or why it is not available.
    pub opened: Result<Opened, String>,
    /// A measurement of each round that it took part in.
    pub rounds: Vec<Option<Sample>>,
}

/// What the first inference of a case took, and gave.
pub struct Opened {
    /// Milliseconds: JavaScript and wasm fetched and compiled, model loaded, model quantized, first inference.
    pub start: f64,
    pub load: f64,
    pub quantize: f64,
    pub first: f64,
    pub runtime: Size,
    pub model: Size,
    /// Of the logits with those of the reference.
    pub cosine: f64,
    pub same_class: bool,
    /// What the relaxed dot product does here, where the case probes it.
    pub dot: Option<String>,
    /// Whether the clock ticks every 5 us.
    pub isolated: bool,
    /// The kernels of its layers, in order.
    pub kernels: Vec<String>,
}

/// What is needed to measure.
pub struct Lab<'a> {
    pub session: &'a Session,
    pub server: &'a Bench,
    pub args: &'a Args,
    /// The name of the worker's folder.
    pub folder: &'a str,
    /// Measurements repeated so far.
    pub retries: Cell<u32>,
}

impl Lab<'_> {
    /// A page that has loaded nothing yet.
    pub fn page(&self) -> Result<Page<'_>> {
        self.session.open(&format!("{}/bench/index.html", self.server.address))
    }

    /// Measures every case of a model.
    pub fn model(&self, model: &Value, peers: bool) -> Result<Vec<Found>> {
        let cases = cases::of(model, self.folder, peers).into_iter().filter(|case| self.args.wants_case(&case.name()));
        let cases: Vec<Case> = cases.collect();
        if cases.is_empty() {
            return Ok(Vec::new());
        }
        println!("\n{}", cases::id(model));
        let reference = self.page()?.call("/bench/case.mjs", "open", &json!([cases::reference(model, self.folder)]));
        let reference = numbers(&reference.context("the reference does not run")?["output"]);

        let mut found = Vec::new();
        let mut pages = Vec::new();
        for case in cases {
            let (opened, page) = match self.open(&case, &reference) {
                Ok((opened, page)) => (Ok(opened), Some(page)),
                Err(error) => (Err(format!("{error:#}")), None),
            };
            print_opened(&case, &opened);
            found.push(Found { case, opened, rounds: Vec::new() });
            pages.push(page);
        }
        let (warm_up, duration) = self.args.durations();
        self.round(&mut found, &pages, Turn { ms: warm_up, retries: 0, reverse: false, name: "warm-up" })?;
        found.iter_mut().for_each(|found| found.rounds.clear());
        for round in 0..self.args.rounds {
            // Turned round every other time, so that what drifts meets all of them alike.
            let name = format!("round {}", round + 1);
            self.round(&mut found, &pages, Turn { ms: duration, retries: RETRIES, reverse: round % 2 == 1, name: &name })?;
        }
        Ok(found)
    }

    /// Opens a case as often as it takes for a median, each time in a new page; the last stays open.
    fn open(&self, case: &Case, reference: &[f64]) -> Result<(Opened, Page<'_>)> {
        let mut all = Vec::new();
        let times = if self.args.quick { 1 } else { 3 };
        loop {
            let page = self.page()?;
            self.server.fetched()?;
            all.push(page.call("/bench/case.mjs", "open", &json!([case.spec]))?);
            if all.len() < times {
                continue;
            }
            let (runtime, model) = self.server.fetched()?;
            let ms = |part: &str| median(all.iter().filter_map(|opened| opened[part].as_f64())).unwrap_or(0.0);
            let last = &all[all.len() - 1];
            let output = numbers(&last["output"]);
            let opened = Opened {
                start: ms("start"),
                load: ms("load"),
                quantize: ms("quantize"),
                first: ms("first"),
                runtime,
                model,
                cosine: cosine(&output, reference),
                same_class: largest(&output) == largest(reference),
                dot: last["dot"].as_str().map(String::from),
                isolated: last["isolated"] == true,
                kernels: last["kernels"].as_array().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
            };
            return Ok((opened, page));
        }
    }

    /// One turn of every case.
    fn round(&self, found: &mut [Found], pages: &[Option<Page<'_>>], turn: Turn<'_>) -> Result<()> {
        let name = turn.name;
        let mut order: Vec<usize> = (0..found.len()).collect();
        if turn.reverse {
            order.reverse();
        }
        for i in order {
            let Some(page) = &pages[i] else { continue };
            let sample = self.measure(page, &turn);
            match &sample {
                Ok(s) => println!("  {name}  {:<32} {:>9.3} ms   other CPU {:.2}", found[i].case.short_name(), s.median, s.other),
                Err(error) => println!("  {name}  {:<32} failed: {error:#}", found[i].case.short_name()),
            }
            found[i].rounds.push(sample.ok());
        }
        Ok(())
    }

    /// Measures one case; again when other processes disturbed it, and the least disturbed counts.
    fn measure(&self, page: &Page<'_>, turn: &Turn<'_>) -> Result<Sample> {
        let mut best: Option<Sample> = None;
        for attempt in 0..=turn.retries {
            if attempt > 0 {
                self.retries.set(self.retries.get() + 1);
                thread::sleep(PAUSE);
            }
            let before = Noise::now();
            let timing = page.call("/bench/case.mjs", "measure", &json!([turn.ms]))?;
            let other = before.zip(Noise::now()).map_or(0.0, |(before, after)| after.since(before));
            let part = |name: &str| timing[name].as_f64().with_context(|| format!("no {name} was measured"));
            let sample = Sample { median: part("median")?, p10: part("p10")?, p90: part("p90")?, other };
            if best.is_none_or(|best| other < best.other) {
                best = Some(sample);
            }
            if other <= QUIET || self.retries.get() >= MOST_RETRIES {
                break;
            }
        }
        best.context("nothing was measured")
    }
}

/// One turn of every case.
struct Turn<'a> {
    /// Of each case.
    ms: u32,
    /// How often a disturbed measurement is repeated.
    retries: u32,
    /// Last case first.
    reverse: bool,
    name: &'a str,
}

impl Found {
    /// Over all rounds.
    pub fn summary(&self) -> Option<Sample> {
        summary(&self.rounds)
    }
}

impl Opened {
    /// Until the first inference of the model as it is loaded, quantizing not counted.
    pub fn total(&self) -> f64 {
        self.start + self.load + self.first
    }
}

fn print_opened(case: &Case, opened: &Result<Opened, String>) {
    let name = case.short_name();
    match opened {
        Ok(o) => println!("  opened {name:<32} {:>7.0} ms   cosine {:.4}   {} kB gzip", o.total(), o.cosine, o.runtime.gzip / 1000),
        Err(reason) => println!("  {name} is not available: {reason}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

/// The index of the largest number.
fn largest(numbers: &[f64]) -> Option<usize> {
    (0..numbers.len()).max_by(|&a, &b| numbers[a].total_cmp(&numbers[b]))
}
