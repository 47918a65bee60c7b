//! One worker: requests become futures, and a future that is dropped takes its request back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use bitdial_protocol::{LabRequest, LabResponse, LessonRequest, LessonResponse, Request, Response};
use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Array, ArrayBuffer, Object, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::{Event, MessageEvent, WorkerOptions, WorkerType};

use super::clock::sleep;
use super::error::{ClientError, said};

/// A worker that says nothing for so long after its start never will.
const PATIENCE_MS: u32 = 30_000;

/// What a kind of worker takes and answers.
pub trait Kind: 'static {
    /// What it takes.
    type Request: Serialize;
    /// What it answers.
    type Response: DeserializeOwned;

    /// What to ask when an answer comes that nobody waits for any more: what was made for it is of no use to anybody.
    fn forget(answer: &Self::Response) -> Option<Self::Request>;
}

/// Runs packed models.
pub struct Runner;

impl Kind for Runner {
    type Request = Request;
    type Response = Response;

    fn forget(answer: &Response) -> Option<Request> {
        Some(match *answer {
            Response::Quantized { quantized, .. } => Request::DisposeQuantized { quantized },
            Response::Loaded { model, .. } => Request::DisposeModel { model },
            Response::Images { images, .. } => Request::DisposeImages { images },
            _ => return None,
        })
    }
}

/// Makes packed models.
pub struct Lab;

impl Kind for Lab {
    type Request = LabRequest;
    type Response = LabResponse;

    fn forget(answer: &LabResponse) -> Option<LabRequest> {
        Some(match *answer {
            LabResponse::Quantized { quantized, .. } => LabRequest::DisposeQuantized { quantized },
            LabResponse::Loaded { model, .. } => LabRequest::DisposeModel { model },
            LabResponse::Images { images, .. } => LabRequest::DisposeImages { images },
            _ => return None,
        })
    }
}

/// Reads lessons.
pub struct Reader;

impl Kind for Reader {
    type Request = LessonRequest;
    type Response = LessonResponse;

    fn forget(_: &LessonResponse) -> Option<LessonRequest> {
        None
    }
}

/// An answer and the buffers beside it.
pub struct Answer<R> {
    /// The answer.
    pub body: R,
    /// What moved with it.
    pub buffers: Vec<ArrayBuffer>,
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, where a request does several things.
    pub stage: String,
    /// Parts done.
    pub done: u32,
    /// Parts in all.
    pub total: u32,
}

/// Is told how far a request is.
pub type Watch = Box<dyn Fn(Progress)>;

/// A running worker. Dropping the last handle ends it.
pub struct Worker<K> {
    inner: Rc<Inner>,
    kind: PhantomData<K>,
}

impl<K> Clone for Worker<K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), kind: PhantomData }
    }
}

/// Kept alive as long as the worker may call it.
type Listener<E> = Option<Closure<dyn FnMut(E)>>;

/// An answer as it came.
type Raw = Result<Answer<JsValue>, ClientError>;

/// A request without an answer.
struct Open {
    tell: oneshot::Sender<Raw>,
    watch: Option<Watch>,
}

/// What does not depend on the kind.
struct Inner {
    raw: web_sys::Worker,
    next: Cell<u32>,
    open: RefCell<HashMap<u32, Open>>,
    listening: RefCell<Option<oneshot::Sender<()>>>,
    /// What to ask after an answer that nobody waits for.
    forget: fn(JsValue) -> Option<JsValue>,
    /// Why it is gone.
    gone: RefCell<Option<String>>,
    on_message: RefCell<Listener<MessageEvent>>,
    on_error: RefCell<Listener<Event>>,
}

impl<K: Kind> Worker<K> {
    /// Starts a worker and waits until it listens.
    pub async fn start(url: &str) -> Result<Self, ClientError> {
        let forget = |answer: JsValue| {
            let request = K::forget(&serde_wasm_bindgen::from_value(answer).ok()?)?;
            value(&request).ok()
        };
        Ok(Self { inner: Inner::start(url, forget).await?, kind: PhantomData })
    }

