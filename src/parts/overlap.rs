//! How high the readouts are that stay in view: what is scrolled to, or focused by keys, keeps clear of them.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{HtmlElement, ResizeObserver};
use yew::prelude::*;

/// Tells the style sheet in `--readbar`; where they do not stay in view, it passes that over.
#[hook]
pub fn use_overlap() {
    use_effect_with((), |()| {
        let document = gloo::utils::document();
        let bar = document.query_selector(".readbar").ok().flatten().and_then(|bar| bar.dyn_into::<HtmlElement>().ok());
        let (root, measured) = (document.document_element(), bar.clone());
        let observe = Closure::<dyn Fn()>::new(move || {
            if let (Some(root), Some(bar)) = (&root, &measured) {
                let _ = root.set_attribute("style", &format!("--readbar:{}px", bar.offset_height()));
            }
        });
        let observer = ResizeObserver::new(observe.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(bar)) = (&observer, &bar) {
            observer.observe(bar);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(observe);
        }
    });
}
