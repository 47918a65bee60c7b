//! How high the readouts are that stay in view: what is scrolled to, or focused by keys, keeps clear of them.

use wasm_bindgen::JsCast;
use yew::prelude::*;

use super::resize::on_resize;

/// Tells the style sheet in `--readbar`; where they do not stay in view, it passes that over.
#[hook]
pub fn use_overlap() {
    use_effect_with((), |()| {
        let document = gloo::utils::document();
        let bar = document.query_selector(".readbar").ok().flatten().and_then(|bar| bar.dyn_into().ok());
        on_resize(bar, move |bar| {
            if let Some(root) = document.document_element() {
                let _ = root.set_attribute("style", &format!("--readbar:{}px", bar.offset_height()));
            }
        })
    });
}
