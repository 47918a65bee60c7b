//! A picker: the browser's own list under a label that says more than the list's line.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names it for people.
    pub label: AttrValue,
    /// Names it for scripts.
    pub id: AttrValue,
    /// What is in force.
    pub title: AttrValue,
    /// More about it.
    pub aside: AttrValue,
    /// Values and lines of the list.
    pub options: Vec<(AttrValue, AttrValue)>,
    /// The value in force.
    pub selected: AttrValue,
    /// Told the value chosen.
    pub onselect: Callback<String>,
}

/// The picker.
#[component]
pub fn Picker(props: &Props) -> Html {
    let onchange = props.onselect.reform(|event: Event| event.target_unchecked_into::<HtmlSelectElement>().value());
    html! {
        <label class="pick">
            <span aria-hidden="true">{&props.title}</span>
            <small aria-hidden="true">{&props.aside}{" \u{25be}"}</small>
            <select id={props.id.clone()} aria-label={props.label.clone()} {onchange}>
                { for props.options.iter().map(|(value, line)| html! {
                    <option key={value.to_string()} value={value.clone()} selected={*value == props.selected}>{line}</option>
                }) }
            </select>
        </label>
    }
}
