//! Everything that was measured, for programs: all of it as JSON, a line for each recipe as CSV.

use bitdial_protocol::{BackendCheck, Diagnosis, Energy, MemoryUse, Profile, QuantizedInfo, Recipe, Timing};
use serde::Serialize;
use yew::AttrValue;

use crate::charts::{Column, Table};
use crate::json;
use crate::state::bench::Run;
use crate::state::device::{Device, Report};
use crate::state::predictions::Share;
use crate::state::rules::way;
use crate::state::tried::Row;
use crate::state::wording::recipe as recipe_words;
use crate::state::{State, Tried};

/// The fields of a [`Report`], so that a page that is given this reads it as one, and more.
#[derive(Serialize)]
struct Results<'a> {
    kind: &'a str,
    page: &'a str,
    date: &'a str,
    device: &'a Device,
    recipes: &'a [Row],
    model: Model<'a>,
    runs: Vec<Ran<'a>>,
}

/// The model in f32.
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    title: &'a str,
    parameters: usize,
    macs: u64,
    counted: Counted,
    size: Option<usize>,
    energy: Option<Energy>,
    memory: Option<MemoryUse>,
}

/// Hits among images, with the Wilson interval at 95 %.
#[derive(Serialize)]
struct Counted {
    goal: &'static str,
    hits: usize,
    images: usize,
    low: f64,
    high: f64,
}

/// A recipe against f32, image by image.
#[derive(Serialize)]
struct Against {
    images: usize,
    lost: usize,
    gained: usize,
    flipped: usize,
    mcnemar_p: f64,
}

/// A recipe that was run on this visit, with the model and backend in force.
#[derive(Serialize)]
struct Ran<'a> {
    current: bool,
    figures: &'static str,
    recipe: &'a Recipe,
    counted: Counted,
    against_f32: Against,
    latency: Option<Timing>,
    latency_f32: Option<Timing>,
    model: Option<&'a QuantizedInfo>,
    profile: Option<&'a Profile>,
    profile_f32: Option<&'a Profile>,
    diagnosis: Option<&'a Diagnosis>,
    backends: Option<&'a [BackendCheck]>,
}

fn counted(state: &State, share: Share) -> Counted {
    let (low, high) = share.interval();
    Counted { goal: state.bench.goal().name(), hits: share.hits, images: share.n, low, high }
}

fn ran<'a>(state: &'a State, run: &'a Run) -> Ran<'a> {
    let bench = &state.bench;
    let pairs = bench.pairs(&run.predictions);
    let profiles = run.profiles.as_deref();
    Ran {
        current: std::ptr::eq(run, bench.run()),
        figures: way(&run.recipe).kind(),
        recipe: &run.recipe,
        counted: counted(state, bench.share(&run.predictions, usize::MAX)),
        against_f32: Against { images: pairs.n, lost: pairs.lost, gained: pairs.gained, flipped: pairs.flipped, mcnemar_p: pairs.p() },
        latency: run.latency.map(|latency| latency.quantized),
        latency_f32: run.latency.map(|latency| latency.float),
        model: run.info.as_deref(),
        profile: profiles.map(|profiles| &profiles.quantized),
        profile_f32: profiles.map(|profiles| &profiles.float),
        diagnosis: run.diagnosis.as_deref(),
        backends: run.checks.as_ref().map(|checks| &checks[..]),
    }
}

/// All of it.
pub fn json(state: &State, report: &Report) -> Result<String, String> {
    let bench = &state.bench;
    let loaded = bench.loaded.as_ref().map(|loaded| &loaded.info);
    let model = Model {
        id: &bench.entry.id,
        title: &bench.entry.title,
        parameters: bench.entry.parameters,
        macs: bench.entry.macs,
        counted: counted(state, bench.float_share(usize::MAX)),
        size: loaded.map(|info| info.size),
        energy: loaded.map(|info| info.energy),
        memory: loaded.map(|info| info.memory),
    };
    let runs = bench.runs.iter().filter(|run| run.predictions.n() > 0).map(|run| ran(state, run)).collect();
    let Report { kind, page, date, device, recipes } = report;
    json::write(&Results { kind, page, date, device, recipes, model, runs })
}

/// What spreadsheets would take for a formula is text, with the mark that says so to them.
fn text(cell: &str) -> AttrValue {
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}").into() } else { cell.to_owned().into() }
}

/// A line for each recipe tried, of all models.
pub fn csv(tried: &[Tried], report: &Report) -> String {
    let device = &report.device;
    let row = |row: &Tried| -> Vec<AttrValue> {
        let (low, high) = row.share.interval();
        let share = row.share.value().unwrap_or_default();
        let percent = |share: f64| AttrValue::from(format!("{:.2}", share * 100.0));
        let ms = |at: usize| AttrValue::from(row.latency.map_or(String::new(), |both| format!("{:.4}", both[at])));
        vec![
            text(&row.link.model),
            text(&row.name),
            text(&recipe_words(&row.link.recipe)),
            row.link.recipe.weights.width().to_string().into(),
            row.link.recipe.activations.map_or(32, |scheme| scheme.width()).to_string().into(),
            percent(share),
            percent(low),
            percent(high),
            row.share.hits.to_string().into(),
            row.share.n.to_string().into(),
            row.size.to_string().into(),
            ms(0),
            ms(1),
            text(&row.ran),
            way(&row.link.recipe).kind().into(),
            text(&row.key()),
            text(&row.build),
            text(&device.browser),
            device.cores.to_string().into(),
        ]
    };
    let columns = [
        "model",
        "name",
        "recipe",
        "weight bits",
        "activation bits",
        "accuracy %",
        "low 95 %",
        "high 95 %",
        "hits",
        "images",
        "bytes",
        "median ms",
        "f32 median ms",
        "backend",
        "kind",
        "link",
        "version",
        "browser",
        "cores",
    ];
    Table { columns: columns.map(Column::plain).to_vec(), rows: tried.iter().map(row).collect() }.csv()
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::Link;

    use super::*;
    use crate::catalogue;
    use crate::state::tried::BUILD;

    fn state() -> State {
        State::new(Link::new("digits"), catalogue::Entry::find("digits").unwrap())
    }

    #[test]
    fn results_read_as_a_report() {
        let state = state();
        let report = Report::of(&state, Device::of(&state, "A \"browser\"".into(), 4), "2026-01-01".into());
        let text = json(&state, &report).unwrap();
        assert_eq!(json::read::<Report>(&text).unwrap().checked(), Ok(report));
        assert!(text.contains("\"parameters\""), "{text}");
    }

    #[test]
    fn a_line_has_a_cell_for_each_column_and_no_formula() {
        let report = Report::of(&state(), Device::default(), String::new());
        let row = Row {
            link: "model=digits&w=4".into(),
            name: "=1+1, \"x\"".into(),
            hits: 9.0,
            images: 10.0,
            size: 5.0,
            when: 1.0,
            ..Row::default()
        };
        let text = csv(&[Tried { build: BUILD.into(), ..row.tried().unwrap() }], &report);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("\"'=1+1, \"\"x\"\"\"") && lines[1].contains(",90.00,"), "{text}");
        // Two commas are in quotes: of the name and of the recipe's words.
        assert_eq!(lines[1].matches(',').count(), lines[0].matches(',').count() + 2, "{text}");
    }
}
