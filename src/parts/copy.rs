//! A button that copies a text, and says so until the text is another one.

use wasm_bindgen_futures::{JsFuture, spawn_local};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names the button for scripts.
    pub id: &'static str,
    /// What is written on it.
    pub label: AttrValue,
    /// What is copied.
    pub text: AttrValue,
    /// Looks of its own.
    #[prop_or_default]
    pub class: Classes,
}

/// The button.
#[component]
pub fn CopyButton(props: &Props) -> Html {
    let done = use_state(|| None::<(AttrValue, bool)>);
    let onclick = {
        let (text, done) = (props.text.clone(), done.clone());
        Callback::from(move |_: MouseEvent| {
            let (text, done) = (text.clone(), done.clone());
            spawn_local(async move {
                let clipboard = gloo::utils::window().navigator().clipboard();
                // Only pages of a secure origin have one.
                let copied = !clipboard.is_undefined() && JsFuture::from(clipboard.write_text(&text)).await.is_ok();
                done.set(Some((text, copied)));
            });
        })
    };
    let label = match done.as_ref().filter(|(text, _)| *text == props.text) {
        None => props.label.clone(),
        Some((_, true)) => "Copied".into(),
        Some((_, false)) => "Not allowed: copy by hand".into(),
    };
    html! { <button class={classes!("btn", props.class.clone())} id={props.id} type="button" {onclick}><span aria-live="polite">{label}</span></button> }
}
