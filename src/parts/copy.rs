//! A button that copies a text, and says for a moment that it did.

use crate::client::sleep;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use yew::prelude::*;

/// How long it says so, in milliseconds.
const MOMENT: u32 = 2_500;

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names the button for scripts.
    pub id: &'static str,
    /// What is written on it.
    pub label: AttrValue,
    /// What is copied: made when the button is pressed, for it may be long.
    pub text: Callback<(), AttrValue>,
    /// Looks of its own.
    #[prop_or_default]
    pub class: Classes,
}

/// The button.
#[component]
pub fn CopyButton(props: &Props) -> Html {
    let done = use_state_eq(|| None::<bool>);
    let onclick = {
        let (text, done) = (props.text.clone(), done.clone());
        Callback::from(move |_: MouseEvent| {
            let (text, done) = (text.clone(), done.clone());
            spawn_local(async move {
                let text = text.emit(());
                let clipboard = gloo::utils::window().navigator().clipboard();
                // Only pages of a secure origin have one.
                let copied = !clipboard.is_undefined() && JsFuture::from(clipboard.write_text(&text)).await.is_ok();
                done.set(Some(copied));
                sleep(MOMENT).await;
                done.set(None);
            });
        })
    };
    let label = match *done {
        None => props.label.clone(),
        Some(true) => "Copied".into(),
        Some(false) => "Not allowed: copy by hand".into(),
    };
    html! { <button class={classes!("btn", props.class.clone())} id={props.id} type="button" {onclick} title="To the clipboard"><span aria-live="polite">{label}</span></button> }
}
