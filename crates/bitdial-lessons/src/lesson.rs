//! A lesson: front matter, an introduction, steps.

use bitdial_protocol::{Answer, Block, Figure, Lesson, LessonStep, Link, LinkIssue, PARTS, Question, TABS};

use crate::faults::Faults;
use crate::form::{Form, Said, quoted};
use crate::markdown::{self, Item, Named, figures};

/// The line around the front matter.
const RAIL: &str = "+++";
const FRONT: [&str; 3] = ["title", "summary", "minutes"];
const STEP: [&str; 4] = ["recipe", "point", "layer", "tab"];
const QUESTION: [&str; 5] = ["ask", "recipe", "figure", "because", "answers"];
const ANSWER: [&str; 3] = ["text", "from", "to"];
/// A question has so many answers.
const ANSWERS: std::ops::RangeInclusive<usize> = 2..=5;
/// No lesson takes longer.
const LONGEST_MINUTES: f64 = 240.0;

/// What is read of a step beside what it says.
#[derive(Default)]
struct Draft {
    line: u32,
    settings: bool,
    step: Option<LessonStep>,
}

/// Reads a lesson. `terms` gets the terms that it names.
pub fn read(text: &str, models: &[&str], faults: &mut Faults, terms: &mut Vec<Named>) -> Option<Lesson> {
    let (front, body, body_line) = split(text, faults)?;
    let mut lesson = front_matter(front, faults);
    let mut draft = Draft::default();
    for (line, item) in markdown::read(body, body_line, true, faults, terms) {
        match item {
            Item::Heading(1, _) => faults.add(line, "The lesson's title is in the front matter; a step begins with ##."),
            Item::Heading(_, title) => {
                finish(&mut draft, &mut lesson, faults);
                if title.is_empty() {
                    faults.add(line, "This step has no title.");
                }
                draft = Draft { line, settings: false, step: Some(empty(title)) };
            }
            Item::Settings(kind, toml) => {
                let Some(step) = &mut draft.step else {
                    faults
                        .add(line, format!("These {kind} settings come before the first step, which begins with a line ## and its title."));
                    continue;
                };
                match kind.as_str() {
                    "step" if draft.settings => faults.add(line, "This step has settings already."),
                    "step" => {
                        draft.settings = true;
                        settings(step, &toml, line + 1, models, faults);
                    }
                    "question" if step.question.is_some() => faults.add(line, "This step has a question already; begin another step."),
                    "question" => step.question = question(&toml, line + 1, models, faults, terms),
                    other => faults.add(line, format!("There are no {} settings; there are step and question.", quoted(other))),
                }
            }
            Item::Block(block) => match &mut draft.step {
                Some(step) => step.text.push(block),
                None => lesson.intro.push(block),
            },
        }
    }
    finish(&mut draft, &mut lesson, faults);
    if lesson.steps.is_empty() {
        faults.add(body_line, "There is no step; a step begins with a line ## and its title.");
    }
    Some(lesson)
}

/// The front matter, what follows it, and its first line.
fn split<'a>(text: &'a str, faults: &mut Faults) -> Option<(&'a str, &'a str, u32)> {
    let Some(rest) = text.strip_prefix(RAIL).and_then(|rest| rest.strip_prefix('\n')) else {
        faults.add(1, "A lesson begins with a line +++, then title = \"\u{2026}\", then another line +++.");
        return None;
    };
    let mut at = 0;
    for (index, line) in rest.split_inclusive('\n').enumerate() {
        if line.trim_end() == RAIL {
            let body = rest.get(at + line.len()..).unwrap_or_default();
            return Some((rest.get(..at).unwrap_or_default(), body, index as u32 + 3));
        }
        at += line.len();
    }
    faults.add(1, "The front matter that begins here is not closed: it ends with a line +++.");
    None
}

fn front_matter(source: &str, faults: &mut Faults) -> Lesson {
    let mut lesson = Lesson { title: String::new(), summary: String::new(), minutes: 0, intro: Vec::new(), steps: Vec::new() };
    let Some(mut form) = Form::read(source, 2, faults) else { return lesson };
    if let Some(title) = form.needed_text("title", "A lesson", faults) {
        lesson.title = title.value;
    }
    if let Some(summary) = form.text("summary", faults) {
        lesson.summary = summary.value;
    }
    if let Some(Said { value, line }) = form.number("minutes", faults) {
        if (1.0..=LONGEST_MINUTES).contains(&value) {
            lesson.minutes = value.ceil() as u32;
        } else {
            faults.add(line, format!("minutes are 1 to {LONGEST_MINUTES}."));
        }
    }
    form.end(&FRONT, faults);
    lesson
}

fn empty(title: String) -> LessonStep {
    LessonStep { title, recipe: None, point: None, layer: None, tab: None, text: Vec::new(), question: None }
}

