//! The wasm modules of the workers, each behind a message loop: runners for the processor and, built with the feature
//! `webgpu` alone, for a GPU; built with the feature `lab` alone, the lab; with `lessons` alone, the reader of lessons.
//!
//! `js/worker.mjs` instantiates it in a dedicated worker and calls [`listen`]. From then on the worker takes
//! [`ToWorker`](bitdial_protocol::ToWorker) and sends [`FromWorker`](bitdial_protocol::FromWorker) messages, each as
//! `{message, buffers: [ArrayBuffer]}`. Requests are answered one after the other, in the order of their arrival; a
//! long one gives way to the event loop every few milliseconds, so that its progress is seen and it can be cancelled.
//!
//! `js/bitdial.mjs` is the same engine for other people's pages.

#[cfg(feature = "lab")]
mod lab;
mod queue;
#[cfg(feature = "lessons")]
mod reader;
#[cfg(any(feature = "runner", feature = "webgpu"))]
mod runner;
mod server;
mod session;
mod turn;
mod wire;

use std::rc::Rc;

use js_sys::{Reflect, global};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

#[cfg(feature = "lab")]
pub use lab::Lab;
#[cfg(feature = "lessons")]
pub use reader::Reader;
#[cfg(any(feature = "runner", feature = "webgpu"))]
pub use runner::Runner;
pub use server::Server;
pub use session::Session;

/// The session of this module: the table of backends. With all features it is the processor's.
#[cfg(feature = "runner")]
type Own = Runner<bitdial_engine::Cpu>;
#[cfg(all(feature = "webgpu", not(feature = "runner")))]
type Own = Runner<bitdial_gpu::WebGpu>;
#[cfg(all(feature = "lab", not(any(feature = "runner", feature = "webgpu"))))]
type Own = Lab;
#[cfg(not(any(feature = "lab", feature = "runner", feature = "webgpu")))]
type Own = Reader;

/// The property of the worker's global scope that holds the message of a panic, for `worker.mjs` to send.
const PANIC: &str = "bitdialPanic";

/// Listens to the page for as long as the worker lives, after saying so.
#[wasm_bindgen]
pub fn listen() {
    std::panic::set_hook(Box::new(|info| {
        // A panic ends in a trap, which `worker.mjs` sees as an error event that no longer knows why.
        let _ = Reflect::set(&global(), &PANIC.into(), &info.to_string().into());
    }));
    let scope: DedicatedWorkerGlobalScope = global().unchecked_into();
    let server = Server::<Own>::start(Rc::new({
        let scope = scope.clone();
        move |message: &JsValue, transfer: &js_sys::Array| {
            if let Err(error) = scope.post_message_with_transfer(message, transfer) {
                web_sys::console::error_2(&"bitdial: a message could not be sent".into(), &error);
            }
        }
    }));
    let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| server.hear(&event.data()));
    scope.set_onmessage(Some(hear.as_ref().unchecked_ref()));
    hear.forget();
}

/// Traps, as a defect of the engine would: a hook for tests of what a page does then.
#[wasm_bindgen]
pub fn trap() {
    std::process::abort();
}
