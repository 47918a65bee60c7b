//! A report of one page, to print or to hand in: a file of its own, without scripts, with every text escaped.

use std::fmt::Write;

use crate::format::{bytes, count, energy, percent, points, time};
use crate::json;
use crate::state::device::Report;
use crate::state::predictions::Goal;
use crate::state::rules::way;
use crate::state::wording::recipe as recipe_words;
use crate::state::{State, Tried};

/// A chart: its title, and its drawing as SVG.
pub struct Figure {
    /// As the page has it.
    pub title: String,
    /// The whole element, as the browser writes it.
    pub svg: String,
}

/// Recipes in the table of those tried.
const MOST_TRIED: usize = 6;

const STYLE: &str = "@page{size:auto;margin:11mm}*{box-sizing:border-box}body{font:13px/1.45 system-ui,sans-serif;color:#15181d;background:#fff;max-width:190mm;\
margin:0 auto;padding:8mm 0}h1{font-size:22px;margin:0}h2{font-size:11px;letter-spacing:.08em;text-transform:uppercase;color:#5b6470;margin:13px 0 5px}\
p{margin:4px 0}.soft{color:#5b6470;font-size:11.5px;overflow-wrap:anywhere}.four{display:grid;grid-template-columns:repeat(4,1fr);gap:10px}\
.four div{border:1px solid #d8d5cd;border-radius:8px;padding:8px 10px}.four b{display:block;font-size:21px}.four span{color:#5b6470;font-size:11px}\
.charts{display:grid;grid-template-columns:1fr 1fr;gap:8px 18px;align-items:end}.charts table{align-self:start}figure{margin:0;padding-left:5px;break-inside:avoid;min-width:0}figcaption{font-size:11px;color:#5b6470}\
svg{max-width:100%;max-height:36mm;height:auto;display:block;overflow:visible}svg text{font:11px system-ui,sans-serif}table{border-collapse:collapse;width:100%;font-size:11.5px}\
td,th{text-align:left;padding:2px 8px 2px 0;border-bottom:1px solid #e8e5dd;vertical-align:top}.n td:not(:first-child),.n th:not(:first-child){text-align:right}\
tr{break-inside:avoid}@media print{body{padding:0;max-width:none;zoom:.78}}";

/// Text as HTML has it.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A table without a head that is drawn apart, or with one.
fn table(class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect::<String>();
        format!("<tr>{cells}</tr>")
    };
    let head = if head.is_empty() { String::new() } else { line("th", &mut head.iter().copied()) };
    let rows = rows.iter().map(|row| line("td", &mut row.iter().map(String::as_str))).collect::<String>();
    format!("<table class=\"{class}\">{head}{rows}</table>")
}

/// The four figures: what they are, how much, and what is to say about them.
fn readouts(state: &State) -> Vec<[String; 3]> {
    let bench = &state.bench;
    let (run, float) = (bench.run(), bench.loaded.as_ref().map(|loaded| &loaded.info));
    let kind = way(&run.recipe).kind();
    let share = bench.share(&run.predictions, usize::MAX);
    let mut found = Vec::new();
    if let Some(value) = share.value() {
        let (low, high) = share.interval();
        let about = format!("{kind} on {} images, 95 % interval {}\u{2013}{} %", count(share.n), percent(low, 1), percent(high, 1));
        found.push([bench.goal().title().to_owned(), format!("{} %", percent(value, 2)), about]);
    }
    if let (Some(info), Some(float)) = (&run.info, float) {
        let about = format!("{} bytes as exported, f32 {}", count(info.size), bytes(float.size));
        found.push(["Size".to_owned(), bytes(info.size).to_string(), about]);
    }
    if let Some(latency) = run.latency {
        let (quantized, float) = (latency.quantized, latency.float);
        let spread = format!("{}\u{2013}{}", time(quantized.p10), time(quantized.p90));
        let about = format!("{kind}, median of {} runs, {spread}; f32 {}", quantized.runs, time(float.median));
        found.push(["Latency".to_owned(), time(quantized.median).to_string(), about]);
    }
    if let (Some(info), Some(float)) = (&run.info, float) {
        let about = format!("estimated, f32 {}", energy(float.energy.total()));
        found.push(["Energy".to_owned(), energy(info.energy.total()).to_string(), about]);
    }
    found
}

/// What the recipe changed, with the test that says whether that could be chance.
fn verdict(state: &State) -> String {
    let pairs = state.bench.pairs(&state.bench.run().predictions);
    let changed = format!("{} of {} predictions differ from f32", count(pairs.flipped), count(pairs.n));
    match (state.bench.goal(), pairs.change()) {
        (Goal::Accuracy, Some(change)) => {
            let p = if pairs.p() < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", pairs.p()) };
            let sides = format!("{} got wrong, {} got right", count(pairs.lost), count(pairs.gained));
            format!("{changed}: {sides}, {} points in all (McNemar, {p}).", points(change, 2))
        }
        _ => format!("{changed}."),
    }
}

