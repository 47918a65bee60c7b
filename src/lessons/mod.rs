//! Lessons: the list, the player, the glossary.

mod figures;
mod glossary;
mod list;
mod point;
mod prose;
mod question;
mod reading;
mod remember;
mod step;
mod unread;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

pub use glossary::use_glossary;

use crate::state::{Action, Learn, Page, Place, Step, address, use_page};

/// The button of the top bar: opens the list, or closes what is open.
pub fn lessons_button(page: &Page) -> Html {
    let open = page.state.lessons.place.is_some();
    let onclick = go(page, if open { None } else { Some(Place::List) });
    html! {
        <button
            class="btn" id="open-lessons" type="button" aria-expanded={open.to_string()} aria-controls="lessons" {onclick}
            title="Ten short lessons that use this page, each with questions that it measures"
        >{"Lessons"}</button>
    }
}

/// What goes to a place, or closes the lessons.
fn go(page: &Page, place: Option<Place>) -> Callback<MouseEvent> {
    let dispatch = page.dispatch.clone();
    Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Learn(Learn::Go(place.clone()))))
}

/// What begins a lesson with none of its questions answered.
fn anew(page: &Page, name: &str) -> Callback<MouseEvent> {
    let (dispatch, name) = (page.dispatch.clone(), name.to_owned());
    Callback::from(move |_: MouseEvent| {
        dispatch.dispatch(Action::Learn(Learn::Anew(name.clone())));
        let _ = by_id("step-title").map(|title| title.focus());
    })
}

fn by_id(id: &str) -> Option<HtmlElement> {
    gloo::utils::document().get_element_by_id(id)?.dyn_into().ok()
}

/// The panel with the list or a step; nothing while the lessons are closed.
#[hook]
pub fn use_lessons_panel() -> Html {
    let page = use_page();
    reading::use_reading(&page);
    remember::use_memory(&page);
    point::use_pointing(&page);
    question::use_grading(&page);
    let lessons = &page.state.lessons;
    let folded = use_state(|| false);
    let place = lessons.place.clone();
    use_opening(place.clone(), lessons.step().is_some(), &folded);
    let fold = {
        let folded = folded.clone();
        Callback::from(move |_: MouseEvent| folded.set(!*folded))
    };
    let close = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |_: MouseEvent| {
            dispatch.dispatch(Action::Learn(Learn::Go(None)));
            let _ = by_id("open-lessons").map(|button| button.focus());
        })
    };
    let Some(place) = place else { return Html::default() };
    let (title, body, foot) = match &place {
        Place::List => ("Lessons".to_owned(), list::list(&page), Html::default()),
        Place::Step { name, .. } => step::views(&page, name),
    };
    let onkeydown = turns(&page);
    let name = if let Place::Step { name, .. } = &place { name.as_str() } else { "" };
    html! {
        <aside class={classes!("lessons", folded.then_some("folded"))} id="lessons" aria-labelledby="lessons-title" data-lesson={name.to_owned()} {onkeydown}>
            <div class="bar">
                if place != Place::List {
                    <button type="button" class="btn quiet" id="all-lessons" title="All lessons" aria-label="All lessons" onclick={go(&page, Some(Place::List))}>{"\u{2039}"}</button>
                }
                <h2 id="lessons-title" tabindex="-1">{title}</h2>
                <button
                    type="button" class="btn quiet lower" aria-expanded={(!*folded).to_string()} aria-controls="lesson-body" onclick={fold}
                    aria-label={if *folded { "Unfold the lesson" } else { "Fold the lesson" }}
                >{if *folded { "\u{25b4}" } else { "\u{25be}" }}</button>
                <button type="button" class="btn quiet" id="close-lessons" aria-label="Close the lessons; the recipe stays" title="Close; the recipe stays" onclick={close}>{"\u{2715}"}</button>
            </div>
            <div class="body" id="lesson-body" hidden={*folded}>{ body }</div>
            if !*folded { { foot } }
        </aside>
    }
}

/// The right and left arrow go on and back, but for where they have a meaning of their own.
fn turns(page: &Page) -> Callback<KeyboardEvent> {
    let page = page.clone();
    Callback::from(move |event: KeyboardEvent| {
        let forward = match event.key().as_str() {
            "ArrowRight" => true,
            "ArrowLeft" => false,
            _ => return,
        };
        let own = |target: web_sys::EventTarget| {
            target.unchecked_into::<Element>().closest(".scroll, pre, input, select").ok().flatten().is_some()
        };
        if event.alt_key() || event.ctrl_key() || event.meta_key() || event.shift_key() || event.target().is_some_and(own) {
            return;
        }
        if let Some(place) = step::beside(&page, forward) {
            event.prevent_default();
            page.dispatch.dispatch(Action::Learn(Learn::Go(Some(place))));
        }
    })
}

/// What opens is read from its beginning: the focus goes to its heading.
#[hook]
fn use_opening(place: Option<Place>, known: bool, folded: &UseStateHandle<bool>) {
    let folded = folded.clone();
    use_effect_with((place, known), move |(place, known)| {
        let root = gloo::utils::document().document_element();
        match place {
            None => {
                let _ = root.map(|root| root.remove_attribute("data-lessons"));
            }
            Some(place) => {
                let _ = root.map(|root| root.set_attribute("data-lessons", "open"));
                folded.set(false);
                let heading = if *known && *place != Place::List { "step-title" } else { "lessons-title" };
                let _ = by_id(heading).or_else(|| by_id("lessons-title")).map(|heading| heading.focus());
                if let Some(body) = by_id("lesson-body") {
                    body.set_scroll_top(0);
                }
            }
        }
    });
}

/// The address holds the place beside the link. Called after what writes the link, if that has changed.
#[hook]
pub fn use_place(page: &Page) {
    let page = page.clone();
    let state = &page.state;
    let last = use_mut_ref(|| None::<u32>);
    use_effect_with((state.generation, state.mend, state.lessons.place.clone()), move |(generation, _, place)| {
        let changed = last.borrow_mut().replace(*generation).is_some_and(|before| before != *generation);
        if address::place().0 != *place {
            let step = if changed || page.state.step != Step::Push { Step::Replace } else { Step::Push };
            address::write_place(place.as_ref(), &page.state.link, step);
        }
    });
}
