//! Asks for what is looked at and not read yet.

use std::collections::HashSet;

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::state::{Action, Learn, Lessons, Page, Place};

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Index,
    Lesson(String),
    Glossary,
}

/// What is looked at and not here: the list with all its lessons, a lesson, the glossary.
fn wanted(lessons: &Lessons) -> Vec<Wanted> {
    let mut all = Vec::new();
    let unknown = |name: &str| lessons.read.iter().all(|(known, _)| known != name);
    if let Some(Place::Step { name, .. }) = &lessons.place
        && unknown(name)
    {
        all.push(Wanted::Lesson(name.clone()));
    }
    let unreadable = lessons.lesson().is_some_and(|(_, _, read)| read.is_err());
    match &lessons.index {
        _ if lessons.place != Some(Place::List) && !unreadable => {}
        None => all.push(Wanted::Index),
        Some(Ok(names)) => all.extend(names.iter().filter(|name| unknown(name)).cloned().map(Wanted::Lesson)),
        Some(Err(_)) => {}
    }
    if lessons.shown.is_some() && lessons.glossary.is_none() {
        all.push(Wanted::Glossary);
    }
    all
}

/// Reads what is wanted, each text once at a time.
#[hook]
pub fn use_reading(page: &Page) {
    let asked = use_mut_ref(HashSet::<Wanted>::new);
    let (session, dispatch) = (page.session.clone(), page.dispatch.clone());
    use_effect_with(wanted(&page.state.lessons), move |wanted| {
        for wanted in wanted {
            if !asked.borrow_mut().insert(wanted.clone()) {
                continue;
            }
            let (session, dispatch, asked, wanted) = (session.clone(), dispatch.clone(), asked.clone(), wanted.clone());
            spawn_local(async move {
                let learn = match &wanted {
                    Wanted::Index => Learn::Index(session.lessons().await),
                    Wanted::Lesson(name) => Learn::Lesson(name.clone(), session.lesson(name).await),
                    Wanted::Glossary => Learn::Glossary(session.glossary().await),
                };
                asked.borrow_mut().remove(&wanted);
                dispatch.dispatch(Action::Learn(learn));
            });
        }
    });
}
