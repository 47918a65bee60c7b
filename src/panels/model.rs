//! The model: what it is, its layers as a strip, and one of them open below.

use yew::prelude::*;

use super::layer::open_layer;
use super::strip::{Strip, exceptions};
use crate::charts::sqnr;
use crate::format::{amount, bytes};
use crate::state::bench::Bench;
use crate::state::{Download, use_page};

/// The region.
#[hook]
pub fn use_model() -> Html {
    let page = use_page();
    let run = page.state.bench.run();
    let info = crate::parts::use_last(run.info.clone().map(|info| (page.state.bench.entry.id.clone(), info)));
    // A strip of another model would be wrong; one of the recipe before is only late.
    let info = info.filter(|(id, _)| *id == page.state.bench.entry.id).map(|(_, info)| info);
    let facts = page.state.bench.loaded.as_ref().map(|loaded| {
        let (parameters, macs) = (amount(loaded.info.parameters), amount(usize::try_from(loaded.info.macs).unwrap_or(usize::MAX)));
        format!("{parameters} parameters, BatchNorm folded \u{b7} {macs} multiply-accumulates per image")
    });
    html! {
        <section aria-labelledby="model-title">
            <h2 id="model-title">{"Model"}<span>{"width: bytes \u{b7} colour: SQNR \u{b7} number: weight bits"}</span></h2>
            // The link stands before what arrives later, so that nothing moves.
            <p class="desc">
                {page.state.bench.entry.description.as_str()}{" "}<a href={page.state.bench.entry.card.as_str()}>{"Model card"}</a>
                <span class="facts">{facts.unwrap_or_default()}{memory(&page.state.bench)}</span>
            </p>
            <div data-part="strip">
                {
                    match (&info, &page.state.download) {
                        (Some(info), _) => html! {
                            <Strip info={info.clone()} late={run.info.is_none()} />
                        },
                        (None, Some(download)) => bar(*download),
                        (None, None) => html! { <div class="strip waiting" aria-busy="true"></div> },
                    }
                }
                { sqnr::legend() }
                { exceptions(&page, info.as_deref()) }
            </div>
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
            {" \u{b7} "}
            <span title={parts}>
                {"runs in "}
                <span id="metric-memory" data-metric="memory" data-unit="B" data-kind="computed" data-value={total.to_string()}>
                    {bytes(total).to_string()}
                </span>
                {format!(" of memory, f32 in {}", bytes(float))}
            </span>
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
