//! The recipe: five choices for a beginner, and everything else for whoever opens it.

mod all;
mod corrections;
mod file;

use bitdial_protocol::{Bits, Format};
use yew::prelude::*;

pub use all::{settings_open, use_all_settings};
pub use corrections::use_corrections;
pub use file::{dropping, use_files};

use crate::parts::dial::{Dial, Stop};
use crate::parts::row::{effect, setting};
use crate::parts::ticks::ticks;
use crate::state::numbers::{Family, Numbers};
use crate::state::rules::{broken, confirmed, refusal, way};
use crate::state::settings::{MODE, WEIGHT_FAMILY, WEIGHT_GROUP, WEIGHT_KIND, WEIGHT_SCALE};
use crate::state::{Action, Control, Edit, Page};

const WEIGHTS: &str = "Bits of each weight: with fewer the model is smaller and its weights are coarser";
const ACTIVATIONS: &str = "Bits of what goes from layer to layer: fewer are coarser, and some are faster";

/// Stops of a dial.
pub fn widths() -> impl Iterator<Item = Bits> {
    Bits::all().chain([Bits::WIDE, Bits::FLOAT])
}

/// What so many bits are, in words.
pub fn width_in_words(numbers: Numbers) -> String {
    let bits = numbers.width();
    match numbers.format {
        _ if bits == 32 => "not quantized".to_owned(),
        Format::Int if bits == 1 => "bit \u{b7} 2 levels".to_owned(),
        Format::Int if bits <= 8 => format!("bits \u{b7} {} levels", 1_u32 << bits),
        _ => format!("{} \u{b7} {}", if bits == 1 { "bit" } else { "bits" }, numbers.name()),
    }
}

/// A stop of a dial, with the numbers it turns to; none where there are none.
fn stop(bits: Bits, numbers: Option<Numbers>, refused: bool) -> Stop {
    let label = if bits.is_float() { "f32".to_owned() } else { bits.to_string() };
    let words = numbers.map_or("not in this family of formats".to_owned(), width_in_words);
    Stop { value: bits.get(), spoken: format!("{label} {words}").into(), label: label.into(), refused: refused || numbers.is_none() }
}

/// A dial with the number it stands at. `at` says which numbers a width has; `edit` turns to it.
fn dial(
    page: &Page,
    [id, label, hint]: [&'static str; 3],
    now: Numbers,
    at: impl Fn(Bits) -> Option<Numbers>,
    edit: fn(Bits) -> Edit,
    control: &Control,
) -> Html {
    let refused = |bits: Bits| {
        let mut link = page.state.link.clone();
        edit(bits).apply(&mut link, &page.state.chosen);
        refusal(&page.state.link.recipe, &link.recipe).is_some()
    };
    let stops: Vec<Stop> = widths().map(|bits| stop(bits, at(bits), refused(bits))).collect();
    let selected = widths().position(|bits| bits.get() == now.width()).unwrap_or_default();
    let onturn = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |stop| {
            if let Some(bits) = widths().nth(stop) {
                dispatch.dispatch(Action::Edit { edit: edit(bits), dragging: true });
            }
        })
    };
    let onrest = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::DragEnd))
    };
    let number = if now.width() == 32 { "f32".to_owned() } else { now.width().to_string() };
    html! {
        <>
            <div class="top">
                <div class="n">{number}<small>{width_in_words(now)}</small></div>
                { effect(page, control) }
            </div>
            <Dial {id} class={if *control == Control::ActivationBits { "a" } else { "" }} {label} {hint} {stops} {selected} {onturn} {onrest} />
        </>
    }
}

/// How weights are stored.
pub fn weights(page: &Page) -> Html {
    let recipe = &page.state.link.recipe;
    let numbers = Numbers::of_weights(&recipe.weights);
    let chosen = page.state.chosen;
    let way = way(recipe);
    let counted = page.state.bench.run().info.as_deref().map(|info| confirmed(info, way)).map_or(String::new(), |(on, all)| match on {
        0 => String::new(),
        on if on == all => format!(" \u{b7} all {all} layers"),
        on => format!(" \u{b7} {on} of {all} layers"),
    });
    html! {
        <section aria-labelledby="weights-title" data-part="weights recipe">
            <h2 id="weights-title">
                {"Weights"}
                <span class={classes!("way", way.kind())} id="way" data-way={way.name()} title={way.meaning()}>{way.name()}{counted}</span>
            </h2>
            <div class="dial">
                { dial(page, ["weight-bits", "Weight bits", WEIGHTS], numbers, |bits| chosen.weights_at(bits), Edit::WeightBits, &Control::WeightBits) }
                { ticks(numbers, recipe.weights.symmetric || !numbers.has_zero_point()) }
            </div>
            { setting(page, &WEIGHT_FAMILY) }
            if Family::of(numbers.format) != Family::Integer {
                { setting(page, &WEIGHT_KIND) }
            }
            { setting(page, &WEIGHT_SCALE) }
            if let Some(fact) = own_scale(numbers) {
                <p class="aside">{fact}</p>
            }
            { setting(page, &WEIGHT_GROUP) }
            { for broken(recipe).map(|why| html! { <p class="refused" role="alert">{why}</p> }) }
        </section>
    }
}

/// What a format says about its scales, where nothing is left to choose.
fn own_scale(numbers: Numbers) -> Option<&'static str> {
    match numbers.format {
        Format::Nvfp4 => Some("Blocks of 16 share a scale in FP8, and all of them one in f32."),
        format if format.block().is_some() => Some("Blocks of 32 neighbours share a power of two: that is their scale."),
        Format::Fp16 | Format::Bf16 => Some("Has range enough of its own: there is no scale."),
        Format::Int if numbers.width() == 1 => Some("A weight of 1 bit is its sign: the scale, or minus the scale. There is no zero."),
        _ => None,
    }
}

/// How activations are represented between layers.
pub fn activations(page: &Page) -> Html {
    let recipe = &page.state.link.recipe;
    let chosen = page.state.chosen;
    let numbers = recipe.activations.map_or(Numbers { bits: Bits::FLOAT, ..Numbers::default() }, |scheme| Numbers::of_activations(&scheme));
    let at = |bits: Bits| if bits.is_float() { chosen.activations.at(bits) } else { chosen.activations_at(bits) };
    html! {
        <section aria-labelledby="activations-title" data-part="activations">
            <h2 id="activations-title">{"Activations"}</h2>
            <div class="dial">
                { dial(page, ["activation-bits", "Activation bits", ACTIVATIONS], numbers, at, Edit::ActivationBits, &Control::ActivationBits) }
            </div>
            { setting(page, &MODE) }
            if recipe.activations.is_none() {
                <p class="aside">{"Only weights are quantized: they are decoded to f32, and everything in between stays f32."}</p>
            }
        </section>
    }
}
