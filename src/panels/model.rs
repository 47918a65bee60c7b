//! The model as a strip of layers: width by bytes, colour by SQNR, bits written on it; one of them is open below.

use std::rc::Rc;

use bitdial_protocol::{QuantizedInfo, QuantizedLayer};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::layer::open_layer;
use crate::charts::sqnr;
use crate::format::{amount, bytes};
use crate::kinds::{Name, names};
use crate::state::bench::Bench;
use crate::state::{Action, Download, use_page};

/// The region.
#[component]
pub fn Model() -> Html {
    let page = use_page();
    let run = page.state.bench.run();
    let info = crate::parts::use_last(run.info.clone().map(|info| (page.state.bench.entry.id.clone(), info)));
    // A strip of another model would be wrong; one of the recipe before is only late.
    let info = info.filter(|(id, _)| *id == page.state.bench.entry.id).map(|(_, info)| info);
    let facts = page.state.bench.loaded.as_ref().map(|loaded| {
        let (parameters, macs) = (amount(loaded.info.parameters), amount(usize::try_from(loaded.info.macs).unwrap_or(usize::MAX)));
        format!("{parameters} parameters, BatchNorm folded \u{b7} {macs} multiply-accumulates per image \u{b7}")
    });
    let onopen = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |name| dispatch.dispatch(Action::Open(name)))
    };
    html! {
        <section aria-labelledby="model-title">
            <h2 id="model-title">{"Model"}<span>{"width: bytes \u{b7} colour: SQNR \u{b7} number: weight bits"}</span></h2>
            <p class="desc">{page.state.bench.entry.description.as_str()}<span class="facts">{facts.unwrap_or_default()}{" "}{memory(&page.state.bench)}{" "}<a href={page.state.bench.entry.card.as_str()}>{"model card"}</a></span></p>
            {
                match (&info, &page.state.download) {
                    (Some(info), _) => html! {
                        <Strip info={info.clone()} open={page.state.layer.clone()} {onopen} late={run.info.is_none()} />
                    },
                    (None, Some(download)) => bar(*download),
                    (None, None) => html! { <div class="strip waiting" aria-busy="true"></div> },
                }
            }
            { sqnr::legend() }
            { open_layer(&page, info.as_deref()) }
        </section>
    }
}

/// The most memory that an inference of the recipe in force takes, against f32.
fn memory(bench: &Bench) -> Html {
    let (Some(info), Some(loaded)) = (&bench.run().info, &bench.loaded) else { return Html::default() };
    let (quantized, float) = (info.memory, loaded.info.memory.total());
    let parts = format!(
        "{} of activations, {} of weights as the kernels keep them, {} for the kernels' own work",
        bytes(quantized.activations),
        bytes(quantized.weights),
        bytes(quantized.scratch)
    );
    let total = quantized.total();
    html! {
        <>
            <span title={parts}>
                {"runs in "}
                <span id="metric-memory" data-metric="memory" data-unit="B" data-kind="computed" data-value={total.to_string()}>
                    {bytes(total).to_string()}
                </span>
                {format!(" of memory, f32 in {}", bytes(float))}
            </span>
            {" \u{b7}"}
        </>
    }
}

/// How much of a large model is here.
fn bar(Download { done, total }: Download) -> Html {
    let text = format!("Fetching the model: {} of {}", bytes(done), bytes(total));
    html! {
        <div class="strip waiting loading" role="progressbar" aria-label="Fetching the model" aria-valuemin="0"
            aria-valuemax={total.to_string()} aria-valuenow={done.to_string()} aria-valuetext={text.clone()}>
            <i style={format!("width:{:.1}%", 100.0 * done as f64 / total.max(1) as f64)}></i>
            <span>{text}</span>
        </div>
    }
}

#[derive(Properties)]
struct StripProps {
    info: Rc<QuantizedInfo>,
    open: Option<String>,
    onopen: Callback<String>,
    late: bool,
}

impl PartialEq for StripProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.info, &other.info) && self.open == other.open && self.late == other.late
    }
}

/// Layers that have weights, each with a name.
pub fn weighted(info: &QuantizedInfo) -> Vec<(Name, &QuantizedLayer)> {
    let layers: Vec<_> = info.layers.iter().filter(|layer| layer.weight_bits.is_some()).collect();
    names(layers.iter().map(|layer| layer.op.as_str())).into_iter().zip(layers).collect()
}

#[component]
fn Strip(props: &StripProps) -> Html {
    let node = use_node_ref();
    let layers = weighted(&props.info);
    let current = layers.iter().position(|(_, layer)| Some(&layer.name) == props.open.as_ref()).unwrap_or_default();
    let onkeydown = {
        let (node, onopen) = (node.clone(), props.onopen.clone());
        let names: Vec<String> = layers.iter().map(|(_, layer)| layer.name.clone()).collect();
        Callback::from(move |event: KeyboardEvent| {
            // The browser's own shortcuts stay the browser's.
            if event.alt_key() || event.ctrl_key() || event.meta_key() {
                return;
            }
            let last = names.len().saturating_sub(1);
            let next = match event.key().as_str() {
                "ArrowRight" | "ArrowDown" => (current + 1).min(last),
                "ArrowLeft" | "ArrowUp" => current.saturating_sub(1),
                "Home" => 0,
                "End" => last,
                _ => return,
            };
            event.prevent_default();
            let strip = node.cast::<HtmlElement>();
            if let Some(tab) = strip.and_then(|strip| strip.children().item(next as u32)) {
                let _ = tab.unchecked_into::<HtmlElement>().focus();
            }
            if let Some(name) = names.get(next) {
                onopen.emit(name.clone());
            }
        })
    };
    let cell = |(index, (name, layer)): (usize, &(Name, &QuantizedLayer))| {
        let bits = layer.weight_bits.unwrap_or_default();
        let quality = layer.weight_sqnr.map_or("no noise".to_owned(), |db| format!("SQNR {db:.1} dB"));
        let label = format!("{}: {}, {bits} bits, {}, {quality}", name.long, layer.op, bytes(layer.bytes));
        let (colour, ink) = sqnr::colour(layer.weight_sqnr);
        let onclick = {
            let name = layer.name.clone();
            props.onopen.reform(move |_| name.clone())
        };
        html! {
            <button
                key={layer.name.clone()} type="button" role="tab" aria-selected={(index == current).to_string()} aria-controls="layer"
                tabindex={if index == current { "0" } else { "-1" }} aria-label={label.clone()} title={label} {onclick}
                style={format!("flex-grow:{};background:{colour};color:{ink}", layer.bytes)}
            >
                <span>{bits}</span><small>{&name.short}</small>
            </button>
        }
    };
    let class = classes!("strip", props.late.then_some("late"), (layers.len() > 24).then_some("many"));
    html! {
        <div ref={node} {class} role="tablist" aria-label="Layers with weights" {onkeydown}>
            { for layers.iter().enumerate().map(cell) }
        </div>
    }
}
