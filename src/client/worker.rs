//! One worker: requests become futures, and a future that is dropped takes its request back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use bitdial_protocol::{FromWorker, Request, Response, ToWorker};
use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Array, ArrayBuffer, Object, Reflect};
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::{Event, MessageEvent, WorkerOptions, WorkerType};

use super::clock::sleep;
use super::error::{ClientError, said};

/// A worker that says nothing for so long after its start never will.
const PATIENCE_MS: u32 = 30_000;

/// An answer and the buffers beside it.
pub struct Answer {
    /// The answer.
    pub body: Response,
    /// What moved with it.
    pub buffers: Vec<ArrayBuffer>,
}

/// A running worker. Dropping the last handle ends it.
#[derive(Clone)]
pub struct Worker(Rc<Inner>);

/// Kept alive as long as the worker may call it.
type Listener<E> = Option<Closure<dyn FnMut(E)>>;

struct Inner {
    raw: web_sys::Worker,
    next: Cell<u32>,
    open: RefCell<HashMap<u32, oneshot::Sender<Result<Answer, ClientError>>>>,
    listening: RefCell<Option<oneshot::Sender<()>>>,
    /// Why it is gone.
    gone: RefCell<Option<String>>,
    on_message: RefCell<Listener<MessageEvent>>,
    on_error: RefCell<Listener<Event>>,
}

impl Worker {
    /// Starts a worker and waits until it listens.
    pub async fn start(url: &str) -> Result<Self, ClientError> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let raw = web_sys::Worker::new_with_options(url, &options).map_err(|e| ClientError::Lost(said(&e)))?;
        let (tell, listening) = oneshot::channel();
        let inner = Rc::new(Inner {
            raw,
            next: Cell::new(1),
            open: RefCell::default(),
            listening: RefCell::new(Some(tell)),
            gone: RefCell::default(),
            on_message: RefCell::default(),
            on_error: RefCell::default(),
        });
        Inner::listen(&inner);
        let patience = Box::pin(sleep(PATIENCE_MS));
        match select(listening, patience).await {
            Either::Left((Ok(()), _)) => Ok(Self(inner)),
            Either::Left((Err(_), _)) => Err(inner.loss()),
            Either::Right(_) => Err(ClientError::Lost("The worker did not start.".into())),
        }
    }

    /// Asks for something. `buffers` move to the worker.
    pub fn request(&self, body: Request, buffers: Vec<ArrayBuffer>) -> Pending {
        let id = self.0.next.replace(self.0.next.get() + 1);
        let (tell, answer) = oneshot::channel();
        if self.0.gone.borrow().is_some() {
            let _ = tell.send(Err(self.0.loss()));
        } else {
            self.0.open.borrow_mut().insert(id, tell);
            self.0.post(&ToWorker::Request { id, body }, buffers);
        }
        Pending { worker: Rc::downgrade(&self.0), id, answer }
    }

    /// Asks for something where only the answer's kind matters.
    pub async fn ask(&self, body: Request) -> Result<Response, ClientError> {
        Ok(self.request(body, Vec::new()).await?.body)
    }

    /// Asks for something and does not wait.
    pub fn tell(&self, body: Request) {
        self.0.tell(body);
    }

    /// Whether it can still be asked.
    pub fn is_gone(&self) -> bool {
        self.0.gone.borrow().is_some()
    }
}

impl Inner {
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
                let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
                inner.lose(message.filter(|text| !text.is_empty()).unwrap_or_else(|| "The worker could not be loaded.".into()));
            }
        });
        inner.raw.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        inner.raw.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        inner.on_message.replace(Some(on_message));
        inner.on_error.replace(Some(on_error));
    }

    fn post(&self, message: &ToWorker, buffers: Vec<ArrayBuffer>) {
        let parcel = Object::new();
        let buffers: Array = buffers.into_iter().collect();
        let sent = message.serialize(&Serializer::json_compatible()).map_err(JsValue::from).and_then(|message| {
            Reflect::set(&parcel, &"message".into(), &message)?;
            Reflect::set(&parcel, &"buffers".into(), &buffers)?;
            self.raw.post_message_with_transfer(&parcel, &buffers)
        });
        if let Err(error) = sent {
            self.lose(said(&error));
        }
    }

    fn tell(&self, body: Request) {
        let id = self.next.replace(self.next.get() + 1);
        self.post(&ToWorker::Request { id, body }, Vec::new());
    }

    fn receive(&self, parcel: &JsValue) {
        let part = |name: &str| Reflect::get(parcel, &name.into()).unwrap_or_default();
        match FromWorker::deserialize(serde_wasm_bindgen::Deserializer::from(part("message"))) {
            Ok(FromWorker::Listening {}) => {
                if let Some(tell) = self.listening.take() {
                    let _ = tell.send(());
                }
            }
            Ok(FromWorker::Response { id, body }) => {
                let buffers = part("buffers").dyn_into::<Array>().unwrap_or_default();
                let buffers = buffers.iter().filter_map(|buffer| buffer.dyn_into().ok()).collect();
                self.answer(id, body, buffers);
            }
            // The page shows how many images are counted; nothing here takes long enough for more.
            Ok(FromWorker::Progress { .. }) => {}
            Ok(FromWorker::Trapped { message }) => self.lose(message),
            Err(error) => self.lose(format!("A message of the worker could not be read: {error}")),
        }
    }

    fn answer(&self, id: u32, body: Response, buffers: Vec<ArrayBuffer>) {
        let Some(tell) = self.open.borrow_mut().remove(&id) else {
            self.drop_orphan(&body);
            return;
        };
        let _ = tell.send(match body {
            Response::Failed { message } => Err(ClientError::Refused(message)),
            Response::Cancelled {} => Err(ClientError::Cancelled),
            body => Ok(Answer { body, buffers }),
        });
    }

    /// What was made for a request that had been taken back is of no use to anybody.
    fn drop_orphan(&self, body: &Response) {
        match *body {
            Response::Quantized { quantized, .. } => self.tell(Request::DisposeQuantized { quantized }),
            Response::Loaded { model, .. } => self.tell(Request::DisposeModel { model }),
            Response::Images { images, .. } => self.tell(Request::DisposeImages { images }),
            _ => {}
        }
    }

    /// The worker is of no use any more: whoever waits is told.
    fn lose(&self, message: String) {
        self.gone.borrow_mut().get_or_insert(message);
        self.raw.terminate();
        drop(self.listening.take());
        for (_, tell) in self.open.take() {
            let _ = tell.send(Err(self.loss()));
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
pub struct Pending {
    worker: Weak<Inner>,
    id: u32,
    answer: oneshot::Receiver<Result<Answer, ClientError>>,
}

impl Future for Pending {
    type Output = Result<Answer, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer)
            .poll(context)
            .map(|answer| answer.unwrap_or_else(|_| Err(ClientError::Lost("The worker was ended.".into()))))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(worker) = self.worker.upgrade() else { return };
        if worker.open.borrow_mut().remove(&self.id).is_some() {
            worker.post(&ToWorker::Cancel { id: self.id }, Vec::new());
        }
    }
}
