//! JSON files: in a browser, the browser's own parser reads them, which costs the page nothing.

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
