//! Lessons: where the reader is, what was read, what was answered, which lessons are finished.

use std::rc::Rc;

use bitdial_protocol::{Fault, Figure, Glossary, Lesson, LessonStep, Link};

use super::place::Place;
use super::view::Tab;
use super::{Action, Edit, Look, State, Step};
use crate::catalogue;

/// Why a text is not there.
#[derive(Clone, Debug, PartialEq)]
pub enum Unread {
    /// There is no such file.
    Absent,
    /// It cannot be taken, line by line.
    Faulty(Vec<Fault>),
    /// It did not come, in a sentence; trying again may help.
    Failed(String),
}

/// What became of a text.
pub type Read<T> = Result<Rc<T>, Unread>;

/// An answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Of this lesson.
    pub name: String,
    /// At this step.
    pub step: usize,
    /// The answer, from 0.
    pub answer: usize,
    /// What has to be measured.
    pub link: Link,
    /// What was measured.
    pub figure: Option<f64>,
}

/// An entry of the glossary that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its key; `None` for the list of all terms.
    pub key: Option<String>,
    /// Where it was asked for, in pixels of the window: left, top and bottom.
    pub at: [f64; 3],
    /// What is said of it there.
    pub note: Option<&'static str>,
}

/// Everything about lessons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons {
    /// Where the reader is, if anywhere.
    pub place: Option<Place>,
    /// Names of lessons, in order.
    pub index: Option<Read<Vec<String>>>,
    /// Lessons that were read, by name.
    pub read: Vec<(String, Read<Lesson>)>,
    /// Answers given.
    pub given: Vec<Given>,
    /// Lessons finished.
    pub finished: Vec<String>,
    /// The glossary.
    pub glossary: Option<Read<Glossary>>,
    /// What is shown of it.
    pub shown: Option<Shown>,
    /// A step that was opened before its lesson was read, and whether its recipe is to be put in force then.
    pending: Option<bool>,
}

/// What happens to them.
#[derive(Clone, Debug)]
pub enum Learn {
    /// The reader goes somewhere, or closes the lessons.
    Go(Option<Place>),
    /// The address says where the reader is; `alone` if it says nothing else.
    Arrive {
        /// Where.
        place: Option<Place>,
        /// Whether the step says what is in force, and not the address.
        alone: bool,
    },
    /// The list came.
    Index(Read<Vec<String>>),
    /// A lesson came.
    Lesson(String, Read<Lesson>),
    /// The glossary came.
    Glossary(Read<Glossary>),
    /// Something that failed is asked for again.
    Again,
    /// The question of the step is answered.
    Answer(usize),
    /// What was measured for it.
    Measured(f64),
    /// The question's recipe is put in force again.
    Restore,
    /// A lesson begins, with none of its questions answered.
    Anew(String),
    /// Answers that were given on an earlier visit.
    Recall(Vec<Given>),
    /// The lesson is at its end.
    Finish,
    /// Lessons that were finished before.
    Finished(Vec<String>),
    /// An entry of the glossary is shown, or none.
    Show(Option<Shown>),
}

impl Lessons {
    /// The lesson that is open, as far as it was read.
    pub fn lesson(&self) -> Option<(&str, usize, &Read<Lesson>)> {
        let Some(Place::Step { name, step }) = &self.place else { return None };
        let (_, read) = self.read.iter().find(|(known, _)| known == name)?;
        // An address may name a step that is not there.
        let last = read.as_ref().map_or(0, |lesson| lesson.steps.len().saturating_sub(1));
        Some((name, *step.min(&last), read))
    }

    /// The step that is open.
    pub fn step(&self) -> Option<(&str, usize, &LessonStep)> {
        let (name, step, read) = self.lesson()?;
        Some((name, step, read.as_ref().ok()?.steps.get(step)?))
    }

    /// What was answered at a step.
    pub fn given(&self, name: &str, step: usize) -> Option<&Given> {
        self.given.iter().find(|given| given.name == name && given.step == step)
    }

    /// The last step of a lesson that was answered, if it is not finished.
    pub fn begun(&self, name: &str) -> Option<usize> {
        let steps = self.given.iter().filter(|given| given.name == name).map(|given| given.step);
        steps.max().filter(|_| !self.finished.iter().any(|known| known == name))
    }

    /// The answer at the open step that is not measured yet, and what decides.
    pub fn awaited(&self) -> Option<(&Given, Figure)> {
        let (name, step, open) = self.step()?;
        let given = self.given(name, step).filter(|given| given.figure.is_none())?;
        Some((given, open.question.as_ref()?.figure))
    }
}

impl State {
    /// The address that the page was opened with says where the reader is.
    pub fn arrive(&mut self, place: Option<Place>, alone: bool) {
        self.learn(Learn::Arrive { place, alone });
    }

