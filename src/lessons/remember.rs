//! What is kept of lessons in this browser, if it keeps anything: which are finished, and the answers given.

use yew::prelude::*;

use crate::state::{Action, Learn, Page, answers};

/// Where finished ones are kept: names with spaces between them.
const KEY: &str = "bitdial-lessons";

/// Where the answers of a lesson are kept.
fn place(name: &str) -> String {
    format!("bitdial-lesson-{name}")
}

fn storage() -> Option<web_sys::Storage> {
    gloo::utils::window().local_storage().ok().flatten()
}

fn kept(key: &str) -> String {
    storage().and_then(|storage| storage.get_item(key).ok().flatten()).unwrap_or_default()
}

/// Full or forbidden: it lasts as long as the page.
fn keep(key: &str, text: &str) {
    let Some(storage) = storage() else { return };
    let _ = if text.is_empty() { storage.remove_item(key) } else { storage.set_item(key, text) };
}

/// Reads what is finished once, and the answers of a lesson when the lesson is read; writes what is added.
#[hook]
pub fn use_memory(page: &Page) {
    let dispatch = page.dispatch.clone();
    use_effect_with((), move |()| {
        let names: Vec<String> = kept(KEY).split_whitespace().take(200).map(str::to_owned).collect();
        if !names.is_empty() {
            dispatch.dispatch(Action::Learn(Learn::Finished(names)));
        }
    });
    use_effect_with(page.state.lessons.finished.clone(), move |finished| {
        if !finished.is_empty() {
            keep(KEY, &finished.join(" "));
        }
    });
    // What is kept of each lesson that was read.
    let known = use_mut_ref(Vec::<(String, String)>::new);
    let (dispatch, lessons) = (page.dispatch.clone(), page.state.lessons.clone());
    let watched = (lessons.read.len(), lessons.given.clone());
    use_effect_with(watched, move |_| {
        let mut known = known.borrow_mut();
        for (name, lesson) in lessons.read.iter().filter_map(|(name, read)| Some((name, read.as_ref().ok()?))) {
            if let Some((_, before)) = known.iter_mut().find(|(known, _)| known == name) {
                let now = answers::write(&lessons.given, name, lesson);
                if *before != now {
                    keep(&place(name), &now);
                    *before = now;
                }
            } else {
                let text = kept(&place(name));
                let given = answers::read(&text, name, lesson);
                known.push((name.clone(), text));
                if !given.is_empty() {
                    dispatch.dispatch(Action::Learn(Learn::Recall(given)));
                }
            }
        }
    });
}
