//! A step of a lesson.

use bitdial_protocol::Lesson;
use yew::prelude::*;

use super::prose::blocks;
use super::question::question;
use super::unread::unread;
use super::{anew, go, list};
use crate::state::{Action, Learn, Page, Place};

/// Title of the panel, the open step, and the way on.
pub fn views(page: &Page, name: &str) -> (String, Html, Html) {
    match page.state.lessons.lesson() {
        None => ("Lesson".to_owned(), html! { <p class="desc" role="status">{"Reading the lesson\u{2026}"}</p> }, Html::default()),
        Some((_, _, Err(why))) => {
            let what = format!("The lesson \u{201c}{name}\u{201d}");
            ("Lesson".to_owned(), html! { <>{ unread(page, &what, why) }<h3>{"All lessons"}</h3>{ list::list(page) }</> }, Html::default())
        }
        Some((name, at, Ok(lesson))) => (lesson.title.clone(), body(page, name, at, lesson), foot(page, name, at, lesson)),
    }
}

/// The place beside the open one.
pub fn beside(page: &Page, forward: bool) -> Option<Place> {
    let (name, at, read) = page.state.lessons.lesson()?;
    let next = if forward { at + 1 } else { at.checked_sub(1)? };
    (next < read.as_ref().ok()?.steps.len()).then(|| Place::Step { name: name.to_owned(), step: next })
}

fn body(page: &Page, name: &str, at: usize, lesson: &Lesson) -> Html {
    let Some(step) = lesson.steps.get(at) else { return Html::default() };
    let before = at.checked_sub(1).and_then(|before| lesson.steps.get(before));
    let skipped = before.is_some_and(|before| before.question.is_some()) && page.state.lessons.given(name, at.wrapping_sub(1)).is_none();
    html! {
        <div class="prose" key={at}>
            if at == 0 && !lesson.intro.is_empty() { <div class="intro">{ blocks(page, &lesson.intro) }</div> }
            <h3 id="step-title" tabindex="-1">{&step.title}</h3>
            { blocks(page, &step.text) }
            if let Some(asked) = &step.question { { question(page, name, at, asked) } }
            if at == 0 && page.state.lessons.given.iter().any(|given| given.name == name) {
                <p class="desc skipped">
                    {"Answers given before are kept. "}
                    <button type="button" class="term" id="lesson-anew" onclick={anew(page, name)}>{"Begin anew"}</button>
                </p>
            }
            if skipped { <p class="desc skipped">{"The question of the step before was skipped; going back asks it again."}</p> }
        </div>
    }
}

/// How far the reader is, and the buttons that go on and back.
fn foot(page: &Page, name: &str, at: usize, lesson: &Lesson) -> Html {
    let all = lesson.steps.len();
    let back = beside(page, false);
    let forward = beside(page, true);
    let finish = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Learn(Learn::Finish)))
    };
    let answered = lesson.steps.get(at).is_some_and(|step| step.question.is_none()) || page.state.lessons.given(name, at).is_some();
    html! {
        <div class="foot">
            <button type="button" class="btn" id="step-back" disabled={back.is_none()} title="The step before (left arrow)" onclick={go(page, back)}>{"Back"}</button>
            <div class="way">
                <span>{format!("{} of {all}", at + 1)}</span>
                <i aria-hidden="true"><b style={format!("transform:scaleX({:.3})", (at + 1) as f64 / all.max(1) as f64)}></b></i>
            </div>
            if let Some(forward) = forward {
                <button type="button" class={classes!("btn", answered.then_some("primary"))} id="step-next" title="The next step (right arrow)" onclick={go(page, Some(forward))}>
                    {if answered { "Next" } else { "Skip" }}
                </button>
            } else {
                <button type="button" class={classes!("btn", answered.then_some("primary"))} id="step-finish" title="Back to the list of lessons" onclick={finish}>{"Finish"}</button>
            }
        </div>
    }
}
