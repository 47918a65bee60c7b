//! What a diagnosis says of the opened layer: noise, values lost, and what accuracy hangs on it.

use bitdial_protocol::{LayerAccuracy, LayerDiagnosis, QuantizedLayer, TensorDiagnosis};
use yew::prelude::*;

use crate::charts::{HistogramChart, Tensor};
use crate::client::Subject;
use crate::format::{count, decibels, percent};
use crate::parts::progress::stoppable;
use crate::speed::UNKNOWN;
use crate::state::bench::Run;
use crate::state::predictions::{Goal, Share};
use crate::state::rules::way;
use crate::state::{Action, Bench, Errand, Page, Phase};

/// What is known of a layer under the recipe of a run.
fn found<'a>(run: &'a Run, layer: &str) -> Option<&'a LayerDiagnosis> {
    run.diagnosis.as_ref()?.layers.iter().find(|found| found.name == layer)
}

/// Decibels in words.
/// Facts for the list: what they are called, what they say, and what they mean.
pub fn facts(page: &Page, layer: &str) -> [(&'static str, String, &'static str); 3] {
    let bench = &page.state.bench;
    let said = |run: &Run| match found(run, layer) {
        None => [UNKNOWN; 3].map(str::to_owned),
        Some(found) => {
            let own = found.activations.as_ref().map_or("f32".to_owned(), |activations| decibels(activations.sqnr));
            [own, decibels(found.only), decibels(found.up_to)]
        }
    };
    let [mut own, mut only, mut up_to] = said(bench.run());
    for (fact, a) in [&mut own, &mut only, &mut up_to].into_iter().zip(bench.a().into_iter().flat_map(said)) {
        fact.push_str(&beside(&a));
    }
    [
        ("Activation SQNR", own, "Signal to noise of the activations that this layer puts out, by their rounding alone"),
        ("Output, it alone", only, "Signal to noise at the model's output with only this layer quantized"),
        ("Output, up to it", up_to, "Signal to noise at the model's output with this layer and all before it quantized"),
    ]
}

/// How many different values a grid has.
fn values(grid: &[f32]) -> usize {
    grid.chunk_by(|a, b| a == b).count()
}

/// How many values there are to take, and why they may be fewer than codes; `whose` they are, if not the whole tensor's.
fn levels(grid: &[f32], bits: u8, whose: Option<String>) -> String {
    let (values, codes) = (values(grid), 1_usize << bits.min(16));
    let mut asides: Vec<String> = whose.into_iter().collect();
    if values < codes {
        asides.push(format!("of {codes} codes, some mean the same number, or none"));
    }
    let aside = if asides.is_empty() { String::new() } else { format!(" ({})", asides.join("; ")) };
    format!("the {values} levels of {bits} bits{aside}")
}

/// What becomes of values.
fn lost(tensor: &TensorDiagnosis) -> String {
    let share = |share: f32| percent(f64::from(share), 1);
    format!("{} % are clipped, {} % are rounded to zero.", share(tensor.clipped), share(tensor.zeroed))
}

/// What A says, behind what is said of the recipe in force.
pub fn beside(a: &str) -> String {
    format!(" \u{b7} A {a}")
}

/// How A is drawn into a histogram, and what becomes of values under it.
fn hanging(tensor: &TensorDiagnosis) -> String {
    format!(" A's levels hang from above: under A {}", lost(tensor))
}

fn ends(tensor: &TensorDiagnosis) -> Option<(f32, f32)> {
    (tensor.low < tensor.high).then_some((tensor.low, tensor.high))
}

/// Histograms of the layer's weights and activations.
pub fn histograms(page: &Page, layer: &QuantizedLayer, name: &str) -> Html {
    let bench = &page.state.bench;
    let diagnosis = found(bench.run(), &layer.name);
    let of_a = bench.a().and_then(|a| found(a, &layer.name));
    let hung = |tensor: Option<&TensorDiagnosis>| tensor.map(|tensor| (tensor.grid.clone(), ends(tensor)));
    let a = [of_a.and_then(|a| a.weights.as_ref()), of_a.and_then(|a| a.activations.as_ref())];
    let detail = page.state.layer_detail();
    let own = diagnosis.and_then(|found| found.weights.as_ref());
    let weights = detail.as_deref().map(|detail| Tensor {
        bars: detail.weights.clone(),
        grid: detail.grid.clone(),
        // Of the same recipe, or not yet.
        ends: own.filter(|_| !detail.grid.is_empty()).and_then(ends),
        a: hung(a[0]),
    });
    let said = match detail.as_deref().filter(|detail| !detail.grid.is_empty()) {
        Some(detail) => {
            let whose = detail.grid_channel.map(|channel| format!("of channel {channel}, the widest"));
            format!(" and {}.", levels(&detail.grid, layer.weight_bits.unwrap_or(32), whose))
        }
        None if layer.weight_bits == Some(32) => ", which stay in f32.".to_owned(),
        None => "; the levels follow.".to_owned(),
    };
    let caption = format!("Weights of {name}{said} {}{}", own.map(lost).unwrap_or_default(), a[0].map(hanging).unwrap_or_default());
    let images = bench.run().diagnosis.as_ref().map_or(0, |diagnosis| diagnosis.images);
    let outputs = diagnosis.and_then(|found| found.activations.as_ref());
    let activations = outputs.map(|tensor| {
        let (bars, grid) = (tensor.histogram.clone(), tensor.grid.clone());
        Tensor { bars, grid, ends: ends(tensor), a: hung(a[1]) }
    });
    let spoken = match outputs {
        Some(tensor) if tensor.grid.is_empty() => {
            format!(
                "Activations of {name} on {images} calibration images; their levels are found on each run, or too many to draw. {}",
                lost(tensor)
            )
        }
        Some(tensor) => {
            let bits = layer.activation_bits.unwrap_or(8);
            format!("Activations of {name} on {images} calibration images and {}. {}", levels(&tensor.grid, bits, None), lost(tensor))
        }
        None if diagnosis.is_some() => format!("Activations of {name} stay in f32."),
        None => format!("Activations of {name}: drawn when the workers have looked for what quantization broke."),
    };
    let spoken = spoken + &outputs.and(a[1]).map(hanging).unwrap_or_default();
    let (model, dragging) = (&*bench.entry.id, page.state.dragging.is_some());
    html! {
        <div class="tensors">
            <HistogramChart what="weights" tensor={weights} {caption} layer={name.to_owned()} {model} {dragging} />
            if !page.state.bench.entry.is_diagnosed() {
                <p class="desc">{"Noise at the output and activations are not looked at in a model of this size."}</p>
            } else if diagnosis.is_none_or(|found| found.activations.is_some()) {
                <HistogramChart what="activations" tensor={activations} caption={spoken} layer={name.to_owned()} {model} {dragging} />
            } else {
                <p class="desc">{spoken}</p>
            }
        </div>
    }
}

