//! Messages between a page and a worker.
//!
//! A message is a [`ToWorker`] or [`FromWorker`] beside a list of buffers (`{message, buffers: [ArrayBuffer]}` on the
//! wire): the small part is serde, the large part moves as Transferables. Requests of one worker are answered in the
//! order of their arrival, each with exactly one [`FromWorker::Response`], [`FromWorker::Failed`] or
//! [`FromWorker::Cancelled`]; a long one may send [`FromWorker::Progress`] before. There are two kinds of worker: what
//! the lab takes is in [`crate::lab`], what a runner takes in [`crate::runner`].
//!
//! Requests and answers name their kind as a property, `{request: {id, body: {run: {target, batch}}}}`: read without a
//! copy that knows no type yet, which would take 20 kB of each worker and as much of the page. What comes back is
//! `{type: "response", id, body: {ran: {shapes}}}`.

use serde::{Deserialize, Serialize};

/// A model loaded in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelHandle(pub u32);

/// A quantized model in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QuantizedHandle(pub u32);

/// A set of images in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImagesHandle(pub u32);

/// How pixels (0..=255) become a model's input: `(pixel - mean) / std`, the same for every channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalize {
    /// In pixel units.
    pub mean: f32,
    /// In pixel units.
    pub std: f32,
}

/// Page to worker; `B` is what its kind takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToWorker<B> {
    /// Asks for something.
    Request {
        /// Chosen by the page, unique per worker.
        id: u32,
        /// What.
        body: B,
    },
    /// Gives up a request that was sent; it is answered with [`FromWorker::Cancelled`], or was just answered.
    Cancel {
        /// The request.
        id: u32,
    },
}

/// Worker to page; `B` is what its kind answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum FromWorker<B> {
    /// The module is compiled and listens. Messages sent earlier are lost.
    Listening {},
    /// Part of a request is done.
    Progress {
        /// The request.
        id: u32,
        /// What is being done, if a request does several things one after the other.
        stage: String,
        /// Parts done.
        done: u32,
        /// Parts in all.
        total: u32,
    },
    /// A request is answered.
    Response {
        /// The request.
        id: u32,
        /// The answer.
        body: B,
    },
    /// A request failed; the worker is as it was before.
    Failed {
        /// The request.
        id: u32,
        /// A sentence a person can act on.
        message: String,
    },
    /// A request was cancelled.
    Cancelled {
        /// The request.
        id: u32,
    },
    /// The module trapped and cannot go on; every open request is lost.
    Trapped {
        /// What the trap said.
        message: String,
    },
}
