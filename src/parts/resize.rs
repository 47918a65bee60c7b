//! Elements that are measured as they are and become.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{HtmlElement, ResizeObserver};

/// Tells `measure` of an element now and at every change of its size, until what it returns is called.
pub fn on_resize(element: Option<HtmlElement>, measure: impl Fn(&HtmlElement) + 'static) -> impl FnOnce() {
    let measured = element.clone();
    let observe = Closure::<dyn Fn()>::new(move || {
        if let Some(element) = &measured {
            measure(element);
        }
    });
    let observer = ResizeObserver::new(observe.as_ref().unchecked_ref()).ok();
    if let (Some(observer), Some(element)) = (&observer, &element) {
        observer.observe(element);
    }
    move || {
        if let Some(observer) = observer {
            observer.disconnect();
        }
        drop(observe);
    }
}
