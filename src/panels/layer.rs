//! An opened layer: its weights and the levels they may take, how it runs, and bits of its own.

use bitdial_protocol::{ActivationOverride, Bits, Execution, LayerOverride, LayerTime, Profile, QuantizedInfo, QuantizedLayer};
use yew::prelude::*;

use super::diagnosis;
use super::recipe::widths;
use super::strip::weighted;
use crate::format::{amount, bytes, decibels, percent, time};
use crate::parts::row::effect;
use crate::parts::segmented::{Segment, segmented};
use crate::speed::{self, UNKNOWN, gmacs, parts, tried};
use crate::state::{Control, Edit, Page};

fn execution(layer: &QuantizedLayer) -> &'static str {
    match layer.execution {
        Execution::Float => "f32",
        Execution::WeightOnly => "f32, weights decoded",
        Execution::Simulated => "simulated in f32",
        Execution::Integer => "integers",
        Execution::DynamicInteger => "integers, ranges per image",
        Execution::Movement => "moves data",
    }
}

/// A layer in both profiles: quantized, f32.
fn times<'a>(page: &'a Page, layer: &str) -> Option<(&'a LayerTime, &'a LayerTime)> {
    let profiles = page.state.bench.run().profiles.as_ref()?;
    let of = |profile: &'a Profile| profile.layers.iter().find(|time| time.name == layer);
    Some((of(&profiles.quantized)?, of(&profiles.float)?))
}

/// How fast it runs, in words: time, what is done in it, rate, the kernels that were tried.
fn speed(times: Option<(&LayerTime, &LayerTime)>) -> [String; 4] {
    let Some((quantized, float)) = times else { return [UNKNOWN; 4].map(str::to_owned) };
    let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let share = speed::share(quantized).map_or(String::new(), |share| format!(" \u{b7} {} % of roofline", percent(share, 0)));
    [
        format!("{} \u{b7} f32 {}", time(quantized.ms), time(float.ms)),
        format!("{} MAC \u{b7} {} moved", amount(whole(quantized.macs)), bytes(whole(quantized.bytes))),
        format!("{} GMAC/s{share}", gmacs(quantized.macs, quantized.ms)),
        tried(&quantized.alternatives).unwrap_or("none".to_owned()),
    ]
}

