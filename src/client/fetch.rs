//! Files from the page's own site: fetched once, with progress, kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{ReadableStreamDefaultReader, Response};

use super::error::{ClientError, said};

/// Bytes here and bytes in all, as far as that is known.
pub type OnProgress = Rc<dyn Fn(usize, Option<usize>)>;

type File = Shared<LocalBoxFuture<'static, Result<ArrayBuffer, ClientError>>>;

/// Who wants to know how much of a file is here, and how much that is.
type Listeners = Rc<RefCell<(Vec<OnProgress>, usize)>>;

/// Every file that the page has asked for.
#[derive(Default)]
pub struct Library {
    files: RefCell<HashMap<String, (File, Listeners)>>,
}

impl Library {
    /// A file of the site. Asking twice fetches once; one that failed is fetched again. The bytes are shared: copy
    /// them before transferring.
    pub async fn get(&self, path: &str, on_progress: Option<OnProgress>) -> Result<ArrayBuffer, ClientError> {
        let known = self.files.borrow().get(path).cloned();
        let (file, listeners) = known.filter(|(file, _)| !matches!(file.peek(), Some(Err(_)))).unwrap_or_else(|| {
            let (owned, listeners) = (path.to_owned(), Listeners::default());
            let told = listeners.clone();
            let fetching = async move {
                let bytes = fetch(&owned, &told).await;
                told.borrow_mut().0.clear();
                bytes
            };
            let file = fetching.boxed_local().shared();
            // It arrives even if whoever asked first loses interest.
            spawn_local(file.clone().map(drop));
            self.files.borrow_mut().insert(path.to_owned(), (file.clone(), listeners.clone()));
            (file, listeners)
        });
        if let (Some(tell), None) = (on_progress, file.peek()) {
            let done = listeners.borrow().1;
            // The workers of a pool share one.
            if !listeners.borrow().0.iter().any(|known| Rc::ptr_eq(known, &tell)) {
                listeners.borrow_mut().0.push(tell.clone());
                // Whoever comes later need not wait for the next piece.
                if done > 0 {
                    tell(done, None);
                }
            }
        }
        file.await
    }

    /// Copies of several files, ready to be transferred.
    pub async fn copies(&self, paths: &[&str]) -> Result<Vec<ArrayBuffer>, ClientError> {
        let files = futures::future::try_join_all(paths.iter().map(|path| self.get(path, None))).await?;
        Ok(files.iter().map(|file| file.slice(0)).collect())
    }

    /// A text file.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let file = self.get(path, None).await?;
        let bytes = Uint8Array::new(&file).to_vec();
        String::from_utf8(bytes).map_err(|_| ClientError::Fetch { file: path.to_owned(), reason: "it is not text".into() })
    }
}

async fn fetch(path: &str, listeners: &Listeners) -> Result<ArrayBuffer, ClientError> {
    let failed = |reason: String| ClientError::Fetch { file: path.to_owned(), reason };
    let broken = |value: JsValue| failed(said(&value));
    let response = JsFuture::from(gloo::utils::window().fetch_with_str(path)).await.map_err(broken)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(failed(format!("the server answered {} {}", response.status(), response.status_text())));
    }
    let Some(body) = response.body() else { return Err(failed("the answer was empty".into())) };
    let length = response.headers().get("content-length").ok().flatten().and_then(|text| text.parse().ok());
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let (mut parts, mut done) = (Vec::new(), 0);
    loop {
        let step = JsFuture::from(reader.read()).await.map_err(broken)?;
        let value = Reflect::get(&step, &"value".into()).unwrap_or_default();
        // The last step of a stream carries no value.
        let Ok(part) = value.dyn_into::<Uint8Array>() else { break };
        done += part.length() as usize;
        parts.push(part);
        listeners.borrow_mut().1 = done;
        let told = listeners.borrow().0.clone();
        told.iter().for_each(|tell| tell(done, length));
    }
    let whole = Uint8Array::new_with_length(done as u32);
    let mut at = 0;
    for part in parts {
        whole.set(&part, at);
        at += part.length();
    }
    Ok(whole.buffer())
}
