//! The top bar: which model, which kernels, whether they agree, sharing, the theme.

use bitdial_protocol::BackendChoice;
use yew::prelude::*;

use super::picker::Picker;
use super::share::use_share;
use super::theme::use_theme;
use crate::catalogue;
use crate::client::probe::backend_name;
use crate::format::{amount, count, s};
use crate::lessons::lessons_button;
use crate::parts::region::region;
use crate::state::{Edit, Page};

/// The bar.
pub fn top_bar(page: &Page) -> Html {
    html! {
        <header>
            <div class="logo">
                <i aria-hidden="true">{ for (0..8).map(|i| html! { <b key={i} class={classes!((i > 3).then_some("o"))}></b> }) }</i>
                <h1>{"bitdial"}</h1>
            </div>
            { model_picker(page) }
            { backend_picker(page) }
            { badge(page) }
            <div class="sp"></div>
            { lessons_button(page) }
            { region!(use_theme) }
            { region!(use_share) }
        </header>
    }
}

fn model_picker(page: &Page) -> Html {
    let options = catalogue::all().iter().map(|entry| {
        let line = format!("{}: {} parameters", entry.title, amount(entry.parameters));
        (AttrValue::from(entry.id.as_str()), AttrValue::from(line), true)
    });
    let entry = page.state.bench.entry;
    let onselect = {
        let page = page.clone();
        Callback::from(move |id| page.edit(Edit::Model(id)))
    };
    let (title, aside) = (entry.title.as_str().into(), format!("{} parameters", amount(entry.parameters)).into());
    let selected = page.state.link.model.clone().into();
    Picker {
        id: "model",
        label: "Model",
        hint: "The network that is quantized, with its images",
        title,
        aside,
        options: options.collect(),
        selected,
    }
    .view(&onselect)
}

/// A backend as people call it.
pub fn spoken(backend: &str) -> &'static str {
    match backend {
        "scalar" => "scalar reference",
        "simd128" => "SIMD128",
        "relaxed-simd" => "relaxed SIMD",
        "webgpu" => "WebGPU",
        "webgpu-f16" => "WebGPU f16",
        _ => "auto",
    }
}

fn backend_picker(page: &Page) -> Html {
    let choices = page.session.support.choices();
    let best = choices.get(1).map_or("simd128", |choice| backend_name(*choice));
    let options = choices.iter().map(|choice| {
        let name = backend_name(*choice);
        let line = match choice {
            BackendChoice::Auto => format!("Auto: {}", spoken(best)),
            _ => spoken(name).to_owned(),
        };
        let usable = !page.state.bad.iter().any(|bad| bad == if *choice == BackendChoice::Auto { best } else { name });
        let line = if usable { line } else { format!("{line} (wrong on this device)") };
        (AttrValue::from(name), AttrValue::from(line), usable)
    });
    let chosen = page.state.link.backend;
    let in_use = page.state.engine.as_ref().map(|engine| engine.capabilities.backend.as_str());
    let title = spoken(in_use.unwrap_or(if chosen == BackendChoice::Auto { best } else { backend_name(chosen) }));
    let title = if chosen.is_gpu() { title.to_owned() } else { format!("wasm \u{b7} {title}") };
    let software = page.state.engine.as_ref().and_then(|engine| engine.capabilities.gpu.as_ref()).is_some_and(|gpu| gpu.software);
    let aside = page.state.engine.as_ref().map_or("starting\u{2026}".to_owned(), |engine| match software {
        true => "software".to_owned(),
        false => format!("{} worker{}", engine.workers, s(engine.workers)),
    });
    let onselect = {
        let (page, choices) = (page.clone(), choices.clone());
        Callback::from(move |name: String| {
            if let Some(choice) = choices.iter().find(|choice| backend_name(**choice) == name) {
                page.edit(Edit::Backend(*choice));
            }
        })
    };
    let (title, aside, options) = (title.into(), aside.into(), options.collect());
    Picker {
        id: "backend",
        label: "Backend",
        hint: "The kernels that run it: another latency, the same integers",
        title,
        aside,
        options,
        selected: backend_name(chosen).into(),
    }
    .view(&onselect)
}

/// Whether every backend computes the same integers on this device.
fn badge(page: &Page) -> Html {
    let Some(checks) = page.state.bench.run().checks.clone() else {
        return html! { <span class="badge open" data-truth="open">{"backends not compared yet"}</span> };
    };
    let wrong = checks.iter().filter(|check| !check.agrees()).count();
    let line = |check: &bitdial_protocol::BackendCheck| {
        let values = count(usize::try_from(check.values).unwrap_or(usize::MAX));
        let verdict = match check.worst() {
            (0, _) => format!("equal in all {values} values"),
            (off, None) => format!("integers equal, numbers in f32 up to {off} f32 apart in {values} values"),
            _ => {
                let layer = |d: &bitdial_protocol::LayerDifference| format!("{} off in {}", d.most, d.layer);
                format!("{} in {values} values", check.differences.iter().map(layer).collect::<Vec<_>>().join(", "))
            }
        };
        let verdict = format!("{verdict}; the same class for {} of {} images", check.agreeing, check.images);
        html! { <li key={check.backend.clone()}><b>{spoken(&check.backend).to_owned()}</b>{" "}{verdict}</li> }
    };
    let (truth, class, text) = match (wrong, checks.len()) {
        (0, 0) => ("alone", "open", "1 backend, nothing to compare".to_owned()),
        (0, n) => ("agree", "good", format!("\u{2713} {} backends agree", n + 1)),
        (1, _) => ("disagree", "bad", "\u{2717} a backend disagrees".to_owned()),
        (n, _) => ("disagree", "bad", format!("\u{2717} {n} backends disagree")),
    };
    html! {
        <details class={classes!("badge", class)} data-truth={truth}>
            <summary title="Whether all kernels of this browser give the same integers; press to see each">{text}</summary>
            <div class="sheet">
                <p>{"This recipe was run here by every backend below, layer by layer, and compared with the scalar reference. \"Measure every backend\" adds those that this build does not have:"}</p>
                <ul>{ for checks.iter().map(line) }</ul>
            </div>
        </details>
    }
}
