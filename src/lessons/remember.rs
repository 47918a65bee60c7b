//! Lessons that are finished stay so in this browser, if it keeps anything.

use yew::prelude::*;

use crate::state::{Action, Learn, Page};

/// Where they are kept: names with spaces between them.
const KEY: &str = "bitdial-lessons";

fn storage() -> Option<web_sys::Storage> {
    gloo::utils::window().local_storage().ok().flatten()
}

/// Reads them once, and writes them when one is added.
#[hook]
pub fn use_memory(page: &Page) {
    let dispatch = page.dispatch.clone();
    use_effect_with((), move |()| {
        let kept = storage().and_then(|storage| storage.get_item(KEY).ok().flatten()).unwrap_or_default();
        let names: Vec<String> = kept.split_whitespace().take(200).map(str::to_owned).collect();
        if !names.is_empty() {
            dispatch.dispatch(Action::Learn(Learn::Finished(names)));
        }
    });
    use_effect_with(page.state.lessons.finished.clone(), move |finished| {
        if !finished.is_empty()
            && let Some(storage) = storage()
        {
            // Full or forbidden: they last as long as the page.
            let _ = storage.set_item(KEY, &finished.join(" "));
        }
    });
}