    pub(super) fn learn(&mut self, learn: Learn) {
        let mut lessons = Lessons::clone(&self.lessons);
        let goes = matches!(learn, Learn::Go(_) | Learn::Anew(_));
        match learn {
            Learn::Go(place) => {
                (lessons.place, lessons.pending) = (place, Some(true));
                self.step = Step::Push;
            }
            Learn::Arrive { place, alone } => {
                let elsewhere = lessons.place != place;
                (lessons.place, lessons.pending) = (place, elsewhere.then_some(alone));
            }
            Learn::Index(read) => lessons.index = Some(read),
            Learn::Lesson(name, read) => {
                lessons.read.retain(|(known, _)| *known != name);
                lessons.read.push((name, read));
            }
            Learn::Glossary(read) => lessons.glossary = Some(read),
            Learn::Again => {
                let again = |read: &Unread| matches!(read, Unread::Failed(_));
                lessons.read.retain(|(_, read)| !read.as_ref().is_err_and(again));
                lessons.index = lessons.index.filter(|read| !read.as_ref().is_err_and(again));
                lessons.glossary = lessons.glossary.filter(|read| !read.as_ref().is_err_and(again));
            }
            Learn::Answer(answer) => {
                let Some((name, step, open)) = lessons.step() else { return };
                let Some(question) = open.question.as_ref().filter(|question| answer < question.answers.len()) else { return };
                let link = question.recipe.as_deref().map_or(self.link.clone(), asked);
                if lessons.given(name, step).is_some() {
                    return;
                }
                let given = Given { name: name.to_owned(), step, answer, link: link.clone(), figure: None };
                lessons.given.push(given);
                self.edit(Edit::Link(link), false);
            }
            Learn::Measured(figure) => {
                let Some((name, step, _)) = lessons.step() else { return };
                let name = name.to_owned();
                let given = lessons.given.iter_mut().find(|given| given.name == name && given.step == step);
                given.into_iter().for_each(|given| given.figure = Some(figure));
            }
            Learn::Restore => {
                let Some((given, _)) = lessons.awaited() else { return };
                self.edit(Edit::Link(given.link.clone()), false);
            }
            Learn::Anew(name) => {
                lessons.given.retain(|given| given.name != name);
                (lessons.place, lessons.pending) = (Some(Place::first(&name)), Some(true));
                self.step = Step::Push;
            }
            Learn::Recall(before) => {
                let new = |given: &Given| lessons.given(&given.name, given.step).is_none();
                let before: Vec<Given> = before.into_iter().filter(new).collect();
                lessons.given.extend(before);
            }
            Learn::Finish => {
                let Some(Place::Step { name, .. }) = lessons.place.replace(Place::List) else { return };
                if !lessons.finished.contains(&name) {
                    lessons.finished.push(name);
                }
                self.step = Step::Push;
            }
            Learn::Finished(names) => lessons.finished = names,
            Learn::Show(shown) => lessons.shown = shown,
        }
        self.lessons = Rc::new(lessons);
        self.enter(goes);
    }

    /// Does what a step says that was just opened, once it is known. `goes` if the place is not in the history yet.
    fn enter(&mut self, goes: bool) {
        let Some(with_recipe) = self.lessons.pending else { return };
        let Some((_, _, step)) = self.lessons.step() else { return };
        let step = step.clone();
        Rc::make_mut(&mut self.lessons).pending = None;
        if let Some(recipe) = step.recipe.filter(|_| with_recipe) {
            self.edit(Edit::Link(asked(&recipe)), false);
            if !goes {
                self.step = Step::Replace;
            }
        }
        if let Some(layer) = step.layer {
            self.take(Action::Open(layer));
        }
        if let Some(tab) = step.tab.as_deref().and_then(Tab::named) {
            self.look(Look::Tab(tab));
        }
        if let Some(part) = step.point {
            self.view.reveal(&part);
        }
    }
}

