//! A term that opens its entry of the glossary.

use web_sys::Element;
use yew::prelude::*;

use crate::state::lessons::Shown;
use crate::state::{Action, Learn, Page, use_page};

/// What a term is.
#[derive(Properties, PartialEq)]
pub struct TermProps {
    /// Its key in the glossary.
    pub term: AttrValue,
    /// What it says.
    pub children: Html,
}

/// A term in a text.
#[component]
pub fn Term(props: &TermProps) -> Html {
    let page = use_page();
    let onclick = opens(&page, Some(props.term.to_string()), None);
    html! { <button type="button" class="term" aria-haspopup="dialog" title="Look it up in the glossary" {onclick}>{props.children.clone()}</button> }
}

/// What opens the glossary at a term, or at the list of all terms, beside what was pressed. `note` is
/// what is said of it here.
pub fn opens(page: &Page, key: Option<String>, note: Option<&'static str>) -> Callback<MouseEvent> {
    let dispatch = page.dispatch.clone();
    Callback::from(move |event: MouseEvent| {
        // Yew hears events at its root: the button is around what was pressed.
        let place = event.target_dyn_into::<Element>().and_then(|target| target.closest("button").ok().flatten());
        let at = place.map_or([0.0; 3], |place| {
            let place = place.get_bounding_client_rect();
            [place.left(), place.top(), place.bottom()]
        });
        dispatch.dispatch(Action::Learn(Learn::Show(Some(Shown { key: key.clone(), at, note }))));
    })
}
