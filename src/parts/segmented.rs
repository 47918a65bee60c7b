//! A choice of a few: radio buttons that look like one bar, or a list that opens.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::hints;

/// One of them: what is written on it, and why it cannot be chosen.
pub type Segment = (AttrValue, Option<&'static str>);

/// Where a setting of the recipe is explained: at its word.
fn described(name: &str) -> Option<String> {
    hints::of(name).is_none().then(|| format!("help-{name}"))
}

/// The bar. `name` names the group, uniquely on the page; `selected` is none if something else is in force.
pub fn segmented(
    name: &'static str,
    label: &'static str,
    options: &[Segment],
    selected: Option<usize>,
    onselect: &Callback<usize>,
) -> Html {
    let option = |(index, (text, refused)): (usize, &Segment)| {
        let onchange = onselect.reform(move |_| index);
        html! {
            <label key={index} title={*refused}>
                <input type="radio" {name} checked={selected == Some(index)} disabled={refused.is_some()} {onchange} />
                <span>{text}</span>
            </label>
        }
    };
    html! {
        <div class="seg" role="radiogroup" aria-label={label} title={hints::of(name)} aria-describedby={described(name)}>
            { for options.iter().enumerate().map(option) }
        </div>
    }
}

/// The list. One more line stands for what is in force, if it is none of them.
pub fn list(id: &'static str, label: &'static str, options: &[Segment], selected: Option<usize>, onselect: &Callback<usize>) -> Html {
    let onchange = onselect.reform(|event: Event| event.target_unchecked_into::<HtmlSelectElement>().value().parse().unwrap_or(usize::MAX));
    let option = |(index, (text, refused)): (usize, &Segment)| {
        let text = refused.map_or_else(|| text.clone(), |why| format!("{text} \u{2013} {why}").into());
        html! { <option key={index} value={index.to_string()} selected={selected == Some(index)} disabled={refused.is_some()}>{text}</option> }
    };
    html! {
        <span class="list">
            <select {id} aria-label={label} title={hints::of(id)} aria-describedby={described(id)} {onchange}>
                if selected.is_none() { <option selected=true disabled=true>{"as in the link"}</option> }
                { for options.iter().enumerate().map(option) }
            </select>
        </span>
    }
}