    /// Asks for something. `buffers` move to the worker.
    pub fn request(&self, body: &K::Request, buffers: Vec<ArrayBuffer>) -> Pending<K> {
        self.request_watched(body, buffers, None)
    }

    /// The same, with somebody who is told how far it is.
    pub fn request_watched(&self, body: &K::Request, buffers: Vec<ArrayBuffer>, watch: Option<Watch>) -> Pending<K> {
        let (id, answer) = self.inner.request(value(body), buffers, watch);
        Pending { worker: Rc::downgrade(&self.inner), id, answer, kind: PhantomData }
    }

    /// Asks for something where only the answer's kind matters.
    pub async fn ask(&self, body: K::Request) -> Result<K::Response, ClientError> {
        Ok(self.request(&body, Vec::new()).await?.body)
    }

    /// Asks for something and does not wait.
    pub fn tell(&self, body: &K::Request) {
        self.inner.tell(value(body));
    }

    /// Whether it can still be asked.
    pub fn is_gone(&self) -> bool {
        self.inner.gone.borrow().is_some()
    }
}

/// A message as JavaScript has it.
fn value(body: &impl Serialize) -> Result<JsValue, JsValue> {
    body.serialize(&Serializer::json_compatible()).map_err(JsValue::from)
}

fn property(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}

/// A new object with one property.
fn object(name: &str, value: &JsValue) -> Object {
    let object = Object::new();
    // A new object takes properties.
    let _ = Reflect::set(&object, &name.into(), value);
    object
}

