//! An opened layer: its weights and the levels they may take, how it runs, and bits of its own.

use std::rc::Rc;

use bitdial_protocol::{Bits, Execution, QuantizedInfo, QuantizedLayer};
use yew::prelude::*;

use super::model::weighted;
use crate::charts::HistogramChart;
use crate::format::{bytes, percent, time};
use crate::parts::row::Effect;
use crate::parts::segmented::Segmented;
use crate::state::{Control, Edit, Page, use_page};

#[derive(Properties)]
pub struct Props {
    /// The quantized model.
    pub info: Option<Rc<QuantizedInfo>>,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        match (&self.info, &other.info) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

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
#[component]
pub fn OpenLayer(props: &Props) -> Html {
    let page = use_page();
    let layers = props.info.as_deref().map(weighted).unwrap_or_default();
    let open = page.state.layer.as_ref().and_then(|name| layers.iter().find(|(_, layer)| layer.name == *name));
    let Some((short, layer)) = open else {
        return html! { <div class="lay" id="layer" aria-busy="true"></div> };
    };
    let detail = page.state.detail.clone();
    let total = props.info.as_ref().map_or(1, |info| info.size).max(1);
    let share = format!("{} \u{b7} {} %", bytes(layer.bytes), percent(layer.bytes as f64 / total as f64, 0));
    let quality = layer.weight_sqnr.map_or("no noise".to_owned(), |db| format!("{db:.1} dB"));
    let activations = layer.activation_bits.map_or("f32".to_owned(), |bits| format!("{bits} bits"));
    let ratio = detail.as_ref().map_or("\u{2013}".to_owned(), |detail| match detail.scales {
        1 => format!("1 scale \u{b7} channels differ {:.0}\u{d7}", detail.range_ratio),
        n => format!("{n} scales \u{b7} channels differ {:.0}\u{d7}", detail.range_ratio),
    });
    let name = layer.name.trim_start_matches('/').to_owned();
    let facts: [(&str, String); 8] = [
        ("Operator", layer.op.clone()),
        ("In the file", name),
        ("Bytes", share),
        ("Weight SQNR", quality),
        ("Scales", ratio),
        ("Kernel", layer.kernel.clone()),
        ("Computes in", format!("{} \u{2192} {activations}", execution(layer))),
        ("Time", times(&page, &layer.name).unwrap_or("\u{2013}".to_owned())),
    ];
    html! {
        <div class="lay" id="layer" role="tabpanel" aria-label={format!("Layer {short}")}>
            <HistogramChart {detail} bits={layer.weight_bits.unwrap_or_default()} layer={short.clone()} />
            <div class="kv">
                <h3>{short}<Effect control={Control::LayerBits(layer.name.clone())} /></h3>
                <dl>
                    { for facts.iter().map(|(key, value)| html! {
                        <div key={*key}><dt>{*key}</dt><dd title={value.clone()}>{value}</dd></div>
                    }) }
                </dl>
                <OwnBits layer={layer.name.clone()} />
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct OwnBitsProps {
    layer: String,
}

/// Bits of this layer alone.
#[component]
fn OwnBits(props: &OwnBitsProps) -> Html {
    let page = use_page();
    let own = page.state.link.recipe.layers.get(&props.layer).and_then(|layer| layer.weights).and_then(|weights| weights.bits);
    let widths: Vec<Option<Bits>> = std::iter::once(None).chain(Bits::all().map(Some)).collect();
    let options: Vec<AttrValue> = widths.iter().map(|bits| bits.map_or("dial".to_owned(), |bits| bits.to_string()).into()).collect();
    let selected = widths.iter().position(|bits| *bits == own);
    let onselect = {
        let (page, layer) = (page.clone(), props.layer.clone());
        Callback::from(move |index: usize| page.edit(Edit::LayerBits(layer.clone(), widths[index])))
    };
    html! {
        <div class="own">
            <span>{"Bits here"}</span>
            <Segmented name="own-bits" label="Bits of this layer" {options} {selected} {onselect} />
        </div>
    }
}
