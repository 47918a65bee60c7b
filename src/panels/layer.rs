//! An opened layer: its weights and the levels they may take, how it runs, and bits of its own.

use bitdial_protocol::{Bits, Execution, QuantizedInfo, QuantizedLayer};
use yew::prelude::*;

use super::model::weighted;
use crate::charts::HistogramChart;
use crate::format::{bytes, percent, time};
use crate::parts::row::effect;
use crate::parts::segmented::segmented;
use crate::state::{Control, Edit, Page};

fn execution(layer: &QuantizedLayer) -> &'static str {
    match layer.execution {
        Execution::Float => "f32",
        Execution::WeightOnly => "f32, weights decoded",
        Execution::Integer => "integers",
        Execution::DynamicInteger => "integers, ranges per image",
        Execution::Movement => "moves data",
    }
}

/// Time of a layer in both models, from the profile.
fn times(page: &Page, layer: &str) -> Option<String> {
    let profiles = page.state.bench.run().profiles.as_ref()?;
    let of = |profile: &bitdial_protocol::Profile| profile.layers.iter().find(|time| time.name == layer).map(|time| time.ms);
    let (quantized, float) = (of(&profiles.quantized)?, of(&profiles.float)?);
    Some(format!("{} \u{b7} f32 {}", time(quantized), time(float)))
}

/// The opened layer; an empty frame before a model is quantized.
pub fn open_layer(page: &Page, info: Option<&QuantizedInfo>) -> Html {
    let layers = info.map(weighted).unwrap_or_default();
    let open = page.state.layer.as_ref().and_then(|name| layers.iter().find(|(_, layer)| layer.name == *name));
    let Some((name, layer)) = open else {
        return html! { <div class="lay" id="layer" aria-busy="true"></div> };
    };
    let detail = page.state.layer_detail();
    let total = info.map_or(1, |info| info.size).max(1);
    let share = format!("{} \u{b7} {} %", bytes(layer.bytes), percent(layer.bytes as f64 / total as f64, 0));
    let quality = layer.weight_sqnr.map_or("no noise".to_owned(), |db| format!("{db:.1} dB"));
    let activations = layer.activation_bits.map_or("f32".to_owned(), |bits| format!("{bits} bits"));
    let ratio = detail
        .as_ref()
        .filter(|detail| !detail.grid.is_empty())
        .map_or("\u{2013}".to_owned(), |detail| format!("{} \u{b7} ranges differ {:.0}\u{d7}", detail.scales, detail.range_ratio));
    let listed = layer.name.trim_start_matches('/').to_owned();
    let facts: [(&str, String); 8] = [
        ("Operator", layer.op.clone()),
        ("In the file", listed),
        ("Bytes", share),
        ("Weight SQNR", quality),
        ("Scales", ratio),
        ("Kernel", layer.kernel.clone()),
        ("Computes in", format!("{} \u{2192} {activations}", execution(layer))),
        ("Time", times(page, &layer.name).unwrap_or("\u{2013}".to_owned())),
    ];
    html! {
        <div class="lay" id="layer" role="tabpanel" aria-label={format!("Layer {}", name.long)}>
            <HistogramChart {detail} bits={layer.weight_bits.unwrap_or_default()} layer={name.long.clone()} />
            <div class="kv">
                <h3>{&name.long}{ effect(page, &Control::LayerBits(layer.name.clone())) }</h3>
                <dl>
                    { for facts.iter().map(|(key, value)| html! {
                        <div key={*key}><dt>{*key}</dt><dd title={value.clone()}>{value}</dd></div>
                    }) }
                </dl>
                { own_bits(page, &layer.name) }
            </div>
        </div>
    }
}

/// Bits of this layer alone.
fn own_bits(page: &Page, layer: &str) -> Html {
    let own = page.state.link.recipe.layers.get(layer).and_then(|layer| layer.weights).and_then(|weights| weights.bits);
    let widths: Vec<Option<Bits>> = std::iter::once(None).chain(Bits::all().map(Some)).collect();
    let options: Vec<AttrValue> = widths.iter().map(|bits| bits.map_or("dial".to_owned(), |bits| bits.to_string()).into()).collect();
    let selected = widths.iter().position(|bits| *bits == own);
    let onselect = {
        let (page, layer) = (page.clone(), layer.to_owned());
        Callback::from(move |index: usize| page.edit(Edit::LayerBits(layer.clone(), widths[index])))
    };
    html! {
        <div class="own">
            <span>{"Bits here"}</span>
            { segmented("own-bits", "Bits of this layer", &options, selected, &onselect) }
        </div>
    }
}