fn finish(draft: &mut Draft, lesson: &mut Lesson, faults: &mut Faults) {
    let Some(step) = draft.step.take() else { return };
    if step.text.is_empty() && step.question.is_none() {
        faults.add(draft.line, format!("The step {} says nothing.", quoted(&step.title)));
    }
    lesson.steps.push(step);
}

fn settings(step: &mut LessonStep, toml: &str, first: u32, models: &[&str], faults: &mut Faults) {
    let Some(mut form) = Form::read(toml, first, faults) else { return };
    step.recipe = recipe(&mut form, models, faults);
    step.point = one_of(&mut form, "point", "part", &PARTS, faults);
    step.tab = one_of(&mut form, "tab", "tab", &TABS, faults);
    step.layer = form.text("layer", faults).map(|said| said.value);
    form.end(&STEP, faults);
}

fn one_of(form: &mut Form, key: &str, what: &str, known: &[&str], faults: &mut Faults) -> Option<String> {
    let Said { value, line } = form.text(key, faults)?;
    if !known.contains(&value.as_str()) {
        faults.add(line, format!("There is no {what} {}; there are {}.", quoted(&value), known.join(", ")));
    }
    Some(value)
}

fn recipe(form: &mut Form, models: &[&str], faults: &mut Faults) -> Option<String> {
    let Said { value, line } = form.text("recipe", faults)?;
    for issue in Link::from_fragment(&value, models).1 {
        let reason = match issue {
            LinkIssue::Key(key) => format!("A recipe has no key {}.", quoted(&key)),
            LinkIssue::Repeated(key) => format!("The recipe says {} twice.", quoted(&key)),
            LinkIssue::Version(version) => format!("The recipe has the version {}, which is not known.", quoted(&version)),
            LinkIssue::Value { key, value, expects } => format!("The recipe says {key}={}; {key} takes {expects}.", quoted(&value)),
        };
        faults.add(line, reason);
    }
    Some(value)
}

fn question(toml: &str, first: u32, models: &[&str], faults: &mut Faults, terms: &mut Vec<Named>) -> Option<Question> {
    let mut form = Form::read(toml, first, faults)?;
    let line = form.line;
    let mut prose = |said: Option<Said<String>>, faults: &mut Faults| -> Vec<Block> {
        said.map(|said| markdown::blocks(&said.value, said.line, faults, terms)).unwrap_or_default()
    };
    let ask = form.needed_text("ask", "A question", faults);
    let ask = prose(ask, faults);
    let because = form.needed_text("because", "A question", faults);
    let because = prose(because, faults);
    let recipe = recipe(&mut form, models, faults);
    let figure = form.needed_text("figure", "A question", faults).and_then(|said| {
        let figure = Figure::named(&said.value);
        if figure.is_none() {
            faults.add(said.line, format!("There is no figure {}; there are {}.", quoted(&said.value), figures()));
        }
        figure
    });
    let forms = form.tables("answers", faults).unwrap_or_default();
    let answers: Vec<Said<Answer>> = forms.into_iter().filter_map(|one| answer(one, faults)).collect();
    check_answers(&answers, line, faults);
    form.end(&QUESTION, faults);
    Some(Question { ask, recipe, figure: figure?, answers: answers.into_iter().map(|said| said.value).collect(), because })
}

fn answer(mut form: Form, faults: &mut Faults) -> Option<Said<Answer>> {
    let line = form.line;
    let text = form.needed_text("text", "An answer", faults);
    let from = form.number("from", faults).map(|said| said.value);
    let to = form.number("to", faults).map(|said| said.value);
    form.end(&ANSWER, faults);
    match (from, to) {
        (None, None) => faults.add(line, "An answer needs a range: from = \u{2026}, to = \u{2026}, or both."),
        (Some(from), Some(to)) if from >= to => faults.add(line, format!("This range is empty: {from} is not below {to}.")),
        _ => {}
    }
    Some(Said { value: Answer { text: text?.value, from, to }, line })
}

fn check_answers(answers: &[Said<Answer>], line: u32, faults: &mut Faults) {
    if !ANSWERS.contains(&answers.len()) {
        let [least, most] = [ANSWERS.start(), ANSWERS.end()];
        faults.add(line, format!("A question has {least} to {most} answers; this one has {}.", answers.len()));
    }
    let ends = |answer: &Answer| (answer.from.unwrap_or(f64::NEG_INFINITY), answer.to.unwrap_or(f64::INFINITY));
    for (index, one) in answers.iter().enumerate() {
        for other in answers.iter().take(index) {
            let (a, b) = (ends(&one.value), ends(&other.value));
            if a.0 < b.1 && b.0 < a.1 {
                faults.add(one.line, format!("This range overlaps with that of {}.", quoted(&other.value.text)));
            }
        }
    }
}
