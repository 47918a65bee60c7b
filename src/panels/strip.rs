//! The layers as a strip: width by bytes, colour by SQNR; the bits written on each can be pulled up and down.

use std::rc::Rc;

use bitdial_protocol::{Bits, QuantizedInfo, QuantizedLayer};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::recipe::{width_in_words, widths};
use crate::charts::sqnr;
use crate::format::bytes;
use crate::kinds::{Kind, Name, names};
use crate::parts::row::effect;
use crate::state::numbers::Numbers;
use crate::state::{Action, Control, Edit, Page, use_page};

/// Pixels of a pull from one width to the next.
const STEP: f64 = 11.0;

/// Layers that have weights, each with a name.
pub fn weighted(info: &QuantizedInfo) -> Vec<(Name, &QuantizedLayer)> {
    let layers: Vec<_> = info.layers.iter().filter(|layer| layer.weight_bits.is_some() || Kind::of(&layer.op) != Kind::Other).collect();
    names(layers.iter().map(|layer| layer.op.as_str())).into_iter().zip(layers).collect()
}

#[derive(Properties)]
pub struct Props {
    /// What the engine says of the layers.
    pub info: Rc<QuantizedInfo>,
    /// Whether it is of the recipe before.
    pub late: bool,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.info, &other.info) && self.late == other.late
    }
}

fn number(width: u8) -> String {
    if width == 32 { "f32".to_owned() } else { width.to_string() }
}

/// Widths that a layer may have for itself.
fn own_widths(page: &Page) -> Vec<Bits> {
    widths().filter(|bits| page.state.chosen.layer_at(&page.state.link.recipe, *bits).is_some()).collect()
}

/// Gives a layer the width `steps` wider than `from`; the recipe's own width is no exception.
fn pull(page: &Page, layer: &str, from: u8, steps: i32, dragging: bool) {
    let widths = own_widths(page);
    let at = widths.iter().position(|bits| bits.get() >= from).unwrap_or(widths.len().saturating_sub(1)) as i32;
    let Some(bits) = widths.get((at + steps).clamp(0, widths.len() as i32 - 1) as usize) else { return };
    let recipe = &page.state.link.recipe;
    if recipe.weights_of(layer).width() != bits.get() {
        let own = Some(*bits).filter(|bits| bits.get() != recipe.weights.width());
        page.dispatch.dispatch(Action::Edit { edit: Edit::LayerBits(layer.to_owned(), own), dragging });
    }
}

