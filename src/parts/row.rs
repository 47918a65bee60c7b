//! A row of the recipe: what it is, what it is for, what changing it did, and the control.

use yew::prelude::*;

use crate::format::points;
use crate::state::{Control, use_page};

#[derive(Properties, PartialEq)]
pub struct HelpProps {
    /// Names the sentence, uniquely on the page.
    pub id: AttrValue,
    /// The word that is explained.
    pub word: AttrValue,
    /// One sentence.
    pub text: AttrValue,
}

/// A word that explains itself to whoever points at it, focuses it or taps it.
#[component]
pub fn Help(props: &HelpProps) -> Html {
    html! {
        <span class="help">
            <button type="button" aria-describedby={props.id.clone()}>{props.word.clone()}</button>
            <span role="tooltip" id={props.id.clone()}>{props.text.clone()}</span>
        </span>
    }
}

#[derive(Properties, PartialEq)]
pub struct EffectProps {
    /// The control whose effect is shown.
    pub control: Control,
}

/// What the last change did, if it was made here: `+3.1 points`. Holds its place when there is nothing to say.
#[component]
pub fn Effect(props: &EffectProps) -> Html {
    let page = use_page();
    match page.state.effect(&props.control) {
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

#[derive(Properties, PartialEq)]
pub struct RowProps {
    /// Names the row, uniquely on the page.
    pub id: AttrValue,
    /// Its word.
    pub word: AttrValue,
    /// One sentence.
    pub text: AttrValue,
    /// What it changes.
    pub control: Control,
    /// The control itself.
    pub children: Children,
}

/// The row.
#[component]
pub fn Row(props: &RowProps) -> Html {
    html! {
        <div class="row">
            <Help id={format!("help-{}", props.id)} word={props.word.clone()} text={props.text.clone()} />
            <Effect control={props.control.clone()} />
            { for props.children.iter() }
        </div>
    }
}
