//! The glossary: an entry beside the term that asked for it, or the list of all terms.

use bitdial_protocol::{Glossary, GlossaryEntry};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};
use yew::prelude::*;

use super::prose::blocks;
use super::unread::unread;
use crate::state::lessons::Shown;
use crate::state::{Action, Learn, Page, use_page};

/// Width of the window that is worth a place beside the term, and of the dialog itself, in pixels.
const NARROW: f64 = 760.0;
const WIDTH: f64 = 400.0;
/// Room that the dialog takes at most, and its distance from the term.
const HEIGHT: f64 = 360.0;
const GAP: f64 = 8.0;

/// The dialog, while something of the glossary is shown.
#[hook]
pub fn use_glossary() -> Html {
    let page = use_page();
    let node = use_node_ref();
    let shown = page.state.lessons.shown.clone();
    let open = shown.is_some();
    {
        let node = node.clone();
        // The browser's own dialog: it keeps the focus, closes on Escape and gives the focus back.
        let known = page.state.lessons.glossary.is_some();
        use_effect_with((open, shown.clone().and_then(|shown| shown.key), known), move |(open, ..)| {
            let Some(dialog) = node.cast::<HtmlDialogElement>() else { return };
            if *open && !dialog.open() {
                let _ = dialog.show_modal();
            } else if !*open && dialog.open() {
                dialog.close();
            }
            if *open && let Ok(Some(heading)) = dialog.query_selector("h2") {
                let _ = heading.unchecked_into::<HtmlElement>().focus();
            }
        });
    }
    let close = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Learn(Learn::Show(None))))
    };
    let onclose = close.reform(|_: Event| ());
    let onclick = {
        let (node, close) = (node.clone(), close.clone());
        Callback::from(move |event: MouseEvent| {
            // A press on what is behind the dialog is told as one on the dialog itself.
            if event.target().is_some_and(|target| node.get().is_some_and(|node| *target.unchecked_ref::<web_sys::Node>() == node)) {
                close.emit(());
            }
        })
    };
    let style = shown.as_ref().map(place);
    html! {
        <dialog ref={node} class="glossary" id="glossary" aria-labelledby="glossary-title" {style} {onclose} {onclick}>
            if let Some(shown) = &shown {
                <div class="entry">
                    <button type="button" class="btn quiet close" aria-label="Close the glossary" onclick={close.reform(|_: MouseEvent| ())}>{"\u{2715}"}</button>
                    { content(&page, shown) }
                </div>
            }
        </dialog>
    }
}

/// Beside the term where there is room; where there is little, the style sheet has it at the bottom.
fn place(shown: &Shown) -> String {
    let window = gloo::utils::window();
    let size = |value: Result<wasm_bindgen::JsValue, _>| value.ok().and_then(|value| value.as_f64()).unwrap_or_default();
    let (width, height) = (size(window.inner_width()), size(window.inner_height()));
    if width <= NARROW {
        return String::new();
    }
    let [left, top, bottom] = shown.at;
    let left = left.min(width - WIDTH - 16.0).max(16.0);
    if height - bottom > HEIGHT || bottom < height - top {
        format!("left:{left:.0}px;top:{:.0}px;max-height:{:.0}px", bottom + GAP, (height - bottom - 2.0 * GAP).max(160.0))
    } else {
        format!("left:{left:.0}px;bottom:{:.0}px;max-height:{:.0}px", height - top + GAP, (top - 2.0 * GAP).max(160.0))
    }
}

fn content(page: &Page, shown: &Shown) -> Html {
    let glossary = match &page.state.lessons.glossary {
        None => return html! { <h2 id="glossary-title" tabindex="-1">{"Glossary"}</h2> },
        Some(Err(why)) => {
            return html! { <><h2 id="glossary-title" tabindex="-1">{"Glossary"}</h2>{ unread(page, "The glossary", why) }</> };
        }
        Some(Ok(glossary)) => glossary,
    };
    let to = |key: Option<String>| {
        let (dispatch, at) = (page.dispatch.clone(), shown.at);
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Learn(Learn::Show(Some(Shown { key: key.clone(), at, note: None })))))
    };
    let note = shown.note.map(|note| html! { <p class="note-here">{note}</p> });
    let Some(key) = &shown.key else { return html! { <>{ index(glossary, note, &to) }</> } };
    match glossary.entries.iter().find(|entry| entry.keys.contains(key)) {
        Some(entry) => html! {
            <>
                <h2 id="glossary-title" tabindex="-1">{&entry.term}</h2>
                { note }
                if !entry.aliases.is_empty() { <p class="desc">{"Also: "}{entry.aliases.join(", ")}</p> }
                <div class="prose">{ blocks(page, &entry.text) }</div>
                <button type="button" class="more-terms" onclick={to(None)}>{"All terms"}</button>
            </>
        },
        None => html! {
            <>
                <h2 id="glossary-title" tabindex="-1">{key.clone()}</h2>
                <p>{"The glossary has no entry for this term."}</p>
                <button type="button" class="more-terms" onclick={to(None)}>{"All terms"}</button>
            </>
        },
    }
}

/// Every term, by its letters.
fn index(glossary: &Glossary, note: Option<Html>, to: &dyn Fn(Option<String>) -> Callback<MouseEvent>) -> Html {
    let mut entries: Vec<&GlossaryEntry> = glossary.entries.iter().collect();
    entries.sort_by_cached_key(|entry| entry.keys.first().cloned());
    let term = |entry: &GlossaryEntry| {
        html! { <li><button type="button" class="term" onclick={to(entry.keys.first().cloned())}>{&entry.term}</button></li> }
    };
    html! {
        <>
            <h2 id="glossary-title" tabindex="-1">{"Glossary"}</h2>
            { note }
            <ul class="terms">{ for entries.into_iter().map(term) }</ul>
        </>
    }
}
