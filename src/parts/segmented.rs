//! A choice of a few: radio buttons that look like one bar.

use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names the group, uniquely on the page.
    pub name: AttrValue,
    /// Names it for people.
    pub label: AttrValue,
    /// The choices.
    pub options: Vec<AttrValue>,
    /// Which one is in force; none if it is something else.
    pub selected: Option<usize>,
    /// Told which was chosen.
    pub onselect: Callback<usize>,
}

/// The bar.
#[component]
pub fn Segmented(props: &Props) -> Html {
    let option = |(index, label): (usize, &AttrValue)| {
        let onchange = props.onselect.reform(move |_| index);
        html! {
            <label key={index}>
                <input type="radio" name={props.name.clone()} checked={props.selected == Some(index)} {onchange} />
                <span>{label}</span>
            </label>
        }
    };
    html! {
        <div class="seg" role="radiogroup" aria-label={props.label.clone()}>
            { for props.options.iter().enumerate().map(option) }
        </div>
    }
}
