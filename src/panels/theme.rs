//! Light or dark: as the system has it, until the button says otherwise; the choice is remembered.

use gloo::utils::{document_element, window};
use yew::prelude::*;

/// Where the choice is kept; `theme.js` reads it before the first paint.
const KEY: &str = "bitdial-theme";

/// Whether the dark theme is in force.
pub fn is_dark() -> bool {
    match document_element().get_attribute("data-theme").as_deref() {
        Some(theme) => theme == "dark",
        None => window().match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|query| query.matches()),
    }
}

/// The button.
#[hook]
pub fn use_theme() -> Html {
    let dark = use_state(is_dark);
    let onclick = {
        let dark = dark.clone();
        Callback::from(move |_: MouseEvent| {
            let theme = if is_dark() { "light" } else { "dark" };
            let _ = document_element().set_attribute("data-theme", theme);
            // Without storage (private windows) the choice lasts as long as the page.
            if let Ok(Some(storage)) = window().local_storage() {
                let _ = storage.set_item(KEY, theme);
            }
            dark.set(theme == "dark");
        })
    };
    let label = if *dark { "Use the light theme" } else { "Use the dark theme" };
    html! {
        <button class="btn icon" type="button" {onclick} aria-label={label} title={label}>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" />
                <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4Z" fill="currentColor" />
            </svg>
        </button>
    }
}
