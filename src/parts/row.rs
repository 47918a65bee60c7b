//! A row of the recipe: what it is, what it is for, what changing it did, and the control.

use yew::prelude::*;

use super::segmented::{Segment, list, segmented};
use super::term::opens;
use super::terms;
use crate::format::points;
use crate::state::rules::{self, Way};
use crate::state::settings::{Choice, Look, Setting};
use crate::state::{Control, Edit, Page, use_page};

/// What a word explains.
#[derive(Properties, PartialEq)]
struct HelpProps {
    /// Unique on the page.
    id: String,
    word: &'static str,
    text: &'static str,
}

/// A word that explains itself to whoever points at it or focuses it, and opens its entry of the glossary.
#[component]
fn Help(props: &HelpProps) -> Html {
    let page = use_page();
    let id = format!("help-{}", props.id);
    let onclick = opens(&page, terms::of(&props.id).map(str::to_owned), Some(props.text));
    html! {
        <span class="help">
            <button type="button" aria-describedby={id.clone()} aria-haspopup="dialog" {onclick}>{props.word}</button>
            <span role="tooltip" {id}>{props.text}</span>
        </span>
    }
}

/// A word that explains itself. `id` is unique on the page.
pub fn help(id: &str, word: &'static str, text: &'static str) -> Html {
    html! { <Help id={id.to_owned()} {word} {text} /> }
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
            let chance = page.state.effect_may_be_chance(control) == Some(true);
            let also = if chance { "; so small a difference could be chance" } else { "" };
            let changed = page.state.changed();
            let changed = if changed.is_empty() { changed } else { format!(" ({changed})") };
            let title = format!("The last change here moved {} by {text} points{changed}{also}", page.state.bench.goal().name());
            html! {
                <em class={classes!("effect", sign, chance.then_some("chance"))} {title} role="status">
                    {text}<small>{"\u{a0}pts"}</small>
                    if chance { <span class="sr">{also}</span> }
                </em>
            }
        }
    }
}

/// A setting of the recipe; nothing where it means nothing.
pub fn setting(page: &Page, setting: &'static Setting) -> Html {
    let recipe = &page.state.link.recipe;
    let choices = setting.choices(recipe, page.state.bench.entry);
    if choices.is_empty() {
        return Html::default();
    }
    let id = setting.id;
    let selected = choices.iter().position(|choice| choice.recipe.as_ref() == Ok(recipe));
    let mut reasons: Vec<&str> = choices.iter().filter_map(|choice| choice.recipe.as_ref().err().copied()).collect();
    reasons.dedup();
    let segments: Vec<Segment> = choices.iter().map(|choice| (choice.label.clone(), choice.recipe.as_ref().err().copied())).collect();
    let onselect = {
        let page = page.clone();
        Callback::from(move |index: usize| {
            if let Some(Choice { recipe: Ok(recipe), .. }) = choices.get(index) {
                page.edit(Edit::Choose(id, recipe.clone()));
            }
        })
    };
    let inner = match setting.look {
        Look::List => list(id, setting.word, &segments, selected, &onselect),
        Look::Bar | Look::Wide => segmented(id, setting.word, &segments, selected, &onselect),
    };
    let simulated = rules::simulated(recipe).contains(&id);
    html! {
        <div class={classes!("row", (setting.look == Look::Wide).then_some("wide"))} data-setting={id}>
            { help(id, setting.word, setting.help) }
            if simulated { <small class="sim" title={Way::Simulated.meaning()}>{"simulated"}</small> }
            { effect(page, &Control::Setting(id)) }
            { inner }
            // A list says it on its lines.
            if setting.look != Look::List {
                { for reasons.iter().map(|why| html! { <small class="refused">{*why}</small> }) }
            }
        </div>
    }
}
