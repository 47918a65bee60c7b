//! A choice of a few: radio buttons that look like one bar.

use yew::prelude::*;

/// The bar. `name` names the group, uniquely on the page; `selected` is none if something else is in force.
pub fn segmented(
    name: &'static str,
    label: &'static str,
    options: &[AttrValue],
    selected: Option<usize>,
    onselect: &Callback<usize>,
) -> Html {
    let option = |(index, text): (usize, &AttrValue)| {
        let onchange = onselect.reform(move |_| index);
        html! {
            <label key={index}>
                <input type="radio" {name} checked={selected == Some(index)} {onchange} />
                <span>{text}</span>
            </label>
        }
    };
    html! {
        <div class="seg" role="radiogroup" aria-label={label}>
            { for options.iter().enumerate().map(option) }
        </div>
    }
}
