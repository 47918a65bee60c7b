//! A row of the recipe: what it is, what it is for, what changing it did, and the control.

use yew::prelude::*;

use crate::format::points;
use crate::state::{Control, Page};

/// A word that explains itself to whoever points at it, focuses it or taps it. `id` is unique on the page.
pub fn help(id: &str, word: &'static str, text: &'static str) -> Html {
    let id = format!("help-{id}");
    html! {
        <span class="help">
            <button type="button" aria-describedby={id.clone()}>{word}</button>
            <span role="tooltip" {id}>{text}</span>
        </span>
    }
}

/// What the last change did, if it was made here: `+3.1 points`. Holds its place when there is nothing to say.
pub fn effect(page: &Page, control: &Control) -> Html {
    match page.state.effect(control) {
        None => html! { <em class="effect" aria-hidden="true"></em> },
        Some(None) => html! { <em class="effect" aria-hidden="true">{"\u{2026}"}</em> },
        Some(Some(change)) => {
            let text = points(change, 1);
            let sign = match text.chars().next() {
                Some('+') => "gain",
                Some('\u{b1}') => "same",
                _ => "loss",
            };
            let title = format!("The last change here moved {} by {text} points", page.state.bench.goal().name());
            html! { <em class={classes!("effect", sign)} {title} role="status">{text}<small>{"\u{a0}pts"}</small></em> }
        }
    }
}

/// The row.
pub fn row(page: &Page, id: &str, word: &'static str, text: &'static str, control: &Control, inner: Html) -> Html {
    html! {
        <div class="row">
            { help(id, word, text) }
            { effect(page, control) }
            { inner }
        </div>
    }
}