/// The parts of its time as a bar and in words; as high while they are not known.
fn split(times: Option<(&LayerTime, &LayerTime)>) -> Html {
    let parts = parts(&times.and_then(|(quantized, _)| quantized.phases).unwrap_or_default());
    let all = parts.iter().map(|(_, ms)| ms).sum::<f64>();
    let share = |ms: f64| if all > 0.0 { percent(ms / all, 0) } else { UNKNOWN.to_owned() };
    let words = parts.map(|(name, ms)| format!("{name} {}", share(ms)));
    let part = |(name, ms): &(&'static str, f64)| html! { <i key={*name} style={format!("width:{}%", share(*ms))}></i> };
    html! {
        <>
            <div class="parts" aria-hidden="true">{ for parts.iter().map(part) }</div>
            <p class="desc">{words.join(" \u{b7} ")}{" %"}</p>
        </>
    }
}

/// The opened layer; an empty frame before a model is quantized.
pub fn open_layer(page: &Page, info: Option<&QuantizedInfo>) -> Html {
    let layers = info.map(weighted).unwrap_or_default();
    let open = page.state.layer.as_ref().and_then(|name| layers.iter().find(|(_, layer)| layer.name == *name));
    let Some((name, layer)) = open else {
        return html! { <div class="lay" id="layer" data-part="layer" aria-busy="true"></div> };
    };
    let detail = page.state.layer_detail();
    let total = info.map_or(1, |info| info.size).max(1);
    let share = format!("{} \u{b7} {} %", bytes(layer.bytes), percent(layer.bytes as f64 / total as f64, 0));
    let a = page.state.bench.a();
    let of_a = a.and_then(|a| a.info.as_ref()?.layers.iter().find(|other| other.name == layer.name));
    let quality = decibels(layer.weight_sqnr) + &of_a.map_or(String::new(), |layer| diagnosis::beside(&decibels(layer.weight_sqnr)));
    let activations = layer.activation_bits.map_or("f32".to_owned(), |bits| format!("{bits} bits"));
    let ratio = detail
        .as_ref()
        .filter(|detail| !detail.grid.is_empty())
        .map_or("\u{2013}".to_owned(), |detail| format!("{} \u{b7} ranges differ {:.0}\u{d7}", detail.scales, detail.range_ratio));
    let listed = layer.name.trim_start_matches('/').to_owned();
    let times = times(page, &layer.name);
    // As it was compiled first, until the kernels that were tried say otherwise.
    let kernel = times.map_or(&layer.kernel, |(quantized, _)| &quantized.kernel).clone();
    let [spent, work, rate, tried] = speed(times);
    let timed = a.and_then(|a| a.profiles.as_ref()?.quantized.layers.iter().find(|time| time.name == layer.name));
    let timed = timed.map(|layer| ("Time of A", time(layer.ms).to_string()));
    let overflows = page.state.bench.run().overflows.of(&layer.name).map(|share| ("Sums overflow", format!("{} %", percent(share, 2))));
    let before = [("Operator", layer.op.clone()), ("In the file", listed), ("Bytes", share), ("Weight SQNR", quality)];
    let after = [
        ("Scales", ratio),
        ("Kernel", kernel),
        ("Computes in", format!("{} \u{2192} {activations}", execution(layer))),
        ("Time", spent),
        ("Work", work),
        ("Rate", rate),
        ("Tried", tried),
    ]
    .into_iter()
    .chain(timed)
    .chain(overflows);
    let plain = |(key, value)| (key, value, "");
    let facts = before.into_iter().map(plain).chain(diagnosis::facts(page, &layer.name)).chain(after.map(plain));
    html! {
        <div class="lay" id="layer" data-part="layer" role="tabpanel" aria-label={format!("Layer {}", name.long)}>
            { diagnosis::histograms(page, layer, &name.long) }
            <div class="kv">
                <h3>{&name.long}{ effect(page, &Control::LayerBits(layer.name.clone())) }</h3>
                <dl>
                    { for facts.map(|(key, value, meaning)| html! {
                        <div key={key}><dt title={meaning}>{key}</dt><dd title={value.clone()}>{value}</dd></div>
                    }) }
                </dl>
                { diagnosis::accuracy(page, &layer.name) }
                { split(times) }
                { own_bits(page, &layer.name) }
            </div>
        </div>
    }
}

/// Bits of this layer alone.
fn own_bits(page: &Page, layer: &str) -> Html {
    let recipe = &page.state.link.recipe;
    let own = recipe.layers.get(layer).copied().unwrap_or_default();
    let all: Vec<Option<Bits>> = std::iter::once(None).chain(widths().map(Some)).collect();
    let segments = |has: &dyn Fn(Bits) -> bool| -> Vec<Segment> {
        let label = |bits: &Option<Bits>| match bits {
            None => "dial".into(),
            Some(bits) if bits.is_float() => "f32".into(),
            Some(bits) => bits.to_string().into(),
        };
        let refused = |bits: &Option<Bits>| bits.filter(|bits| !has(*bits)).map(|_| "The family of formats has no such width.");
        all.iter().map(|bits| (label(bits), refused(bits))).collect()
    };
    let at = |own: Option<Bits>| all.iter().position(|bits| *bits == own);
    let weights = segments(&|bits| page.state.chosen.layer_at(recipe, bits).is_some());
    let activations = segments(&|bits| bits.is_float() || page.state.chosen.activations.format.width().is_none());
    let on_weights = {
        let (page, layer) = (page.clone(), layer.to_owned());
        Callback::from(move |index: usize| page.edit(Edit::LayerBits(layer.clone(), widths().nth(index.wrapping_sub(1)))))
    };
    let on_activations = {
        let (page, layer) = (page.clone(), layer.to_owned());
        Callback::from(move |index: usize| {
            let mut recipe = page.state.link.recipe.clone();
            let mut entry = recipe.layers.remove(&layer).unwrap_or_default();
            entry.activations = widths().nth(index.wrapping_sub(1)).map(|bits| ActivationOverride { bits: Some(bits) });
            if entry != LayerOverride::default() {
                recipe.layers.insert(layer.clone(), entry);
            }
            page.edit(Edit::Choose("layers", recipe));
        })
    };
    html! {
        <>
            <div class="layer-bits">
                <span>{"Weight bits"}</span>
                { segmented("own-bits", "Weight bits of this layer", &weights, at(own.weights.and_then(|weights| weights.bits)), &on_weights) }
            </div>
            if recipe.activations.is_some() {
                <div class="layer-bits">
                    <span>{"Output bits"}</span>
                    { segmented("own-activations", "Bits of this layer's output", &activations, at(own.activations.and_then(|a| a.bits)), &on_activations) }
                </div>
            }
        </>
    }
}
