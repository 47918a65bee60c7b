//! The dial: a slider of a few stops, turned by pointer, touch or keys.

use web_sys::HtmlElement;
use yew::prelude::*;

/// One stop of a dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its number.
    pub value: u8,
    /// What is written on it.
    pub label: AttrValue,
    /// What it means, spoken.
    pub spoken: AttrValue,
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names the dial, for people and for the `id`.
    pub id: AttrValue,
    /// What it sets.
    pub label: AttrValue,
    /// Its stops, from the left.
    pub stops: Vec<Stop>,
    /// The stop in force.
    pub selected: usize,
    /// Told the new stop.
    pub onturn: Callback<usize>,
    /// Told when finger or key is up.
    pub onrest: Callback<()>,
    /// Looks of its own.
    #[prop_or_default]
    pub class: Classes,
}

/// The stop under a pointer, by the cells' places.
fn stop_at(dial: &HtmlElement, x: f64, stops: usize) -> usize {
    let cells = dial.children();
    let mut nearest = (f64::MAX, 0);
    for index in 0..cells.length() {
        let Some(cell) = cells.item(index) else { continue };
        let place = cell.get_bounding_client_rect();
        let distance = (x - place.x().max(x.min(place.x() + place.width()))).abs();
        if distance < nearest.0 {
            nearest = (distance, index as usize);
        }
    }
    nearest.1.min(stops - 1)
}

/// Where a key takes the dial; `None` for other keys.
fn key_target(key: &str, selected: usize, last: usize) -> Option<usize> {
    Some(match key {
        "ArrowRight" | "ArrowUp" => (selected + 1).min(last),
        "ArrowLeft" | "ArrowDown" => selected.saturating_sub(1),
        "PageUp" => (selected + 2).min(last),
        "PageDown" => selected.saturating_sub(2),
        "Home" => 0,
        "End" => last,
        _ => return None,
    })
}

/// The dial.
#[component]
pub fn Dial(props: &Props) -> Html {
    let node = use_node_ref();
    let held = use_mut_ref(|| false);
    let last = props.stops.len() - 1;
    let (count, selected) = (props.stops.len(), props.selected);

    let turn = {
        let (node, onturn) = (node.clone(), props.onturn.clone());
        move |event: &PointerEvent| {
            if let Some(dial) = node.cast::<HtmlElement>() {
                onturn.emit(stop_at(&dial, f64::from(event.client_x()), count));
            }
        }
    };
    let onpointerdown = {
        let (node, held, turn) = (node.clone(), held.clone(), turn.clone());
        Callback::from(move |event: PointerEvent| {
            if event.button() != 0 {
                return;
            }
            if let Some(dial) = node.cast::<HtmlElement>() {
                let _ = dial.set_pointer_capture(event.pointer_id());
                let _ = dial.focus();
            }
            event.prevent_default();
            held.replace(true);
            turn(&event);
        })
    };
    let onpointermove = {
        let held = held.clone();
        Callback::from(move |event: PointerEvent| {
            if *held.borrow() {
                turn(&event);
            }
        })
    };
    let rest = {
        let (held, onrest) = (held.clone(), props.onrest.clone());
        move || {
            held.replace(false);
            onrest.emit(());
        }
    };
    let release = {
        let rest = rest.clone();
        Callback::from(move |_: PointerEvent| rest())
    };
    let onkeydown = {
        let onturn = props.onturn.clone();
        Callback::from(move |event: KeyboardEvent| {
            // The browser's own shortcuts stay the browser's.
            if event.alt_key() || event.ctrl_key() || event.meta_key() {
                return;
            }
            if let Some(stop) = key_target(&event.key(), selected, last) {
                event.prevent_default();
                onturn.emit(stop);
            }
        })
    };
    let onkeyup = {
        let rest = rest.clone();
        Callback::from(move |_: KeyboardEvent| rest())
    };
    let onblur = Callback::from(move |_: FocusEvent| rest());
    let cells = props.stops.iter().enumerate().map(|(index, stop)| {
        let class = classes!((index <= selected).then_some("on"), (index == selected).then_some("here"));
        html! { <b key={index} {class}><span>{&stop.label}</span></b> }
    });
    let class = classes!("bits", props.class.clone());
    html! {
        <div
            ref={node} id={props.id.clone()} {class} role="slider" tabindex="0" aria-label={props.label.clone()}
            aria-valuemin={props.stops[0].value.to_string()} aria-valuemax={props.stops[last].value.to_string()}
            aria-valuenow={props.stops[selected].value.to_string()} aria-valuetext={props.stops[selected].spoken.clone()} aria-orientation="horizontal"
            {onpointerdown} {onpointermove} onpointerup={release.clone()} onpointercancel={release} {onkeydown} {onkeyup} {onblur}
        >
            { for cells }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_turn_the_dial_within_its_ends() {
        for (key, from, to) in [
            ("ArrowRight", 3, Some(4)),
            ("ArrowRight", 6, Some(6)),
            ("ArrowUp", 0, Some(1)),
            ("ArrowLeft", 3, Some(2)),
            ("ArrowDown", 0, Some(0)),
            ("PageUp", 5, Some(6)),
            ("PageDown", 1, Some(0)),
            ("Home", 4, Some(0)),
            ("End", 4, Some(6)),
            ("Tab", 4, None),
        ] {
            assert_eq!(key_target(key, from, 6), to, "{key} from {from}");
        }
    }
}