impl Inner {
    async fn start(url: &str, forget: fn(JsValue) -> Option<JsValue>) -> Result<Rc<Self>, ClientError> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let raw = web_sys::Worker::new_with_options(url, &options).map_err(|e| ClientError::Lost(said(&e)))?;
        let (tell, listening) = oneshot::channel();
        let inner = Rc::new(Self {
            raw,
            next: Cell::new(1),
            open: RefCell::default(),
            listening: RefCell::new(Some(tell)),
            forget,
            gone: RefCell::default(),
            on_message: RefCell::default(),
            on_error: RefCell::default(),
        });
        Self::listen(&inner);
        let patience = Box::pin(sleep(PATIENCE_MS));
        match select(listening, patience).await {
            Either::Left((Ok(()), _)) => Ok(inner),
            Either::Left((Err(_), _)) => Err(inner.loss()),
            Either::Right(_) => Err(ClientError::Lost("The worker did not start.".into())),
        }
    }

    fn listen(inner: &Rc<Self>) {
        let weak = Rc::downgrade(inner);
        let on_message = Closure::new(move |event: MessageEvent| {
            if let Some(inner) = weak.upgrade() {
                inner.receive(&event.data());
            }
        });
        let weak = Rc::downgrade(inner);
        let on_error = Closure::new(move |event: Event| {
            event.prevent_default();
            if let Some(inner) = weak.upgrade() {
                // A worker that cannot be loaded is told by an event without a message.
                let message = property(&event, "message").as_string();
                inner.lose(message.filter(|text| !text.is_empty()).unwrap_or_else(|| "The worker could not be loaded.".into()));
            }
        });
        inner.raw.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        inner.raw.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        inner.on_message.replace(Some(on_message));
        inner.on_error.replace(Some(on_error));
    }

    fn request(&self, body: Result<JsValue, JsValue>, buffers: Vec<ArrayBuffer>, watch: Option<Watch>) -> (u32, oneshot::Receiver<Raw>) {
        let id = self.next.replace(self.next.get() + 1);
        let (tell, answer) = oneshot::channel();
        if self.gone.borrow().is_some() {
            let _ = tell.send(Err(self.loss()));
        } else {
            self.open.borrow_mut().insert(id, Open { tell, watch });
            self.send(id, body, buffers);
        }
        (id, answer)
    }

    /// Posts a request.
    fn send(&self, id: u32, body: Result<JsValue, JsValue>, buffers: Vec<ArrayBuffer>) {
        match body {
            Ok(body) => {
                let request = object("id", &id.into());
                let _ = Reflect::set(&request, &"body".into(), &body);
                self.post(&object("request", &request), buffers);
            }
            Err(error) => self.lose(said(&error)),
        }
    }

    fn post(&self, message: &Object, buffers: Vec<ArrayBuffer>) {
        let buffers: Array = buffers.into_iter().collect();
        let parcel = object("message", message);
        let _ = Reflect::set(&parcel, &"buffers".into(), &buffers);
        if let Err(error) = self.raw.post_message_with_transfer(&parcel, &buffers) {
            self.lose(said(&error));
        }
    }

    fn tell(&self, body: Result<JsValue, JsValue>) {
        self.send(self.next.replace(self.next.get() + 1), body, Vec::new());
    }

    /// Takes a `FromWorker` apart; its body is left to whoever waits for it.
    fn receive(&self, parcel: &JsValue) {
        let message = property(parcel, "message");
        let text = |name: &str| property(&message, name).as_string().unwrap_or_default();
        let number = |name: &str| property(&message, name).as_f64().unwrap_or(0.0) as u32;
        let id = number("id");
        match text("type").as_str() {
            "listening" => {
                if let Some(tell) = self.listening.take() {
                    let _ = tell.send(());
                }
            }
            "response" => {
                let buffers = property(parcel, "buffers").dyn_into::<Array>().unwrap_or_default();
                let buffers = buffers.iter().filter_map(|buffer| buffer.dyn_into().ok()).collect();
                let body = property(&message, "body");
                match self.open.borrow_mut().remove(&id) {
                    Some(open) => drop(open.tell.send(Ok(Answer { body, buffers }))),
                    None => {
                        if let Some(request) = (self.forget)(body) {
                            self.tell(Ok(request));
                        }
                    }
                }
            }
            "failed" => self.fail(id, ClientError::Refused(text("message"))),
            "cancelled" => self.fail(id, ClientError::Cancelled),
            "progress" => {
                if let Some(Open { watch: Some(watch), .. }) = self.open.borrow().get(&id) {
                    watch(Progress { stage: text("stage"), done: number("done"), total: number("total") });
                }
            }
            "trapped" => self.lose(text("message")),
            other => self.lose(format!("A message of the worker could not be read: it is called \u{201c}{other}\u{201d}.")),
        }
    }

    fn fail(&self, id: u32, error: ClientError) {
        if let Some(open) = self.open.borrow_mut().remove(&id) {
            let _ = open.tell.send(Err(error));
        }
    }

    /// The worker is of no use any more: whoever waits is told.
    fn lose(&self, message: String) {
        self.gone.borrow_mut().get_or_insert(message);
        self.raw.terminate();
        drop(self.listening.take());
        for (_, open) in self.open.take() {
            let _ = open.tell.send(Err(self.loss()));
        }
    }

    fn loss(&self) -> ClientError {
        ClientError::Lost(self.gone.borrow().clone().unwrap_or_else(|| "The worker was ended.".into()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.raw.set_onmessage(None);
        self.raw.set_onerror(None);
        self.raw.terminate();
    }
}

/// An answer to come. Dropping it takes the request back.
pub struct Pending<K> {
    worker: Weak<Inner>,
    id: u32,
    answer: oneshot::Receiver<Raw>,
    kind: PhantomData<K>,
}

impl<K> Unpin for Pending<K> {}

impl<K: Kind> Future for Pending<K> {
    type Output = Result<Answer<K::Response>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|answer| {
            let Answer { body, buffers } = answer.unwrap_or_else(|_| Err(ClientError::Lost("The worker was ended.".into())))?;
            let body = serde_wasm_bindgen::from_value(body)
                .map_err(|error| ClientError::Refused(format!("An answer of the worker could not be read: {error}. Reload the page.")))?;
            Ok(Answer { body, buffers })
        })
    }
}

impl<K> Drop for Pending<K> {
    fn drop(&mut self) {
        let Some(worker) = self.worker.upgrade() else { return };
        if worker.open.borrow_mut().remove(&self.id).is_some() {
            worker.post(&object("cancel", &object("id", &self.id.into())), Vec::new());
        }
    }
}
