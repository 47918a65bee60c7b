//! Why something that the page asked for did not come.

use thiserror::Error;
use wasm_bindgen::JsValue;

/// Sentences for the person in front of the page.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// A file did not come.
    #[error("{file} could not be fetched: {reason}. Check the connection and try again.")]
    Fetch {
        /// Which.
        file: String,
        /// What the browser or server said.
        reason: String,
    },
    /// A photo is no picture.
    #[error("{file} could not be read as a picture: {reason}.")]
    Picture {
        /// Which.
        file: String,
        /// What the browser said.
        reason: String,
    },
    /// The worker is gone, and with it what was asked of it.
    #[error("{0}")]
    Lost(String),
    /// Worker after worker was lost.
    #[error("The workers keep stopping, so this recipe was given up. The last one said: {0}")]
    KeepsFailing(String),
    /// The engine cannot do it; the sentence is its own.
    #[error("{0}")]
    Refused(String),
    /// The request was given up.
    #[error("The request was given up.")]
    Cancelled,
    /// An answer that does not fit the question.
    #[error("The worker answered {0} with something else. The page and its worker are of different versions: reload the page.")]
    Unexpected(&'static str),
    /// A browser without what the page needs.
    #[error("This browser cannot run the {0} backend. Choose another one, or Auto.")]
    Unsupported(&'static str),
}

impl ClientError {
    /// Whether the same attempt may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Lost(_) | Self::KeepsFailing(_))
    }
}

/// What a JavaScript error says.
pub fn said(value: &JsValue) -> String {
    let message = js_sys::Reflect::get(value, &JsValue::from_str("message")).ok().and_then(|m| m.as_string());
    message.or_else(|| value.as_string()).unwrap_or_else(|| format!("{value:?}"))
}
