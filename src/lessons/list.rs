//! The list of lessons.

use yew::prelude::*;

use super::unread::unread;
use super::{anew, go};
use crate::parts::term::opens;
use crate::state::{Page, Place};

/// All lessons, with what each is about and whether it is finished.
pub fn list(page: &Page) -> Html {
    let lessons = &page.state.lessons;
    let names = match &lessons.index {
        None => return html! { <p class="desc" role="status">{"Reading the lessons\u{2026}"}</p> },
        Some(Err(why)) => return unread(page, "The list of lessons", why),
        Some(Ok(names)) => names,
    };
    let done = names.iter().filter(|name| lessons.finished.contains(name)).count();
    html! {
        <>
            <p class="desc">
                {"A lesson sets the page up, asks what will happen, and lets the page measure it. "}
                if done > 0 { {format!("{done} of {} finished.", names.len())} }
            </p>
            <ol class="toc">{ for names.iter().map(|name| item(page, name)) }</ol>
            <p class="desc">
                {"What a word means is in the "}<button type="button" class="term" id="open-glossary" onclick={opens(page, None, None)}>{"glossary"}</button>{"."}
            </p>
        </>
    }
}

fn item(page: &Page, name: &str) -> Html {
    let lessons = &page.state.lessons;
    let read = lessons.read.iter().find(|(known, _)| known == name).map(|(_, read)| read);
    let finished = lessons.finished.iter().any(|known| known == name);
    let begun = lessons.begun(name);
    // One that was begun goes on where it was left; one that is finished begins anew.
    let onclick = match begun {
        Some(step) => go(page, Some(Place::Step { name: name.to_owned(), step })),
        None => anew(page, name),
    };
    match read {
        None => html! { <li key={name} class="late">{"\u{2026}"}</li> },
        Some(Err(why)) => html! { <li key={name}>{ unread(page, &format!("The lesson \u{201c}{name}\u{201d}"), why) }</li> },
        Some(Ok(lesson)) => html! {
            <li key={name}>
                <button type="button" data-lesson={name.to_owned()} {onclick}>
                    <b>{&lesson.title}</b>
                    <span>{&lesson.summary}</span>
                    <small>
                        if lesson.minutes > 0 { {format!("{} min", lesson.minutes)} }
                        if finished { <em>{"\u{2713} finished"}</em> }
                        if begun.is_some() { <span>{"begun"}</span> }
                    </small>
                </button>
            </li>
        },
    }
}
