//! Corrections: which repairs are made, and in which order.

use bitdial_protocol::{Correction, Recipe};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use crate::format::time;
use crate::parts::row::{effect, help};
use crate::state::rules::{rank, refusal};
use crate::state::{Action, Control, Edit, use_page};

/// A correction as people call it, and what it does.
pub fn words(correction: Correction) -> [&'static str; 2] {
    match correction {
        Correction::Cle => [
            "Cross-layer equalization",
            "Moves range from one layer to the next, channel by channel, without changing what the model computes: wide channels no longer set the scale of narrow ones.",
        ],
        Correction::Smooth => {
            ["SmoothQuant", "Moves the outliers of activations into the weights that follow, where scales per channel bear them better."]
        }
        Correction::Adaround => [
            "AdaRound",
            "Learns for every weight whether to round up or down, so that each layer's output changes least. Takes the longest.",
        ],
        Correction::Gptq => {
            ["GPTQ", "Rounds one column of weights after the other and passes each error on to those that are still to come."]
        }
        Correction::Bias => [
            "Bias correction",
            "Measures by how much quantized weights shift each output channel on average, and takes that back in the bias.",
        ],
        Correction::Bn => [
            "BatchNorm re-estimation",
            "Finds mean and spread of each channel again with quantized weights, as BatchNorm found them in training.",
        ],
    }
}

/// A recipe with a correction switched on or off.
fn switched(recipe: &Recipe, correction: Correction) -> Recipe {
    let mut made = recipe.clone();
    let before = made.corrections.len();
    made.corrections.retain(|other| *other != correction);
    if made.corrections.len() == before {
        let at = made.corrections.iter().position(|other| rank(*other) > rank(correction)).unwrap_or(before);
        made.corrections.insert(at, correction);
    }
    made
}

/// A recipe in which the correction at one place has gone to another one, step by step as far as it may.
fn moved(recipe: &Recipe, from: usize, to: usize) -> Result<Recipe, &'static str> {
    let (mut made, mut at) = (recipe.clone(), from);
    while at != to {
        let next = if to > at { at + 1 } else { at - 1 };
        let mut step = made.clone();
        step.corrections.swap(at, next);
        if let Some(why) = refusal(recipe, &step) {
            return if at == from { Err(why) } else { Ok(made) };
        }
        (made, at) = (step, next);
    }
    Ok(made)
}

/// The line of a list at this height, among the first `count`.
fn line_at(list: &HtmlElement, y: f64, count: usize) -> usize {
    let lines = list.children();
    let below = |index: &usize| lines.item(*index as u32).is_some_and(|line| y > line.get_bounding_client_rect().bottom());
    (0..count.saturating_sub(1)).take_while(below).count()
}

