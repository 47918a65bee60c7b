//! The message loop: hears messages, answers requests one after the other.

use std::rc::Rc;

use bitdial_engine::Progress;
use bitdial_protocol::{FromWorker, ToWorker};
use js_sys::{Array, ArrayBuffer};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::queue::{Queue, Waiting};
use crate::session::Session;
use crate::turn::{Stop, Turn, give_way};
use crate::wire;

/// Posts a message with what is transferred beside it.
pub type Post = Rc<dyn Fn(&JsValue, &Array)>;

/// A session that takes messages and posts its answers.
pub struct Server<S: Session> {
    queue: Rc<Queue<S::Request>>,
}

impl<S: Session> Server<S> {
    /// Starts to answer, after posting that it listens.
    #[must_use]
    pub fn start(post: Post) -> Self {
        let queue = Rc::new(Queue::default());
        send::<S>(&post, &FromWorker::Listening {}, Vec::new());
        spawn_local(serve::<S>(Rc::clone(&queue), post));
        Self { queue }
    }

    /// Takes a message: `{message, buffers}`.
    pub fn hear(&self, data: &JsValue) {
        match wire::read(data) {
            Ok((ToWorker::Request { id, body }, buffers)) => self.queue.push(Waiting { id, body: Ok(body), buffers }),
            Ok((ToWorker::Cancel { id }, _)) => self.queue.cancel(id),
            Err(wire::Unreadable { id: Some(id), reason }) => {
                let reason = format!("the request cannot be understood: {reason}");
                self.queue.push(Waiting { id, body: Err(reason), buffers: Vec::new() });
            }
            // Nobody waits for an answer: not a message of this protocol.
            Err(_) => {}
        }
    }
}

async fn serve<S: Session>(queue: Rc<Queue<S::Request>>, post: Post) {
    let mut session = S::default();
    loop {
        let Waiting { id, body, buffers } = queue.next().await;
        // Hears what was posted since: above all, that this request was given up.
        give_way().await;
        let report = |stage: &str, Progress { done, total }| {
            let (done, total) = (done.try_into().unwrap_or(u32::MAX), total.try_into().unwrap_or(u32::MAX));
            send::<S>(&post, &FromWorker::Progress { id, stage: stage.to_owned(), done, total }, Vec::new());
        };
        let given_up = || queue.is_cancelled(id);
        let mut turn = Turn::new(&given_up, &report);
        let answer = match body {
            _ if queue.is_cancelled(id) => Err(Stop::Cancelled),
            Ok(request) => session.answer(request, &buffers, &mut turn).await,
            Err(reason) => Err(Stop::because(&reason)),
        };
        queue.answered();
        match answer {
            Ok((body, buffers)) => send::<S>(&post, &FromWorker::Response { id, body }, buffers),
            Err(Stop::Cancelled) => send::<S>(&post, &FromWorker::Cancelled { id }, Vec::new()),
            Err(Stop::Failed(message)) => send::<S>(&post, &FromWorker::Failed { id, message }, Vec::new()),
        }
    }
}

fn send<S: Session>(post: &Post, message: &FromWorker<S::Response>, buffers: Vec<ArrayBuffer>) {
    let (message, transfer) = wire::write(message, buffers);
    post(&message, &transfer);
}
