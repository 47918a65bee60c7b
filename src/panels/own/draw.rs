//! A canvas to draw on, by mouse, finger, pen or keyboard.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};
use yew::prelude::*;

use super::verdict;
use crate::catalogue::Entry;
use crate::ink::{Fit, Ink, PEN, Point, SIDE};
use crate::parts::canvas::Pixels;
use crate::state::{Edit, Origin, Page, Specimen, Study, use_page};

/// Pixels of the canvas: two for each of the page, where it is as large as it gets.
const CANVAS: f64 = 560.0;
/// How far a key moves the pen.
const STEP: f32 = 0.04;
/// The model that was taught to read digits.
const DIGITS: &str = "digits";

#[derive(Properties, PartialEq)]
pub struct Props {
    /// What was drawn; it outlives the tab.
    pub ink: Rc<RefCell<Ink>>,
}

/// A pen that keys move.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pen {
    at: Point,
    down: bool,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stroke {
    Move(Point),
    Touch,
    Undo,
}

/// `None` for keys that do nothing here.
fn stroke(key: &str, control: bool) -> Option<Stroke> {
    Some(match (key, control) {
        ("ArrowLeft", false) => Stroke::Move([-STEP, 0.0]),
        ("ArrowRight", false) => Stroke::Move([STEP, 0.0]),
        ("ArrowUp", false) => Stroke::Move([0.0, -STEP]),
        ("ArrowDown", false) => Stroke::Move([0.0, STEP]),
        (" " | "Enter", false) => Stroke::Touch,
        ("Backspace", false) | ("z", true) => Stroke::Undo,
        _ => return None,
    })
}

/// Whether a model takes what can be drawn.
fn takes(entry: &Entry) -> bool {
    entry.input == [1, SIDE, SIDE]
}

fn specimen(ink: &Ink, entry: &Entry) -> Option<Specimen> {
    let fit = if entry.id == DIGITS { Fit::Mass } else { Fit::Full };
    let bytes = Rc::new(ink.image(fit)?);
    Some(Specimen { origin: Origin::Drawing, title: "Your drawing".into(), pixels: Pixels { shape: [SIDE, SIDE, 1], bytes } })
}

/// Draws all strokes, and the pen of the keys.
fn paint(canvas: &HtmlCanvasElement, ink: &Ink, pen: Option<Pen>) {
    let Ok(Some(context)) = canvas.get_context("2d") else { return };
    let context: CanvasRenderingContext2d = context.unchecked_into();
    context.set_fill_style_str("#0c0d10");
    context.fill_rect(0.0, 0.0, CANVAS, CANVAS);
    let place = |point: Point| point.map(|at| CANVAS * f64::from(at));
    context.set_stroke_style_str("#fff");
    context.set_line_width(2.0 * CANVAS * f64::from(PEN));
    context.set_line_cap("round");
    context.set_line_join("round");
    for stroke in ink.strokes() {
        context.begin_path();
        for (index, [x, y]) in stroke.iter().map(|point| place(*point)).enumerate() {
            if index == 0 {
                context.move_to(x, y);
            }
            // A line to where it begins is a dot.
            context.line_to(x, y);
        }
        context.stroke();
    }
    if let Some(Pen { at, down }) = pen {
        let [x, y] = place(at);
        context.set_stroke_style_str(if down { "#ff7a52" } else { "#7aa7e8" });
        context.set_line_width(4.0);
        context.begin_path();
        for [dx, dy] in [[1.0, 0.0], [0.0, 1.0]] {
            context.move_to(x - 26.0 * dx, y - 26.0 * dy);
            context.line_to(x + 26.0 * dx, y + 26.0 * dy);
        }
        context.stroke();
    }
}

/// Where on the canvas a pointer is.
fn place(event: &PointerEvent, canvas: &HtmlCanvasElement) -> Point {
    let frame = canvas.get_bounding_client_rect();
    let share = |at: i32, begin: f64, size: f64| ((f64::from(at) - begin) / size.max(1.0)) as f32;
    [share(event.client_x(), frame.left(), frame.width()), share(event.client_y(), frame.top(), frame.height())]
}