fn tried(rows: &[Tried]) -> Vec<Vec<String>> {
    let row = |row: &Tried| {
        let words = recipe_words(&row.link.recipe);
        let (low, high) = row.share.interval();
        vec![
            if row.name.is_empty() { words } else { format!("{} ({words})", row.name) },
            format!("{} % ({}\u{2013}{})", percent(row.share.value().unwrap_or_default(), 2), percent(low, 1), percent(high, 1)),
            count(row.share.n),
            count(row.size),
            row.latency.map_or(String::new(), |[ms, _]| time(ms).to_string()),
        ]
    };
    rows.iter().take(MOST_TRIED).map(row).collect()
}

/// The report. `address` is the link of the recipe; `facts` are the device's, as its card has them.
pub fn paper(state: &State, report: &Report, address: &str, facts: &[(String, String)], charts: &[Figure]) -> String {
    let entry = state.bench.entry;
    let title = format!("{}: {}", entry.title, recipe_words(&state.link.recipe));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light\"><title>{0} \u{b7} bitdial</title><style>{STYLE}</style></head><body>\
         <p class=\"soft\">bitdial: a quantized model, measured in a browser</p><h1>{0}</h1><p class=\"soft\">{1}</p>",
        escape(&title),
        escape(address),
    );
    html.push_str("<h2>Figures</h2><div class=\"four\">");
    for [name, value, about] in readouts(state) {
        // A string takes everything that is written to it.
        let _ = write!(html, "<div><span>{}</span><b>{}</b><span>{}</span></div>", escape(&name), escape(&value), escape(&about));
    }
    let _ = write!(html, "</div><p>{}</p>", escape(&verdict(state)));
    if !charts.is_empty() {
        html.push_str("<h2>Charts</h2><div class=\"charts\">");
        for Figure { title, svg } in charts {
            let _ = write!(html, "<figure>{svg}<figcaption>{}</figcaption></figure>", escape(title));
        }
        html.push_str("</div>");
    }
    let rows = tried(&state.bench.tried);
    if !rows.is_empty() {
        let head = ["recipe", state.bench.goal().name(), "images", "bytes", "median latency"];
        let _ = write!(html, "<h2>Recipes tried</h2>{}", table("n", &head, &rows));
    }
    let mut facts: Vec<Vec<String>> = facts.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect();
    facts.push(vec!["Version of the page".to_owned(), report.page.clone()]);
    facts.push(vec!["Date".to_owned(), report.date.clone()]);
    // Two tables side by side, so that all of it is one page.
    let (left, right) = facts.split_at(facts.len().div_ceil(2));
    let _ = write!(html, "<h2>Device</h2><div class=\"charts\">{}{}</div>", table("", &[], left), table("", &[], right));
    // Without the line breaks of a file: no text in JSON holds one.
    let recipe = json::write(&state.link.recipe).unwrap_or_default();
    let recipe = recipe.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let _ = writeln!(html, "<h2>Recipe</h2><p class=\"soft\">{}</p></body></html>", escape(&recipe));
    html
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bitdial_protocol::{LayerOverride, Link};

    use super::*;
    use crate::catalogue;

    #[test]
    fn every_text_is_escaped() {
        let mut link = Link::new("digits");
        link.recipe.layers = BTreeMap::from([("<script>alert(1)</script>".to_owned(), LayerOverride::default())]);
        let mut state = State::new(link, catalogue::Entry::find("digits").unwrap());
        let row = crate::state::tried::Row {
            link: "model=digits".into(),
            name: "<img src=x onerror=alert(1)>\"'&".into(),
            hits: 1.0,
            images: 2.0,
            build: crate::state::tried::BUILD.into(),
            ..Default::default()
        };
        state.bench.tried = std::rc::Rc::new(vec![row.tried().unwrap()]);
        let report = Report::of(&state, crate::state::device::Device::default(), "<i>".into());
        let chart = Figure { title: "<u>".into(), svg: "<svg></svg>".into() };
        let html = paper(&state, &report, "https://example.org/<s>", &[("<p>".into(), "<q>".into())], &[chart]);
        for bad in ["<script", "<img", "<i>", "<u>", "<s>", "<q>"] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        for good in ["&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;", "&lt;script&gt;", "<svg></svg>", "50.00 %"] {
            assert!(html.contains(good), "no {good} in {html}");
        }
    }
}
