//! A page's end of the messages.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bitdial_protocol::{FromWorker, ToWorker};
use bitdial_worker::{Server, Session};
use js_sys::{Array, ArrayBuffer, Float32Array, JSON, Object, Reflect, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageChannel, MessageEvent, MessagePort};

type Received<R> = (FromWorker<R>, Vec<ArrayBuffer>);

/// What became of a request.
#[derive(Debug)]
pub enum Outcome<R> {
    /// Its answer, and what lay beside it.
    Answered(R, Vec<ArrayBuffer>),
    /// A sentence.
    Failed(String),
    /// It was given up.
    Cancelled,
}

/// A server, and the port through which it is spoken to.
pub struct Client<S: Session> {
    port: MessagePort,
    inbox: Rc<Inbox<S::Response>>,
    last: Cell<u32>,
}

struct Inbox<R> {
    received: RefCell<VecDeque<Received<R>>>,
    waker: RefCell<Option<Waker>>,
}

impl<S: Session> Client<S>
where
    S::Request: Serialize,
    S::Response: DeserializeOwned + std::fmt::Debug,
{
    /// Starts a server.
    pub fn start() -> Self {
        let channel = MessageChannel::new().unwrap();
        let (near, far) = (channel.port1(), channel.port2());
        let inbox = Rc::new(Inbox { received: RefCell::default(), waker: RefCell::default() });
        let hear = Closure::<dyn Fn(MessageEvent)>::new({
            let inbox = Rc::clone(&inbox);
            move |event: MessageEvent| inbox.put(&event.data())
        });
        near.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        hear.forget();
        let server = Server::<S>::start(Rc::new({
            let far = far.clone();
            move |message: &JsValue, transfer: &Array| far.post_message_with_transferable(message, transfer).unwrap()
        }));
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| server.hear(&event.data()));
        far.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        hear.forget();
        Self { port: near, inbox, last: Cell::new(0) }
    }

    /// Sends a request with copies of these buffers and waits for its answer.
    pub async fn ask(&self, request: S::Request, buffers: &[&[u8]]) -> (S::Response, Vec<ArrayBuffer>) {
        let id = self.send(request, buffers);
        match self.answer_to(id).await {
            Outcome::Answered(body, buffers) => (body, buffers),
            other => panic!("{other:?}"),
        }
    }

    /// The same for a request that must fail; gives the reason.
    pub async fn refusal(&self, request: S::Request, buffers: &[&[u8]]) -> String {
        let id = self.send(request, buffers);
        match self.answer_to(id).await {
            Outcome::Failed(message) => message,
            other => panic!("it worked: {other:?}"),
        }
    }

    /// Sends a request with a buffer of f32 and waits for its answer.
    pub async fn ask_with_floats(&self, request: S::Request, floats: &[f32]) -> (S::Response, Vec<ArrayBuffer>) {
        let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.ask(request, &[&bytes]).await
    }

    /// Sends a request and gives its id.
    pub fn send(&self, body: S::Request, buffers: &[&[u8]]) -> u32 {
        self.last.set(self.last.get() + 1);
        let id = self.last.get();
        self.post(&ToWorker::Request { id, body }, buffers);
        id
    }

    /// Posts a message.
    pub fn post(&self, message: &ToWorker<S::Request>, buffers: &[&[u8]]) {
        let message = message.serialize(&Serializer::json_compatible()).unwrap();
        self.post_value(&message, buffers);
    }

    /// Posts a message that need not be one.
    pub fn post_json(&self, message: &str) {
        self.post_value(&JSON::parse(message).unwrap(), &[]);
    }

    /// The next message of the server.
    pub async fn next(&self) -> Received<S::Response> {
        poll_fn(|context| match self.inbox.received.borrow_mut().pop_front() {
            Some(received) => Poll::Ready(received),
            None => {
                self.inbox.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    /// What becomes of a request; skips progress and the first greeting.
    pub async fn answer_to(&self, wanted: u32) -> Outcome<S::Response> {
        loop {
            let (message, buffers) = self.next().await;
            let (id, outcome) = match message {
                FromWorker::Response { id, body } => (id, Outcome::Answered(body, buffers)),
                FromWorker::Failed { id, message } => (id, Outcome::Failed(message)),
                FromWorker::Cancelled { id } => (id, Outcome::Cancelled),
                FromWorker::Trapped { message } => panic!("{message}"),
                FromWorker::Listening {} | FromWorker::Progress { .. } => continue,
            };
            assert_eq!(id, wanted);
            return outcome;
        }
    }

    fn post_value(&self, message: &JsValue, buffers: &[&[u8]]) {
        let buffers: Array = buffers.iter().map(|&bytes| Uint8Array::from(bytes).buffer()).collect();
        let whole = Object::new();
        Reflect::set(&whole, &"message".into(), message).unwrap();
        Reflect::set(&whole, &"buffers".into(), &buffers).unwrap();
        self.port.post_message_with_transferable(&whole, &buffers).unwrap();
        for buffer in buffers.iter() {
            assert_eq!(buffer.unchecked_into::<ArrayBuffer>().byte_length(), 0, "a buffer was copied");
        }
    }
}

impl<R: DeserializeOwned> Inbox<R> {
    fn put(&self, data: &JsValue) {
        let get = |name: &str| Reflect::get(data, &name.into()).unwrap();
        let buffers = get("buffers").unchecked_into::<Array>().iter().map(JsCast::unchecked_into).collect();
        let message = serde_wasm_bindgen::from_value(get("message")).unwrap();
        self.received.borrow_mut().push_back((message, buffers));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The bytes of a buffer.
pub fn bytes(buffer: &ArrayBuffer) -> Vec<u8> {
    Uint8Array::new(buffer).to_vec()
}

/// The f32 of a buffer.
pub fn floats(buffer: &ArrayBuffer) -> Vec<f32> {
    Float32Array::new(buffer).to_vec()
}
