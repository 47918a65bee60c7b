//! A request's turn: work in slices that give way to the event loop.

use bitdial_engine::{EngineError, Progress};
use js_sys::{Promise, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageChannel, Performance};

/// How long to work before giving way, in milliseconds.
const SLICE: f64 = 24.0;

/// Most images of one step.
const MOST: usize = 64;

/// Why a request ends without the answer it asked for.
#[derive(Debug)]
pub enum Stop {
    /// The page gave it up.
    Cancelled,
    /// It cannot be done: a sentence.
    Failed(String),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::because(&error.to_string())
    }
}

#[cfg(feature = "lab")]
impl From<bitdial_lab::LabError> for Stop {
    fn from(error: bitdial_lab::LabError) -> Self {
        Self::because(&error.to_string())
    }
}

impl Stop {
    /// It cannot be done, for a reason, which becomes a sentence.
    pub fn because(reason: &str) -> Self {
        let mut rest = reason.chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        let end = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
        Self::Failed(first.into_iter().chain(rest).chain(end.chars()).collect())
    }
}

/// One request's turn.
pub struct Turn<'a> {
    given_up: &'a dyn Fn() -> bool,
    report: &'a dyn Fn(&str, Progress),
    slice: f64,
    step: f64,
    images: usize,
}

impl<'a> Turn<'a> {
    /// The turn of a request begins; `given_up` says whether it was, `report` sends its progress.
    pub fn new(given_up: &'a dyn Fn() -> bool, report: &'a dyn Fn(&str, Progress)) -> Self {
        let time = now();
        Self { given_up, report, slice: time, step: time, images: 1 }
    }

    /// Sets how many images the first step takes; one, if nothing is known.
    pub fn start_with(&mut self, images: usize) {
        self.images = images;
    }

    /// How many images to take in the next step: as many as take a part of a slice, by what the steps before took.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// After each step: learns how long it took and, at the end of a slice, reports progress and gives way.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the page gave the request up.
    pub async fn rest(&mut self, progress: Progress) -> Result<(), Stop> {
        self.rest_in("", progress).await
    }

    /// The same in one of several stages.
    ///
    /// # Errors
    /// As [`Self::rest`].
    pub async fn rest_in(&mut self, stage: &str, progress: Progress) -> Result<(), Stop> {
        let time = now();
        let took = time - self.step;
        if took < SLICE / 4.0 {
            self.images = (self.images * 2).min(MOST);
        } else if took > SLICE {
            self.images = (self.images / 2).max(1);
        }
        if time - self.slice >= SLICE {
            (self.report)(stage, progress);
            give_way().await;
            self.slice = now();
        }
        self.step = now();
        if (self.given_up)() { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

/// The worker's clock, in milliseconds.
#[must_use]
pub fn now() -> f64 {
    thread_local!(static CLOCK: Option<Performance> =
        Reflect::get(&global(), &"performance".into()).ok().and_then(|clock| clock.dyn_into().ok()));
    CLOCK.with(|clock| clock.as_ref().map_or(0.0, Performance::now))
}

/// Lets the event loop go round once. Not by a timer, which waits at least 4 ms when it is set again and again.
pub async fn give_way() {
    thread_local!(static CHANNEL: Option<MessageChannel> = MessageChannel::new().ok());
    let promise = Promise::new(&mut |resolve, _| {
        CHANNEL.with(|channel| {
            let posted = channel.as_ref().is_some_and(|channel| {
                channel.port1().set_onmessage(Some(&resolve));
                channel.port2().post_message(&JsValue::NULL).is_ok()
            });
            if !posted {
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
    });
    // It never rejects.
    let _ = JsFuture::from(promise).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_sentences() {
        for (reason, sentence) in [("a set of 3", "A set of 3."), ("Done.", "Done."), ("'a' is b", "'a' is b."), ("", ".")] {
            assert!(matches!(Stop::because(reason), Stop::Failed(found) if found == sentence), "{reason}");
        }
    }
}