/// The tab.
#[component]
pub fn Draw(props: &Props) -> Html {
    let page = use_page();
    let entry = page.state.bench.entry;
    let canvas = use_node_ref();
    // Which pointer draws, and where the keys' pen is.
    let pointer = use_mut_ref(|| None::<i32>);
    let pen = use_mut_ref(|| None::<Pen>);
    let redraw = use_force_update();
    let show = {
        let (ink, canvas, pen, page) = (props.ink.clone(), canvas.clone(), pen.clone(), page.clone());
        move || {
            if let Some(canvas) = canvas.cast::<HtmlCanvasElement>() {
                paint(&canvas, &ink.borrow(), *pen.borrow());
            }
            match specimen(&ink.borrow(), entry) {
                Some(specimen) => page.session.show(specimen),
                None => page.study(Study::Leave),
            }
        }
    };
    {
        let (show, ink) = (show.clone(), props.ink.clone());
        let (canvas, pen) = (canvas.clone(), pen.clone());
        use_effect_with(entry.id.clone(), move |_| {
            if !ink.borrow().is_empty() && takes(entry) {
                show();
            } else if let Some(canvas) = canvas.cast::<HtmlCanvasElement>() {
                paint(&canvas, &ink.borrow(), *pen.borrow());
            }
        });
    }
    if !takes(entry) {
        return html! { <div class="own-empty"><p>{"Drawing is for models of 28 \u{d7} 28 grey pixels."}</p>{ to_digits(&page) }</div> };
    }
    let change = {
        let (show, redraw) = (show.clone(), redraw.clone());
        move |ink: &Rc<RefCell<Ink>>, change: &dyn Fn(&mut Ink)| {
            change(&mut ink.borrow_mut());
            show();
            redraw.force_update();
        }
    };
    let button = |id: &'static str, text: &'static str, why: &'static str, act: fn(&mut Ink)| {
        let (change, ink) = (change.clone(), props.ink.clone());
        let onclick = Callback::from(move |_: MouseEvent| change(&ink, &act));
        html! { <button class="btn" type="button" {id} title={why} disabled={props.ink.borrow().is_empty()} {onclick}>{text}</button> }
    };
    let down = {
        let (pointer, canvas, change, ink) = (pointer.clone(), canvas.clone(), change.clone(), props.ink.clone());
        Callback::from(move |event: PointerEvent| {
            let Some(canvas) = canvas.cast::<HtmlCanvasElement>().filter(|_| event.button() == 0 && pointer.borrow().is_none()) else {
                return;
            };
            let _ = canvas.set_pointer_capture(event.pointer_id());
            pointer.replace(Some(event.pointer_id()));
            let at = place(&event, &canvas);
            change(&ink, &|ink| ink.begin(at));
        })
    };
    let moved = {
        let (pointer, canvas, ink, show) = (pointer.clone(), canvas.clone(), props.ink.clone(), show.clone());
        Callback::from(move |event: PointerEvent| {
            let Some(canvas) = canvas.cast::<HtmlCanvasElement>().filter(|_| *pointer.borrow() == Some(event.pointer_id())) else { return };
            ink.borrow_mut().extend(place(&event, &canvas));
            show();
        })
    };
    let up = {
        let pointer = pointer.clone();
        Callback::from(move |event: PointerEvent| {
            let mut pointer = pointer.borrow_mut();
            if *pointer == Some(event.pointer_id()) {
                *pointer = None;
            }
        })
    };
    let key = {
        let (pen, change, ink) = (pen.clone(), change.clone(), props.ink.clone());
        Callback::from(move |event: KeyboardEvent| {
            let Some(stroke) = stroke(&event.key(), event.ctrl_key() || event.meta_key()).filter(|_| !event.alt_key()) else { return };
            event.prevent_default();
            let mut now = pen.borrow().unwrap_or(Pen { at: [0.5, 0.2], down: false });
            match stroke {
                Stroke::Move([dx, dy]) => now.at = [(now.at[0] + dx).clamp(0.0, 1.0), (now.at[1] + dy).clamp(0.0, 1.0)],
                Stroke::Touch => now.down = !now.down,
                Stroke::Undo => now.down = false,
            }
            pen.replace(Some(now));
            change(&ink, &|ink| match stroke {
                Stroke::Move(_) if now.down => ink.extend(now.at),
                Stroke::Touch if now.down => ink.begin(now.at),
                Stroke::Undo => ink.undo(),
                Stroke::Move(_) | Stroke::Touch => {}
            });
        })
    };
    let blur = {
        let (pen, canvas, ink) = (pen.clone(), canvas.clone(), props.ink.clone());
        Callback::from(move |_: FocusEvent| {
            if let (Some(_), Some(canvas)) = (pen.take(), canvas.cast::<HtmlCanvasElement>()) {
                paint(&canvas, &ink.borrow(), None);
            }
        })
    };
    let digits = entry.id == DIGITS;
    html! {
        <div class="own">
            <div class="source">
                <div class="board">
                    <canvas
                        ref={canvas} id="board" width={CANVAS.to_string()} height={CANVAS.to_string()} tabindex="0" role="application"
                        aria-label="Canvas to draw on" aria-describedby="board-keys"
                        onpointerdown={down} onpointermove={moved} onpointerup={up.clone()} onpointercancel={up} onkeydown={key} onblur={blur}
                    />
                    if props.ink.borrow().is_empty() {
                        <p aria-hidden="true">{if digits { "Draw a digit" } else { "Draw a piece of clothing" }}</p>
                    }
                </div>
                <div class="tools">
                    { button("undo-stroke", "Undo", "Take the last stroke back", Ink::undo) }
                    { button("clear-strokes", "Clear", "Take every stroke back", Ink::clear) }
                    if !digits { { to_digits(&page) } }
                </div>
                <p class="desc" id="board-keys">
                    if digits {
                        {"Scaled into 20 \u{d7} 20 pixels and centred by its mass, as MNIST was. "}
                    } else {
                        {"Fashion-MNIST shows filled shapes, light on black: an outline means little to this model. "}
                    }
                    {"By keyboard: arrows move the pen, Space puts it down or lifts it, Backspace takes a stroke back."}
                </p>
            </div>
            { verdict(&page, "Draw something: the bars follow while you do.") }
        </div>
    }
}

/// A button that opens the model of digits.
fn to_digits(page: &Page) -> Html {
    let page = page.clone();
    let onclick = Callback::from(move |_: MouseEvent| page.edit(Edit::Model(DIGITS.to_owned())));
    html! { <button class="btn" type="button" {onclick} title="Open the model that was taught to read digits">{"Draw for Digits"}</button> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_draw() {
        for (key, control, what) in [
            ("ArrowUp", false, Some(Stroke::Move([0.0, -STEP]))),
            ("ArrowUp", true, None),
            (" ", false, Some(Stroke::Touch)),
            ("z", true, Some(Stroke::Undo)),
            ("z", false, None),
            ("Tab", false, None),
        ] {
            assert_eq!(stroke(key, control), what, "{key}");
        }
    }

    #[test]
    fn grey_models_of_28_pixels_can_be_drawn_for() {
        for (id, drawn) in [("digits", true), ("fashion-mobilenet", true), ("efficientnet-lite0", false)] {
            assert_eq!(takes(Entry::find(id).unwrap()), drawn, "{id}");
        }
        assert!(Entry::find(DIGITS).is_some());
    }
}
