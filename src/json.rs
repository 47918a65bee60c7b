//! JSON files: in a browser, the browser's own parser reads and writes them, which costs the page nothing.

use serde::Serialize;

use crate::read::{self, Read};

/// Reads a JSON text; what is wrong with it is the error. `strict` refuses names that do not belong there.
pub fn read<T: Read>(text: &str, strict: bool) -> Result<T, String> {
    read::read(parse(text)?, strict, T::read)
}

#[cfg(target_arch = "wasm32")]
fn parse(text: &str) -> Result<wasm_bindgen::JsValue, String> {
    js_sys::JSON::parse(text).map_err(|error| crate::client::said(&error))
}

#[cfg(not(target_arch = "wasm32"))]
fn parse(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Writes a JSON text for people to read.
#[cfg(target_arch = "wasm32")]
pub fn write<T: Serialize>(value: &T) -> Result<String, String> {
    let value = value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|error| error.to_string())?;
    let text = js_sys::JSON::stringify_with_replacer_and_space(&value, &wasm_bindgen::JsValue::NULL, &2.into());
    text.map(String::from).map_err(|error| crate::client::said(&error))
}

/// Writes a JSON text for people to read.
#[cfg(not(target_arch = "wasm32"))]
pub fn write<T: Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}
