//! A question: answered before the run, graded by what the page measures.

use bitdial_protocol::Question;
use yew::prelude::*;

use super::figures;
use super::prose::blocks;
use crate::format::count;
use crate::state::lessons::Given;
use crate::state::{Action, Learn, Page, Phase};

/// Whether what an answer is about is in force.
fn in_force(page: &Page, given: &Given) -> bool {
    given.link.model == page.state.link.model && given.link.recipe == page.state.link.recipe
}

/// Grades the answer at the open step as soon as its figure is complete.
#[hook]
pub fn use_grading(page: &Page) {
    let awaited = page.state.lessons.awaited().filter(|(given, _)| in_force(page, given));
    let measured = awaited.and_then(|(_, figure)| figures::complete(&page.state.bench, figure));
    let (dispatch, place) = (page.dispatch.clone(), page.state.lessons.place.clone());
    use_effect_with((measured, place), move |(measured, _)| {
        if let Some(measured) = *measured {
            dispatch.dispatch(Action::Learn(Learn::Measured(measured)));
        }
    });
}

/// The question of a step, with its answers, and what became of them.
pub fn question(page: &Page, name: &str, step: usize, question: &Question) -> Html {
    let given = page.state.lessons.given(name, step);
    let right = given.and_then(|given| given.figure).map(|figure| question.answers.iter().position(|answer| answer.holds(figure)));
    let answer = |(at, answer): (usize, &bitdial_protocol::Answer)| {
        let dispatch = page.dispatch.clone();
        let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Learn(Learn::Answer(at))));
        let chosen = given.is_some_and(|given| given.answer == at);
        let is_right = right == Some(Some(at));
        let mark = match (chosen, is_right) {
            (_, true) => "\u{2713}",
            (true, false) if right.is_some() => "\u{2717}",
            (true, false) => "\u{2022}",
            _ => "",
        };
        let class = classes!("answer", chosen.then_some("chosen"), is_right.then_some("hit"));
        html! {
            <button type="button" {class} aria-disabled={given.is_some().then_some("true")} aria-pressed={chosen.to_string()} data-answer={at.to_string()} {onclick}>
                <i aria-hidden="true">{mark}</i><span>{&answer.text}</span>
            </button>
        }
    };
    let result = given.zip(right).and_then(|(given, right)| Some((given, given.figure?, right)));
    html! {
        <div class="question" data-figure={question.figure.name()} data-state={if result.is_some() { "graded" } else if given.is_some() { "running" } else { "open" }}>
            <div class="ask">{ blocks(page, &question.ask) }</div>
            <div role="group" aria-label="Answers" class="answers">{ for question.answers.iter().enumerate().map(answer) }</div>
            <div role="status">
                if let Some((given, figure, right)) = result { { verdict(question, given, figure, right) } }
            </div>
            if result.is_some() {
                <div class="because">{ blocks(page, &question.because) }</div>
            } else if let Some(given) = given {
                { waiting(page, question, given) }
            } else {
                <p class="desc">{"Answer first; then the page measures it."}</p>
            }
        </div>
    }
}

fn verdict(question: &Question, given: &Given, figure: f64, right: Option<usize>) -> Html {
    let text = |at: usize| question.answers.get(at).map(|answer| answer.text.trim_end_matches('.')).unwrap_or_default();
    let shown = figures::shown(question.figure, figure);
    let (class, grade, rest) = match right {
        Some(right) if right == given.answer => ("grade good", "Right.", String::new()),
        Some(right) => ("grade off", "Not so.", format!(": \u{201c}{}\u{201d}", text(right))),
        None => ("grade off", "None of these.", String::new()),
    };
    html! {
        <p {class} data-measured={figure.to_string()}>
            <b>{grade}</b>{format!(" You said \u{201c}{}\u{201d}; it is ", text(given.answer))}<b>{shown}</b>{rest}{"."}
        </p>
    }
}

/// What is still missing.
fn waiting(page: &Page, question: &Question, given: &Given) -> Html {
    let act = |action: Action| {
        let dispatch = page.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(action.clone()))
    };
    if !in_force(page, given) {
        return html! {
            <p class="desc">
                {"The recipe was changed before this was measured. "}
                <button type="button" class="btn" onclick={act(Action::Learn(Learn::Restore))}>{"Measure it"}</button>
            </p>
        };
    }
    match page.state.phase {
        Phase::Failed | Phase::Idle => html! {
            <p class="desc">
                {"This could not be measured here. "}
                <button type="button" class="btn" onclick={act(Action::Retry)}>{"Try again"}</button>
            </p>
        },
        Phase::Timing => html! { <p class="desc">{"Measuring: one worker is timed\u{2026}"}</p> },
        _ => {
            let (counted, all) = figures::counted(&page.state.bench, question.figure).unwrap_or_default();
            let progress = if all > 0 {
                format!("Measuring: {} of {} images\u{2026}", count(counted), count(all))
            } else {
                "Measuring\u{2026}".to_owned()
            };
            html! { <p class="desc">{progress}</p> }
        }
    }
}
