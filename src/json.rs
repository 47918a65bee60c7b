//! JSON files: in a browser, the browser's own parser reads and writes them, which costs the page nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a JSON text; what is wrong with it is the error.
#[cfg(target_arch = "wasm32")]
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = js_sys::JSON::parse(text).map_err(|error| crate::client::said(&error))?;
    serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
}

/// Reads a JSON text; what is wrong with it is the error.
#[cfg(not(target_arch = "wasm32"))]
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
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
