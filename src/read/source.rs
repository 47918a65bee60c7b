//! Where values come from: JavaScript, or in native tests a JSON parser.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// A value that does not say its type before it is asked.
pub trait Source: Sized {
    /// Nothing.
    fn nothing() -> Self;
    /// Whether it is nothing.
    fn is_nothing(&self) -> bool;
    /// Yes or no.
    fn truth(&self) -> Option<bool>;
    /// A number.
    fn number(&self) -> Option<f64>;
    /// A text.
    fn text(&self) -> Option<String>;
    /// The length of a list.
    fn length(&self) -> Option<u32>;
    /// An item of a list.
    fn item(&self, index: u32) -> Self;
    /// Whether it is a structure.
    fn is_structure(&self) -> bool;
    /// The names in a structure.
    fn names(&self) -> Vec<String>;
    /// What stands under a name.
    fn property(&self, name: &str) -> Option<Self>;
}

impl Source for JsValue {
    fn nothing() -> Self {
        Self::UNDEFINED
    }

    fn is_nothing(&self) -> bool {
        self.is_undefined() || self.is_null()
    }

    fn truth(&self) -> Option<bool> {
        self.as_bool()
    }

    fn number(&self) -> Option<f64> {
        self.as_f64()
    }

    fn text(&self) -> Option<String> {
        self.as_string()
    }

    fn length(&self) -> Option<u32> {
        Array::is_array(self).then(|| self.unchecked_ref::<Array>().length())
    }

    fn item(&self, index: u32) -> Self {
        self.unchecked_ref::<Array>().get(index)
    }

    fn is_structure(&self) -> bool {
        self.is_object() && !Array::is_array(self)
    }

    fn names(&self) -> Vec<String> {
        let names = Object::keys(self.unchecked_ref::<Object>());
        names.iter().filter_map(|name| name.as_string()).collect()
    }

    fn property(&self, name: &str) -> Option<Self> {
        // What has no properties gives an error.
        Reflect::get(self, &name.into()).ok().filter(|value| !value.is_undefined())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Source for serde_json::Value {
    fn nothing() -> Self {
        Self::Null
    }

    fn is_nothing(&self) -> bool {
        self.is_null()
    }

    fn truth(&self) -> Option<bool> {
        self.as_bool()
    }

    fn number(&self) -> Option<f64> {
        self.as_f64()
    }

    fn text(&self) -> Option<String> {
        self.as_str().map(str::to_owned)
    }

    fn length(&self) -> Option<u32> {
        self.as_array().map(|list| list.len() as u32)
    }

    fn item(&self, index: u32) -> Self {
        self.get(index as usize).cloned().unwrap_or_default()
    }

    fn is_structure(&self) -> bool {
        self.is_object()
    }

    fn names(&self) -> Vec<String> {
        self.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
    }

    fn property(&self, name: &str) -> Option<Self> {
        self.get(name).cloned()
    }
}