/// The card.
#[hook]
pub fn use_corrections() -> Html {
    let page = use_page();
    let list = use_node_ref();
    // The one that the pointer holds, and whether keys just moved one: its handle keeps the focus.
    let held = use_mut_ref(|| None::<Correction>);
    let said = use_state(|| None::<&'static str>);
    let recipe = &page.state.link.recipe;
    let active = recipe.corrections.clone();
    let moving = use_mut_ref(|| None::<Correction>);
    {
        let moving = moving.clone();
        use_effect_with(active.clone(), move |_| {
            let handle = moving.take().and_then(|correction: Correction| gloo::utils::document().get_element_by_id(&grip(correction)));
            if let Some(handle) = handle {
                let _ = handle.unchecked_into::<HtmlElement>().focus();
            }
        });
    }
    let shift = {
        let (page, said) = (page.clone(), said.clone());
        move |correction: Correction, to: usize, dragging: bool| {
            let recipe = &page.state.link.recipe;
            let Some(from) = recipe.corrections.iter().position(|other| *other == correction) else { return };
            match moved(recipe, from, to.min(recipe.corrections.len() - 1)) {
                Ok(made) => {
                    said.set(None);
                    page.dispatch.dispatch(Action::Edit { edit: Edit::Choose(correction.name(), made), dragging });
                }
                Err(why) => said.set(Some(why)),
            }
        }
    };
    let onpointermove = {
        let (list, held, shift, count) = (list.clone(), held.clone(), shift.clone(), active.len());
        Callback::from(move |event: PointerEvent| {
            if let (Some(correction), Some(list)) = (*held.borrow(), list.cast::<HtmlElement>()) {
                shift(correction, line_at(&list, f64::from(event.client_y()), count), true);
            }
        })
    };
    let release = {
        let (held, dispatch) = (held.clone(), page.dispatch.clone());
        Callback::from(move |_: PointerEvent| {
            if held.take().is_some() {
                dispatch.dispatch(Action::DragEnd);
            }
        })
    };
    let handle = |place: usize, correction: Correction| {
        let [name, _] = words(correction);
        let onpointerdown = {
            let (list, held) = (list.clone(), held.clone());
            Callback::from(move |event: PointerEvent| {
                // The list holds the pointer: a line that moves would lose it.
                if let (0, Some(list)) = (event.button(), list.cast::<HtmlElement>()) {
                    let _ = list.set_pointer_capture(event.pointer_id());
                    held.replace(Some(correction));
                }
            })
        };
        let onkeydown = {
            let (shift, moving) = (shift.clone(), moving.clone());
            Callback::from(move |event: KeyboardEvent| {
                let to = match event.key().as_str() {
                    "ArrowUp" => place.saturating_sub(1),
                    "ArrowDown" => place + 1,
                    _ => return,
                };
                event.prevent_default();
                moving.replace(Some(correction));
                shift(correction, to, false);
            })
        };
        let label = format!("{name}, {} of {}: arrow keys move it", place + 1, active.len());
        html! { <button type="button" class="grip" id={grip(correction)} aria-label={label} title="Drag, or use the arrow keys" {onpointerdown} {onkeydown}>{place + 1}</button> }
    };
    let info = page.state.bench.run().info.clone();
    let reports = info.as_deref().map_or(&[][..], |info| &info.corrections);
    let line = |correction: Correction| {
        let place = active.iter().position(|other| *other == correction);
        let [name, text] = words(correction);
        let made = switched(recipe, correction);
        let why = refusal(recipe, &made);
        let onclick = {
            let (page, said) = (page.clone(), said.clone());
            Callback::from(move |_: MouseEvent| {
                said.set(None);
                page.edit(Edit::Choose(correction.name(), made.clone()));
            })
        };
        html! {
            <li key={correction.name()} class={classes!(place.is_some().then_some("on"))} data-correction={correction.name()}>
                if let Some(place) = place { { handle(place, correction) } } else { <i class="grip"></i> }
                { help(correction.name(), name, text) }
                { effect(&page, &Control::Setting(correction.name())) }
                <button
                    type="button" class="switch" role="switch" aria-checked={place.is_some().to_string()} aria-label={name} aria-describedby={format!("help-{}", correction.name())}
                    disabled={place.is_none() && why.is_some()} title={why} {onclick}
                ><i></i></button>
                if let Some(report) = place.and_then(|_| reports.iter().find(|report| report.correction == correction)) {
                    <small class="did" data-ms={report.ms.round().to_string()}>{format!("{} \u{b7} {}", report.summary, time(report.ms))}</small>
                }
            </li>
        }
    };
    let rest = Correction::ALL.into_iter().filter(|correction| !active.contains(correction));
    let reasons: Vec<&str> = rest.clone().filter_map(|correction| refusal(recipe, &switched(recipe, correction))).collect();
    let why = said.or(reasons.first().copied());
    html! {
        <section aria-labelledby="corrections-title" data-part="corrections">
            <h2 id="corrections-title">{"Corrections"}<span>{if active.is_empty() { "repairs after rounding" } else { "in this order" }}</span></h2>
            <ul ref={list.clone()} class="fixes" {onpointermove} onpointerup={release.clone()} onpointercancel={release}>
                { for active.iter().copied().chain(rest).map(line) }
            </ul>
            <p class="refused" role="status">{why.unwrap_or_default()}</p>
        </section>
    }
}

fn grip(correction: Correction) -> String {
    format!("grip-{}", correction.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(names: &str) -> Recipe {
        Recipe::from_json(&format!(r#"{{"corrections":[{names}]}}"#)).unwrap()
    }

    #[test]
    fn corrections_take_their_place_and_move_where_they_may() {
        use Correction::{Adaround, Bias, Bn, Cle, Smooth};
        assert_eq!(switched(&recipe(r#""bias""#), Cle).corrections, [Cle, Bias]);
        assert_eq!(switched(&recipe(r#""smooth","bias""#), Cle).corrections, [Smooth, Cle, Bias]);
        assert_eq!(switched(&recipe(r#""smooth","bias""#), Smooth).corrections, [Bias]);
        let start = recipe(r#""cle","smooth","adaround","bias","bn""#);
        for (from, to, found) in [
            (0, 1, Ok(vec![Smooth, Cle, Adaround, Bias, Bn])),
            // Not beyond what rounds weights.
            (0, 4, Ok(vec![Smooth, Cle, Adaround, Bias, Bn])),
            (4, 3, Ok(vec![Cle, Smooth, Adaround, Bn, Bias])),
            (1, 2, Err(())),
            (2, 3, Err(())),
            (2, 2, Ok(start.corrections.clone())),
        ] {
            assert_eq!(moved(&start, from, to).map(|recipe| recipe.corrections).map_err(|_| ()), found, "{from} to {to}");
        }
    }
}
