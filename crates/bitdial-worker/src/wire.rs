//! Messages as they travel: `{message, buffers: [ArrayBuffer]}`, the buffers transferred.

use bitdial_protocol::{FromWorker, ToWorker};
use js_sys::{Array, ArrayBuffer, Object, Reflect};
#[cfg(feature = "keeps")]
use js_sys::{Float32Array, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::{JsCast, JsValue};

/// A message that cannot be understood.
#[derive(Debug)]
pub struct Unreadable {
    /// The request's id, if at least that is there.
    pub id: Option<u32>,
    /// Why.
    pub reason: String,
}

/// Takes a message from the page apart.
///
/// # Errors
/// [`Unreadable`] if it is none.
pub fn read<B: DeserializeOwned>(data: &JsValue) -> Result<(ToWorker<B>, Vec<ArrayBuffer>), Unreadable> {
    let message = property(data, "message");
    let kind = ["request", "cancel"].map(|kind| property(&message, kind)).into_iter().find(|kind| !kind.is_undefined());
    let id = property(&kind.unwrap_or_default(), "id").as_f64().filter(|id| (0.0..=f64::from(u32::MAX)).contains(id)).map(|id| id as u32);
    let unreadable = |reason: String| Unreadable { id, reason };
    let mut buffers = Vec::new();
    let list = property(data, "buffers");
    if !list.is_undefined() {
        let list: Array = list.dyn_into().map_err(|_| unreadable("its buffers are no list".into()))?;
        for buffer in list.iter() {
            buffers.push(buffer.dyn_into().map_err(|_| unreadable("one of its buffers is no ArrayBuffer".into()))?);
        }
    }
    // The error is a JavaScript one, which calls itself an error.
    let message =
        serde_wasm_bindgen::from_value(message).map_err(|e| unreadable(e.to_string().trim_start_matches("Error: ").to_owned()))?;
    Ok((message, buffers))
}

/// Puts a message for the page together: what to post, and what to transfer with it.
///
/// # Panics
/// Never: every message of the protocol can be a JavaScript value.
#[must_use]
pub fn write<B: Serialize>(message: &FromWorker<B>, buffers: Vec<ArrayBuffer>) -> (JsValue, Array) {
    // Plain objects and numbers, as JSON would have them.
    let message = message.serialize(&Serializer::json_compatible()).expect("a message is a JavaScript value");
    let transfer: Array = buffers.into_iter().collect();
    let whole = Object::new();
    for (key, value) in [("message", &message), ("buffers", transfer.as_ref())] {
        Reflect::set(&whole, &key.into(), value).expect("a new object takes properties");
    }
    (whole.into(), transfer)
}

/// The bytes of a buffer.
#[cfg(feature = "keeps")]
#[must_use]
pub fn bytes(buffer: &ArrayBuffer) -> Vec<u8> {
    Uint8Array::new(buffer).to_vec()
}

/// The f32 in a buffer.
///
/// # Errors
/// A sentence, if its length is no multiple of 4.
#[cfg(feature = "keeps")]
pub fn floats(buffer: &ArrayBuffer) -> Result<Vec<f32>, String> {
    if !buffer.byte_length().is_multiple_of(4) {
        return Err(format!("a buffer of f32 has {} bytes, which is no multiple of 4", buffer.byte_length()));
    }
    Ok(Float32Array::new(buffer).to_vec())
}

/// A buffer with these bytes.
#[cfg(feature = "keeps")]
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> ArrayBuffer {
    Uint8Array::from(bytes).buffer()
}

/// A buffer with these f32.
#[cfg(any(feature = "runner", feature = "webgpu"))]
#[must_use]
pub fn from_floats(floats: &[f32]) -> ArrayBuffer {
    Float32Array::from(floats).buffer()
}

/// A property; undefined where there is none.
fn property(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
