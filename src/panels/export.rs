//! What was measured, as files: a table, all of it for programs, and a report to print.

use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

use super::device::{facts, report};
use crate::charts::save;
use crate::report::{Figure, csv, json, paper};
use crate::state::{Action, Page, Severity, address, use_page};

/// The charts that are drawn, as the page shows them: their titles and drawings.
fn charts() -> Vec<Figure> {
    let document = gloo::utils::document();
    let Ok(sections) = document.query_selector_all("section.chart") else { return Vec::new() };
    let element = |of: &Element, what: &str| of.query_selector(what).ok().flatten();
    let figure = |index: u32| {
        let section: Element = sections.item(index)?.dyn_into().ok()?;
        let svg = element(&section, ".plot svg")?;
        // A chart without figures is an empty drawing.
        svg.first_element_child()?;
        let title = element(&section, "h2")?.first_child()?.text_content()?;
        Some(Figure { title, svg: svg.outer_html() })
    };
    (0..sections.length()).filter_map(figure).collect()
}

/// One of the files: what it is called, what it is, and its text.
type Made = Result<(&'static str, &'static str, String), String>;

fn keep(page: &Page, make: fn(&Page) -> Made) -> Callback<MouseEvent> {
    let page = page.clone();
    Callback::from(move |_: MouseEvent| {
        let saved = make(&page).and_then(|(end, kind, text)| {
            let name = format!("bitdial-{}.{end}", page.state.link.model);
            save(&name, kind, &text.as_str().into()).map_err(|error| format!("{error:?}"))
        });
        if let Err(error) = saved {
            page.dispatch.dispatch(Action::Tell(Severity::Error, format!("The file could not be written: {error}")));
        }
    })
}

/// The buttons.
#[hook]
pub fn use_result_files() -> Html {
    let page = use_page();
    let table = |page: &Page| -> Made { Ok(("results.csv", "text/csv", csv(&page.state.tried, &report(page)))) };
    let data = |page: &Page| -> Made { Ok(("results.json", "application/json", json(&page.state, &report(page))?)) };
    let print = |page: &Page| -> Made {
        let report = report(page);
        let text = paper(&page.state, &report, &address::full(&page.state.link), &facts(&report.device), &charts());
        Ok(("report.html", "text/html", text))
    };
    let ready = page.state.bench.run().predictions.n() > 0;
    html! {
        <>
            <button class="btn" type="button" id="export-csv" disabled={page.state.tried.is_empty()} onclick={keep(&page, table)} title="A line for every recipe tried, for spreadsheets">{"Results CSV"}</button>
            <button class="btn" type="button" id="export-json" disabled={!ready} onclick={keep(&page, data)} title="Everything that was measured, layer by layer, for programs">{"Results JSON"}</button>
            <button class="btn" type="button" id="export-report" disabled={!ready} onclick={keep(&page, print)} title="One page with figures, charts and device, to print or to hand in">{"Report"}</button>
        </>
    }
}
