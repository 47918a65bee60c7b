//! What the browser keeps between visits: lines of text by key, in a table of its database (`IndexedDB`).

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbRequest, IdbTransactionMode};

use super::error::said;

const DATABASE: &str = "bitdial";
const TABLE: &str = "tried";

/// The table, open.
pub struct Keep {
    database: IdbDatabase,
    /// What it holds, as far as this page put it there or read it.
    kept: RefCell<HashMap<String, String>>,
}

/// Waits for a request.
async fn done(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    // What a failure resolves to is an event; the request knows the reason.
    match JsFuture::from(promise).await {
        Ok(_) => request.result(),
        Err(event) => Err(request.error().ok().flatten().map_or(event, JsValue::from)),
    }
}

async fn open() -> Result<IdbDatabase, JsValue> {
    let factory = gloo::utils::window().indexed_db()?.ok_or_else(|| JsValue::from("there is no database"))?;
    let request = factory.open(DATABASE)?;
    let create = {
        let request = request.clone();
        Closure::<dyn FnMut()>::new(move || {
            if let Ok(database) = request.result() {
                // Without its table, the first transaction says what is wrong.
                let _ = database.unchecked_into::<IdbDatabase>().create_object_store(TABLE);
            }
        })
    };
    request.set_onupgradeneeded(Some(create.as_ref().unchecked_ref()));
    Ok(done(&request).await?.unchecked_into())
}

async fn read(database: &IdbDatabase) -> Result<HashMap<String, String>, JsValue> {
    let table = database.transaction_with_str(TABLE)?.object_store(TABLE)?;
    let (keys, lines) = (table.get_all_keys()?, table.get_all()?);
    let (keys, lines): (Array, Array) = (done(&keys).await?.unchecked_into(), done(&lines).await?.unchecked_into());
    Ok(keys.iter().zip(lines.iter()).filter_map(|(key, line)| Some((key.as_string()?, line.as_string()?))).collect())
}

impl Keep {
    /// Opens the table; gives its lines beside it. The error says what the browser said.
    pub async fn open() -> Result<(Self, Vec<String>), String> {
        let opened = async {
            let database = open().await?;
            let kept = read(&database).await?;
            Ok::<_, JsValue>((database, kept))
        };
        let (database, kept) = opened.await.map_err(|error| said(&error))?;
        let lines = kept.values().cloned().collect();
        Ok((Self { database, kept: RefCell::new(kept) }, lines))
    }

    /// Makes the table hold these lines, and none of those that were known before and are not among them. Lines that
    /// another tab wrote meanwhile stay.
    pub async fn hold(&self, lines: HashMap<String, String>) -> Result<(), String> {
        let before = self.kept.replace(lines.clone());
        self.write(&before, &lines).await.map_err(|error| {
            // None of it was written: the next change brings it again.
            self.kept.replace(before);
            said(&error)
        })
    }

    async fn write(&self, before: &HashMap<String, String>, lines: &HashMap<String, String>) -> Result<(), JsValue> {
        let gone: Vec<&String> = before.keys().filter(|key| !lines.contains_key(*key)).collect();
        let news: Vec<_> = lines.iter().filter(|(key, line)| before.get(*key) != Some(line)).collect();
        if gone.is_empty() && news.is_empty() {
            return Ok(());
        }
        let change = self.database.transaction_with_str_and_mode(TABLE, IdbTransactionMode::Readwrite)?;
        let table = change.object_store(TABLE)?;
        for key in gone {
            table.delete(&key.as_str().into())?;
        }
        for (key, line) in news {
            table.put_with_key(&line.as_str().into(), &key.as_str().into())?;
        }
        // A full disk is told at the end, not by the single request.
        let ended = Promise::new(&mut |resolve, reject| {
            change.set_oncomplete(Some(&resolve));
            change.set_onabort(Some(&reject));
        });
        match JsFuture::from(ended).await {
            Ok(_) => Ok(()),
            Err(_) => Err(change.error().map_or("the browser gave it up".into(), JsValue::from)),
        }
    }
}
