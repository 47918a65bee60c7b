//! A picker: the browser's own list under a label that says more than the list's line.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// What a picker shows.
pub struct Picker {
    /// Names it for scripts.
    pub id: &'static str,
    /// Names it for people.
    pub label: &'static str,
    /// What it is for, in a sentence.
    pub hint: &'static str,
    /// What is in force.
    pub title: AttrValue,
    /// More about it.
    pub aside: AttrValue,
    /// Values and lines of the list, and whether each may be chosen.
    pub options: Vec<(AttrValue, AttrValue, bool)>,
    /// The value in force.
    pub selected: AttrValue,
}

impl Picker {
    /// The picker; `onselect` is told the value chosen.
    pub fn view(self, onselect: &Callback<String>) -> Html {
        let onchange = onselect.reform(|event: Event| event.target_unchecked_into::<HtmlSelectElement>().value());
        let Self { id, label, hint, title, aside, options, selected } = self;
        html! {
            <label class="pick" title={hint}>
                <span aria-hidden="true">{title}</span>
                <small aria-hidden="true">{aside}{" \u{25be}"}</small>
                <select {id} aria-label={label} {onchange}>
                    { for options.into_iter().map(|(value, line, usable)| html! {
                        <option key={value.to_string()} disabled={!usable} selected={value == selected} value={value.clone()}>{line}</option>
                    }) }
                </select>
            </label>
        }
    }
}
