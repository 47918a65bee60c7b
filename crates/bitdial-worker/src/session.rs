//! What the kinds of workers have in common: requests that are answered one after the other.

use js_sys::ArrayBuffer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::turn::{Stop, Turn};
#[cfg(feature = "keeps")]
use crate::wire;

/// An answer and what lies beside it.
pub type Answer<R> = (R, Vec<ArrayBuffer>);

/// Everything one worker keeps.
pub trait Session: Default + 'static {
    /// What it takes.
    type Request: DeserializeOwned;
    /// What it answers.
    type Response: Serialize;

    /// Answers a request.
    ///
    /// # Errors
    /// A `Stop` if it was given up or cannot be done; what is kept is then as it was.
    fn answer(
        &mut self,
        request: Self::Request,
        buffers: &[ArrayBuffer],
        turn: &mut Turn<'_>,
    ) -> impl Future<Output = Result<Answer<Self::Response>, Stop>>;
}

/// Something that is asked for is not here.
#[cfg(feature = "keeps")]
pub fn gone(what: &str) -> Stop {
    Stop::because(&format!("this {what} is not here: it was disposed of, or belongs to another worker"))
}

/// The answer to whoever disposed of something.
#[cfg(feature = "keeps")]
pub fn done<T, R>(removed: Option<T>, what: &str, answer: R) -> Result<R, Stop> {
    removed.map(|_| answer).ok_or_else(|| gone(what))
}

/// A buffer beside a request.
#[cfg(feature = "keeps")]
pub fn buffer<'a>(buffers: &'a [ArrayBuffer], index: usize, what: &str) -> Result<&'a ArrayBuffer, Stop> {
    buffers.get(index).ok_or_else(|| Stop::because(&format!("the request came without the buffer of {what}")))
}

/// The f32 beside a request.
#[cfg(feature = "keeps")]
pub fn floats(buffers: &[ArrayBuffer], what: &str) -> Result<Vec<f32>, Stop> {
    wire::floats(buffer(buffers, 0, what)?).map_err(|reason| Stop::because(&reason))
}