/// What errands run on, as far as it is known.
pub fn subject(bench: &Bench) -> Subject {
    let truth = match bench.goal() {
        Goal::Accuracy => bench.truth.to_vec(),
        Goal::Agreement => (0..bench.images()).map_while(|image| bench.baseline.class(image)).collect(),
    };
    Subject { recipe: bench.run().recipe.clone(), truth, macs: bench.entry.macs }
}

/// Accuracy with the layer set apart: measured when it is asked for.
pub fn accuracy(page: &Page, layer: &str) -> Html {
    let state = &page.state;
    let known = state.bench.run().isolated.iter().find(|known| known.name == layer);
    let running = state.errand.as_ref().filter(|(errand, _)| *errand == Errand::Accuracy(layer.to_owned()));
    let onstop = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| {
            page.session.give_up();
            page.dispatch.dispatch(Action::GiveUp);
        })
    };
    let onclick = {
        let (page, layer) = (page.clone(), layer.to_owned());
        Callback::from(move |_: MouseEvent| {
            page.session.send(page.state.generation, Errand::Accuracy(layer.clone()), subject(&page.state.bench));
        })
    };
    // While figures are counted and timed, they come first.
    let disabled = state.phase != Phase::Idle || state.errand.is_some();
    html! {
        <div class="apart" id="apart">
            if let Some(known) = known {
                { measured(&state.bench, known) }
            } else if let Some((_, progress)) = running {
                { stoppable("stop-apart", "setting the layer apart", progress, onstop) }
            } else {
                <button class="btn" type="button" id="measure-apart" {disabled} {onclick} title="Runs the images once with this layer alone quantized, and once with all others">{"Measure accuracy with and without it"}</button>
            }
        </div>
    }
}

/// The two accuracies, beside those of the whole model on the same images.
fn measured(bench: &Bench, known: &LayerAccuracy) -> Html {
    let share = |hits: usize| hits as f64 / known.count.max(1) as f64;
    let kind = way(&bench.run().recipe).kind();
    let figure = |what: &'static str, hits: usize, text: &'static str| {
        let value = percent(share(hits), 1);
        let (low, high) = Share { n: known.count, hits }.interval();
        html! {
            <div><dt>{text}</dt><dd>
                <span data-metric="layer-accuracy" data-part={what} data-value={value.clone()} data-unit="%" data-kind={kind} data-n={known.count.to_string()}>
                    {value.clone()}
                </span>{format!(" % ({}\u{2013}{})", percent(low, 1), percent(high, 1))}
            </dd></div>
        }
    };
    let whole = |predictions| bench.share(predictions, known.count).value().map_or(UNKNOWN.to_owned(), |value| percent(value, 1));
    let (float, all) = (whole(&*bench.baseline), whole(&*bench.run().predictions));
    html! {
        <>
            <dl>
                { figure("only", known.only, "Only it quantized") }
                { figure("except", known.except, "Only it in f32") }
            </dl>
            <p class="desc">{format!("On the first {} images; all quantized {all} %, f32 {float} %.", count(known.count))}</p>
        </>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_and_not_derived() {
        let grid = |n: usize| (0..n).map(|i| i as f32).collect::<Vec<_>>();
        assert_eq!(levels(&grid(16), 4, None), "the 16 levels of 4 bits");
        assert_eq!(levels(&grid(4), 2, Some("of channel 7".into())), "the 4 levels of 2 bits (of channel 7)");
        let two_zeros = [-0.5, -0.0, 0.0, 0.5];
        let said = "the 3 levels of 2 bits (of channel 7; of 4 codes, some mean the same number, or none)";
        assert_eq!(levels(&two_zeros, 2, Some("of channel 7".into())), said);
    }
}