/// What a lesson's recipe asks for. Lessons with recipes that cannot be were refused when they were read.
pub(super) fn asked(recipe: &str) -> Link {
    Link::from_fragment(recipe, &catalogue::ids()).0
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Answer, Question};

    use super::*;

    fn step(recipe: Option<&str>, question: bool) -> LessonStep {
        let answer = |from, to| Answer { text: "a".into(), from, to };
        let question = question.then(|| Question {
            ask: Vec::new(),
            recipe: Some("model=digits&w=2".into()),
            figure: Figure::Size,
            answers: vec![answer(None, Some(1.0)), answer(Some(1.0), None)],
            because: Vec::new(),
        });
        let (layer, tab) = (Some("/conv".into()), Some("all".into()));
        LessonStep { title: "s".into(), recipe: recipe.map(str::to_owned), point: None, layer, tab, text: Vec::new(), question }
    }

    fn state() -> State {
        let entry = &catalogue::all()[0];
        State::new(Link::new(&entry.id), entry)
    }

    fn read() -> Learn {
        let steps = vec![step(Some("model=digits&w=4"), true), step(None, false)];
        Learn::Lesson(
            "one".into(),
            Ok(Rc::new(Lesson { title: "One".into(), summary: String::new(), minutes: 1, intro: Vec::new(), steps })),
        )
    }

    fn width(state: &State) -> u8 {
        state.link.recipe.weights.width()
    }

    #[test]
    fn a_step_puts_its_recipe_in_force_when_it_is_read() {
        let mut state = state();
        state.learn(Learn::Arrive { place: Some(Place::first("one")), alone: true });
        assert_eq!((state.generation, state.lessons.step().is_some()), (0, false));
        state.learn(read());
        assert_eq!((state.generation, state.step, width(&state), &*state.link.model), (1, Step::Replace, 4, "digits"));
        assert_eq!((state.layer.as_deref(), state.view.tab), (Some("/conv"), Tab::All));
        // The same place again changes nothing.
        state.learn(Learn::Arrive { place: Some(Place::first("one")), alone: false });
        assert_eq!(state.generation, 1);
    }

    #[test]
    fn what_the_address_says_beats_the_step() {
        let mut state = state();
        state.learn(read());
        state.learn(Learn::Arrive { place: Some(Place::first("one")), alone: false });
        assert_eq!((state.generation, state.layer.as_deref()), (0, Some("/conv")));
    }

    #[test]
    fn an_answer_is_given_once_and_measured_once() {
        let mut state = state();
        state.learn(read());
        state.learn(Learn::Go(Some(Place::first("one"))));
        assert_eq!((state.generation, state.step), (1, Step::Push));
        state.learn(Learn::Answer(7));
        assert!(state.lessons.awaited().is_none());
        state.learn(Learn::Answer(1));
        assert_eq!((state.generation, width(&state)), (2, 2));
        let awaited = state.lessons.awaited().map(|(given, figure)| (given.answer, figure));
        assert_eq!(awaited, Some((1, Figure::Size)));
        state.take(Action::Edit { edit: Edit::WeightBits(bitdial_protocol::Bits::MAX), dragging: false });
        state.learn(Learn::Restore);
        assert_eq!(width(&state), 2);
        state.learn(Learn::Measured(5.0));
        assert!(state.lessons.awaited().is_none());
        assert_eq!(state.lessons.given("one", 0).and_then(|given| given.figure), Some(5.0));
        state.learn(Learn::Finish);
        assert_eq!((&state.lessons.place, &*state.lessons.finished), (&Some(Place::List), &["one".to_owned()][..]));
    }

    #[test]
    fn answers_of_before_are_kept_until_the_lesson_begins_anew() {
        let mut state = state();
        state.learn(read());
        state.learn(Learn::Go(Some(Place::first("one"))));
        let given = |answer, figure| Given { name: "one".into(), step: 0, answer, link: asked("model=digits&w=2"), figure };
        state.learn(Learn::Recall(vec![given(0, Some(0.5))]));
        state.learn(Learn::Recall(vec![given(1, None)]));
        state.learn(Learn::Answer(1));
        assert_eq!((&state.lessons.given[..], state.lessons.begun("one")), (&[given(0, Some(0.5))][..], Some(0)));
        state.learn(Learn::Go(Some(Place::Step { name: "one".into(), step: 1 })));
        state.learn(Learn::Anew("one".into()));
        assert_eq!((&state.lessons.given[..], &state.lessons.place), (&[][..], &Some(Place::first("one"))));
        assert_eq!((width(&state), state.lessons.begun("one")), (4, None));
    }

    #[test]
    fn a_step_unfolds_what_it_points_at() {
        let mut state = state();
        state.view.folded = vec!["time".into(), "confusion".into()];
        let mut pointing = |part: &str| {
            let steps = vec![LessonStep { point: Some(part.to_owned()), ..step(None, false) }];
            let lesson = Lesson { title: "One".into(), summary: String::new(), minutes: 1, intro: Vec::new(), steps };
            state.learn(Learn::Lesson(part.to_owned(), Ok(Rc::new(lesson))));
            state.learn(Learn::Go(Some(Place::first(part))));
            (state.view.folded.join(","), state.view.settings)
        };
        for (part, folded, settings) in [
            ("strip", "time,confusion", false),
            ("time-split", "confusion", false),
            ("settings", "confusion", true),
            ("layer", "confusion", true),
        ] {
            assert_eq!(pointing(part), (folded.to_owned(), settings), "{part}");
        }
    }

    #[test]
    fn a_step_that_is_not_there_is_the_last_one() {
        let mut state = state();
        state.learn(read());
        state.learn(Learn::Arrive { place: Some(Place::Step { name: "one".into(), step: 99 }), alone: true });
        assert_eq!(state.lessons.step().map(|(_, step, _)| step), Some(1));
        state.learn(Learn::Again);
        assert!(state.lessons.step().is_some());
    }
}
