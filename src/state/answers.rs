//! Answers of a lesson as text that a browser keeps, and back as far as they still answer its questions.

use bitdial_protocol::{Lesson, Link, Question};

use super::lessons::{Given, asked};
use crate::catalogue;

/// A question as it is told apart from the one that may stand there after the file was changed.
fn holds(question: &Question, figure: &str, answer: usize, words: &str) -> bool {
    question.figure.name() == figure && question.answers.get(answer).is_some_and(|answer| line(&answer.text) == words)
}

/// What an answer is told apart by: its first line.
fn line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A line for each answer: step, answer, figure, what was measured, link, words of the answer. What was measured stands
/// there bit by bit: reading decimal numbers would take 10 kB of code.
pub fn write(given: &[Given], name: &str, lesson: &Lesson) -> String {
    let mut text = String::new();
    for given in given.iter().filter(|given| given.name == name) {
        let Some(question) = lesson.steps.get(given.step).and_then(|step| step.question.as_ref()) else { continue };
        let Some(answer) = question.answers.get(given.answer) else { continue };
        let measured = given.figure.map_or("-".to_owned(), |figure| format!("{:x}", figure.to_bits()));
        let [figure, link, words] = [question.figure.name(), &given.link.to_fragment(), line(&answer.text)];
        text.push_str(&format!("{} {} {figure} {measured} {link} {words}\n", given.step, given.answer));
    }
    text
}

/// Reads what [`write()`] wrote. What does not fit the lesson as it is now is left out.
pub fn read(text: &str, name: &str, lesson: &Lesson) -> Vec<Given> {
    let mut found: Vec<Given> = Vec::new();
    for line in text.lines() {
        let given = given(line, name, lesson);
        found.extend(given.filter(|given| found.iter().all(|other| other.step != given.step)));
    }
    found
}

fn given(line: &str, name: &str, lesson: &Lesson) -> Option<Given> {
    let mut parts = line.splitn(6, ' ');
    let mut next = || parts.next();
    let (step, answer) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let (figure, measured, fragment, words) = (next()?, next()?, next()?, next()?);
    let question = lesson.steps.get::<usize>(step)?.question.as_ref()?;
    let (link, issues) = Link::from_fragment(fragment, &catalogue::ids());
    let same = question.recipe.as_deref().is_none_or(|recipe| asked(recipe) == link);
    let measured = u64::from_str_radix(measured, 16).ok().map(f64::from_bits).filter(|measured| measured.is_finite());
    let figure = holds(question, figure, answer, words).then_some(measured)?;
    (same && issues.is_empty()).then(|| Given { name: name.to_owned(), step, answer, link, figure })
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Answer, Figure, LessonStep};

    use super::*;

    fn lesson(recipe: &str, words: &str, figure: Figure) -> Lesson {
        let answer = |text: &str| Answer { text: text.into(), from: None, to: Some(1.0) };
        let question = |recipe: Option<&str>| {
            let answers = vec![answer("no"), answer(words)];
            Some(Question { ask: Vec::new(), recipe: recipe.map(str::to_owned), figure, answers, because: Vec::new() })
        };
        let step =
            |question| LessonStep { title: String::new(), recipe: None, point: None, layer: None, tab: None, text: Vec::new(), question };
        let steps = vec![step(question(Some(recipe))), step(None), step(question(None))];
        Lesson { title: String::new(), summary: String::new(), minutes: 1, intro: Vec::new(), steps }
    }

    #[test]
    fn answers_come_back_as_far_as_they_fit() {
        let before = lesson("model=digits&w=2", "yes, it does\n  and more", Figure::Size);
        let given = |step, answer, link: &str, figure| Given { name: "one".into(), step, answer, link: asked(link), figure };
        let all = [given(0, 1, "model=digits&w=2", Some(-0.125)), given(2, 0, "model=digits&w=3&layers=a%20b~w2", None)];
        let text = write(&all, "one", &before);
        assert_eq!(read(&text, "one", &before), all);
        assert_eq!(write(&all, "two", &before), "");
        for (what, lesson, steps) in [
            ("another recipe", lesson("model=digits&w=4", "yes, it does", Figure::Size), &[2][..]),
            ("other words", lesson("model=digits&w=2", "yes", Figure::Size), &[2]),
            ("another figure", lesson("model=digits&w=2", "yes, it does", Figure::Flips), &[]),
            ("no steps", Lesson { steps: Vec::new(), ..before.clone() }, &[]),
        ] {
            let found: Vec<usize> = read(&text, "one", &lesson).iter().map(|given| given.step).collect();
            assert_eq!(found, steps, "{what}");
        }
        for hostile in ["", "\n\n", "0", "0 1 size", "9999999999999999999999 1 size - v=1 no", "1 0 size - v=1 no", "-1 0 size - v=1 no"] {
            assert_eq!(read(hostile, "one", &before), [], "{hostile}");
        }
        // Told twice is told once; a figure that is none is measured again.
        let odd = "0 0 size fff8000000000000 v=1&model=digits&w=2 no\n0 1 size 3 v=1&model=digits&w=2 yes, it does";
        assert_eq!(read(odd, "one", &before), [given(0, 0, "model=digits&w=2", None)]);
    }
}