/// The strip.
#[component]
pub fn Strip(props: &Props) -> Html {
    let page = use_page();
    let node = use_node_ref();
    // Where the pointer went down, and the width that the layer had there.
    let held = use_mut_ref(|| None::<(String, f64, u8)>);
    let pulled = use_state(|| None::<String>);
    let layers = weighted(&props.info);
    let open = page.state.layer.as_ref();
    let current = layers.iter().position(|(_, layer)| Some(&layer.name) == open).unwrap_or_default();
    let onkeydown = {
        let (node, page) = (node.clone(), page.clone());
        let names: Vec<String> = layers.iter().map(|(_, layer)| layer.name.clone()).collect();
        Callback::from(move |event: KeyboardEvent| {
            // The browser's own shortcuts stay the browser's.
            if event.alt_key() || event.ctrl_key() || event.meta_key() {
                return;
            }
            let (last, key) = (names.len().saturating_sub(1), event.key());
            let steps = match key.as_str() {
                "ArrowUp" => 1,
                "ArrowDown" => -1,
                _ => 0,
            };
            if let (true, Some(layer)) = (steps != 0, names.get(current)) {
                event.prevent_default();
                let width = page.state.link.recipe.weights_of(layer).width();
                return pull(&page, layer, width, steps, true);
            }
            let next = match key.as_str() {
                "ArrowRight" => (current + 1).min(last),
                "ArrowLeft" => current.saturating_sub(1),
                "Home" => 0,
                "End" => last,
                _ => return,
            };
            event.prevent_default();
            // The focus goes on from button to button, or from number to number.
            let part = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            let second = part.is_some_and(|part| part.get_attribute("role").as_deref() == Some("slider"));
            let cell = node.cast::<HtmlElement>().and_then(|strip| strip.children().item(next as u32));
            if let Some(part) = cell.and_then(|cell| cell.children().item(u32::from(second))) {
                let _ = part.unchecked_into::<HtmlElement>().focus();
            }
            if let Some(name) = names.get(next) {
                page.dispatch.dispatch(Action::Open(name.clone()));
            }
        })
    };
    let onpointermove = {
        let (page, held) = (page.clone(), held.clone());
        Callback::from(move |event: PointerEvent| {
            if let Some((layer, y, width)) = &*held.borrow() {
                let steps = ((y - f64::from(event.client_y())) / STEP).round() as i32;
                pull(&page, layer, *width, steps, true);
            }
        })
    };
    let rest = {
        let (held, pulled, dispatch) = (held.clone(), pulled.clone(), page.dispatch.clone());
        move || {
            if held.take().is_some() {
                pulled.set(None);
            }
            dispatch.dispatch(Action::DragEnd);
        }
    };
    let release = {
        let rest = rest.clone();
        Callback::from(move |_: PointerEvent| rest())
    };
    let onfocusout = {
        let rest = rest.clone();
        Callback::from(move |_: FocusEvent| rest())
    };
    let onkeyup = Callback::from(move |_: KeyboardEvent| rest());
    let cell = |(index, (name, layer)): (usize, &(Name, &QuantizedLayer))| {
        let recipe = &page.state.link.recipe;
        let numbers = Numbers::of_weights(&recipe.weights_of(&layer.name));
        let (width, words) = (numbers.width(), width_in_words(numbers));
        let quality = layer.weight_sqnr.map_or("no noise".to_owned(), |db| format!("SQNR {db:.1} dB"));
        // What is read there comes first, so that whoever speaks to the page can say it.
        let label = format!("{}, {}: {}, {} {words}, {}, {quality}", name.short, name.long, layer.op, number(width), bytes(layer.bytes));
        let (colour, ink) = sqnr::colour(layer.weight_sqnr);
        let onclick = {
            let (dispatch, name) = (page.dispatch.clone(), layer.name.clone());
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Open(name.clone())))
        };
        let onpointerdown = {
            let (held, pulled, name, onclick) = (held.clone(), pulled.clone(), layer.name.clone(), page.dispatch.clone());
            let strip = node.clone();
            Callback::from(move |event: PointerEvent| {
                if event.button() != 0 {
                    return;
                }
                // Yew listens at its root, which an event calls its current target: what holds the pointer is named here.
                if let Some(strip) = strip.cast::<HtmlElement>() {
                    let _ = strip.set_pointer_capture(event.pointer_id());
                }
                if let Some(handle) = event.target_dyn_into::<HtmlElement>() {
                    let _ = handle.focus();
                }
                event.prevent_default();
                held.replace(Some((name.clone(), f64::from(event.client_y()), width)));
                pulled.set(Some(name.clone()));
                onclick.dispatch(Action::Open(name.clone()));
            })
        };
        let tabindex = if index == current { "0" } else { "-1" };
        let own = recipe.layers.contains_key(&layer.name);
        let class = classes!("cell", own.then_some("own-width"), (pulled.as_ref() == Some(&layer.name)).then_some("pulled"));
        html! {
            <div key={layer.name.clone()} {class} data-layer={layer.name.clone()} style={format!("flex-grow:{};background:{colour};color:{ink}", layer.bytes)}>
                <button
                    type="button" aria-current={(index == current).to_string()} aria-controls="layer" {tabindex} aria-label={label.clone()} title={label} {onclick}
                ><small>{&name.short}</small></button>
                <b
                    role="slider" {tabindex} aria-label={format!("Weight bits of {}", name.long)} aria-orientation="vertical"
                    aria-valuemin="1" aria-valuemax="32" aria-valuenow={width.to_string()} aria-valuetext={format!("{} {words}", number(width))}
                    title="Pull up or down: bits of this layer alone" {onpointerdown}
                >{number(width)}</b>
            </div>
        }
    };
    let class = classes!("strip", props.late.then_some("late"), (layers.len() > 24).then_some("many"));
    html! {
        <div
            ref={node.clone()} {class} role="group" aria-label="Layers with weights: left and right go to another one, up and down change its bits"
            {onkeydown} {onkeyup} {onfocusout} {onpointermove} onpointerup={release.clone()} onpointercancel={release}
        >
            { for layers.iter().enumerate().map(cell) }
        </div>
    }
}

/// Layers that differ from the recipe, and ways back.
pub fn exceptions(page: &Page, info: Option<&QuantizedInfo>) -> Html {
    let recipe = &page.state.link.recipe;
    let names = info.map(weighted).unwrap_or_default();
    let short = |layer: &str| names.iter().find(|(_, other)| other.name == layer).map_or(layer.to_owned(), |(name, _)| name.short.clone());
    let clear = |only: Option<String>| {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| {
            let mut recipe = page.state.link.recipe.clone();
            recipe.layers.retain(|layer, _| only.as_ref().is_some_and(|only| only != layer));
            page.edit(Edit::Choose("layers", recipe));
        })
    };
    let chip = |layer: &String| {
        let weights = number(recipe.weights_of(layer).width());
        let output = recipe.layers.get(layer).and_then(|own| own.activations?.bits);
        let output = output.map_or(String::new(), |bits| format!(" \u{2192} {}", number(bits.get())));
        let short = short(layer);
        html! {
            <button key={layer.clone()} class="chip" type="button" title="Follows the recipe again" aria-label={format!("{short} has {weights} bits: follow the recipe again")} onclick={clear(Some(layer.clone()))}>
                <b>{short}</b>{" "}{weights}{output}<i aria-hidden="true">{"\u{2715}"}</i>
            </button>
        }
    };
    html! {
        <div class="exceptions" id="exceptions">
            if recipe.layers.is_empty() {
                <span>{"Pull a layer's number up or down to give it bits of its own."}</span>
            } else {
                <span>{"Differ:"}</span>
                { for recipe.layers.keys().map(chip) }
                <button class="chip all" type="button" id="clear-exceptions" onclick={clear(None)} title="All layers follow the recipe again">{"Clear all"}</button>
            }
            { effect(page, &Control::Setting("layers")) }
        </div>
    }
}
