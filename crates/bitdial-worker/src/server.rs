//! The message loop: hears messages, answers requests one after the other.

use std::rc::Rc;

use bitdial_engine::Progress;
use bitdial_protocol::{FromWorker, Response, ToWorker};
use js_sys::{Array, ArrayBuffer};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::queue::{Queue, Waiting};
use crate::session::Session;
use crate::turn::{Stop, Turn, give_way};
use crate::wire;

/// Posts a message with what is transferred beside it.
pub type Post = Rc<dyn Fn(&JsValue, &Array)>;

/// An engine that takes messages and posts its answers.
pub struct Server {
    queue: Rc<Queue>,
}

impl Server {
    /// Starts to answer, after posting that it listens.
    #[must_use]
    pub fn start(post: Post) -> Self {
        let queue = Rc::new(Queue::default());
        send(&post, &FromWorker::Listening {}, Vec::new());
        spawn_local(serve(Rc::clone(&queue), post));
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

async fn serve(queue: Rc<Queue>, post: Post) {
    let mut session = Session::default();
    loop {
        let Waiting { id, body, buffers } = queue.next().await;
        // Hears what was posted since: above all, that this request was given up.
        give_way().await;
        let report = |Progress { done, total }| {
            let (done, total) = (done.try_into().unwrap_or(u32::MAX), total.try_into().unwrap_or(u32::MAX));
            send(&post, &FromWorker::Progress { id, done, total }, Vec::new());
        };
        let mut turn = Turn::new(id, &queue, &report);
        let answer = match body {
            _ if queue.is_cancelled(id) => Err(Stop::Cancelled),
            Ok(request) => session.answer(request, &buffers, &mut turn).await,
            Err(reason) => Err(Stop::because(&reason)),
        };
        let (body, buffers) = answer.unwrap_or_else(|stop| match stop {
            Stop::Cancelled => (Response::Cancelled {}, Vec::new()),
            Stop::Failed(message) => (Response::Failed { message }, Vec::new()),
        });
        queue.answered();
        send(&post, &FromWorker::Response { id, body }, buffers);
    }
}

fn send(post: &Post, message: &FromWorker, buffers: Vec<ArrayBuffer>) {
    let (message, transfer) = wire::write(message, buffers);
    post(&message, &transfer);
}
