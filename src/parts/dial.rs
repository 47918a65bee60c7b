//! The dial: a slider of a few stops, turned by pointer, touch or keys.

use gloo::timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use crate::client::sleep;

/// One stop of a dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its number.
    pub value: u8,
    /// What is written on it.
    pub label: AttrValue,
    /// What it means, spoken.
    pub spoken: AttrValue,
    /// Whether it is passed over.
    pub refused: bool,
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names the dial, for people and for the `id`.
    pub id: AttrValue,
    /// What it sets.
    pub label: AttrValue,
    /// What it does, in a sentence.
    pub hint: AttrValue,
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

/// Left and right edges of a dial's cells.
type Edges = Vec<(f64, f64)>;

fn edges(dial: &HtmlElement) -> Edges {
    let cells = dial.children();
    let edges = |cell: Element| {
        let place = cell.get_bounding_client_rect();
        (place.left(), place.right())
    };
    (0..cells.length()).filter_map(|index| cells.item(index).map(edges)).collect()
}

/// The stop under a pointer, or the one nearest to it.
fn stop_at(edges: &[(f64, f64)], x: f64) -> usize {
    let away = |(left, right): &(f64, f64)| (x - left.max(x.min(*right))).abs();
    (0..edges.len()).min_by(|a, b| away(&edges[*a]).total_cmp(&away(&edges[*b]))).unwrap_or_default()
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

/// The stop for one that may be refused: the next one on the way there, or else the last one before it.
fn allowed(stops: &[Stop], selected: usize, target: usize) -> usize {
    let open = |index: &usize| !stops[*index].refused;
    let last = stops.len() - 1;
    let found = if target >= selected {
        (target..=last).find(open).or_else(|| (selected..target).rev().find(open))
    } else {
        (0..=target).rev().find(open).or_else(|| (target..selected).find(open))
    };
    found.unwrap_or(selected)
}

/// The dial.
#[component]
pub fn Dial(props: &Props) -> Html {
    let node = use_node_ref();
    let held = use_mut_ref(|| None::<Edges>);
    let last = props.stops.len() - 1;
    let selected = props.selected;
    let onturn = {
        let stops = props.stops.clone();
        props.onturn.reform(move |target| allowed(&stops, selected, target))
    };

    // Where the dial stands, and where it is to stand: it hears of a turn, and of its end, in the task that lays the page
    // out, and what follows from each has a task of its own.
    let at = use_mut_ref(|| selected);
    *at.borrow_mut() = selected;
    let waiting = use_mut_ref(|| None::<(usize, Timeout)>);
    let catch_up = {
        let waiting = waiting.clone();
        move || {
            if let Some((stop, _)) = waiting.take() {
                onturn.emit(stop);
            }
        }
    };
    let turn = {
        let catch_up = catch_up.clone();
        let (waiting, at) = (waiting.clone(), at.clone());
        move |stop: usize| {
            let before = waiting.take();
            if before.is_some() || stop != *at.borrow() {
                let timer = before.map_or_else(|| Timeout::new(0, catch_up.clone()), |(_, timer)| timer);
                waiting.replace(Some((stop, timer)));
            }
        }
    };
    let point = {
        let (held, turn) = (held.clone(), turn.clone());
        move |event: &PointerEvent| {
            if let Some(edges) = &*held.borrow() {
                turn(stop_at(edges, event.client_x().into()).min(last));
            }
        }
    };
    let onpointerdown = {
        let (node, held, point) = (node.clone(), held.clone(), point.clone());
        Callback::from(move |event: PointerEvent| {
            let Some(dial) = node.cast::<HtmlElement>().filter(|_| event.button() == 0) else { return };
            let _ = dial.set_pointer_capture(event.pointer_id());
            let _ = dial.focus();
            event.prevent_default();
            // Asked for once: while the page changes under a turning dial, each answer would be a layout of its own.
            held.replace(Some(edges(&dial)));
            point(&event);
        })
    };
    let onpointermove = Callback::from(move |event: PointerEvent| point(&event));
    let rest = {
        let (held, onrest) = (held.clone(), props.onrest.clone());
        move || {
            held.replace(None);
            let (catch_up, onrest) = (catch_up.clone(), onrest.clone());
            spawn_local(async move {
                sleep(0).await;
                catch_up();
                onrest.emit(());
            });
        }
    };
    let release = {
        let rest = rest.clone();
        Callback::from(move |_: PointerEvent| rest())
    };
    let onkeydown = {
        Callback::from(move |event: KeyboardEvent| {
            // The browser's own shortcuts stay the browser's.
            if event.alt_key() || event.ctrl_key() || event.meta_key() {
                return;
            }
            let from = waiting.borrow().as_ref().map_or(*at.borrow(), |(stop, _)| *stop);
            if let Some(stop) = key_target(&event.key(), from, last) {
                event.prevent_default();
                turn(stop);
            }
        })
    };
    let onkeyup = {
        let rest = rest.clone();
        Callback::from(move |_: KeyboardEvent| rest())
    };
    let onblur = Callback::from(move |_: FocusEvent| rest());
    let cells = props.stops.iter().enumerate().map(|(index, stop)| {
        let class = classes!((index <= selected).then_some("on"), (index == selected).then_some("here"), stop.refused.then_some("no"));
        html! { <b key={index} {class}><span>{&stop.label}</span></b> }
    });
    let class = classes!("bits", props.class.clone());
    html! {
        <div
            ref={node} id={props.id.clone()} {class} role="slider" tabindex="0" aria-label={props.label.clone()} title={props.hint.clone()}
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

    #[test]
    fn a_pointer_turns_to_the_nearest_stop() {
        let edges = [(10.0, 20.0), (22.0, 32.0), (34.0, 44.0)];
        for (x, stop) in [(-50.0, 0), (15.0, 0), (20.5, 0), (21.5, 1), (22.0, 1), (44.0, 2), (900.0, 2)] {
            assert_eq!(stop_at(&edges, x), stop, "{x}");
        }
        assert_eq!(stop_at(&[], 3.0), 0);
    }

    #[test]
    fn refused_stops_are_passed_over() {
        // Only 4, 6 and 8 of 1 to 8, as block formats have them.
        let stop = |value: u8| Stop { value, label: "".into(), spoken: "".into(), refused: ![4, 6, 8].contains(&value) };
        let stops: Vec<Stop> = (1..=8).map(stop).collect();
        for (from, target, found) in [(4, 5, 6), (6, 5, 4), (4, 1, 4), (8, 1, 4), (4, 8, 8), (8, 7, 6), (6, 7, 8)] {
            assert_eq!(allowed(&stops, from - 1, target - 1), found - 1, "from {from} to {target}");
        }
    }
}
