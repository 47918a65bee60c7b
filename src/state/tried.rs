//! Recipes that were tried, on this visit and before: what each gave, as one row of a file, a database or a paste.

use std::rc::Rc;

use bitdial_protocol::{Expected, Link};
use serde::{Deserialize, Serialize};

use super::predictions::Share;
use super::{Phase, State, shared};
use crate::catalogue;

/// Rows that are kept; the oldest without a name go first.
const MOST: usize = 500;
/// Characters of a name.
pub const LONGEST_NAME: usize = 80;
/// Which page and engine gave a figure: the folder of the workers is named by their content.
pub const BUILD: &str = match option_env!("BITDIAL_WORKER_DIR") {
    Some(folder) => folder,
    None => "worker",
};

/// A recipe, and what it gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Model and recipe; the backend is left to `ran`, and nothing is promised.
    pub link: Link,
    /// What somebody called it; mostly nothing.
    pub name: String,
    /// The backend that ran.
    pub ran: String,
    /// Hits among the first images.
    pub share: Share,
    /// Bytes of the packed model.
    pub size: usize,
    /// Median latency quantized and in f32, milliseconds.
    pub latency: Option<[f64; 2]>,
    /// When it was last run, milliseconds since 1970.
    pub when: f64,
    /// [`BUILD`] of the page that ran it.
    pub build: String,
}

/// A row as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The fragment of its link.
    pub link: String,
    /// As in [`Tried`].
    pub name: String,
    /// As in [`Tried`].
    pub backend: String,
    /// Hits.
    pub hits: f64,
    /// Of so many images.
    pub images: f64,
    /// Bytes.
    pub size: f64,
    /// Median, milliseconds.
    pub latency: Option<f64>,
    /// Median in f32, milliseconds.
    pub latency_f32: Option<f64>,
    /// As in [`Tried`].
    pub when: f64,
    /// As in [`Tried`].
    pub build: String,
}

impl Tried {
    /// Names it in the database, and tells it apart from others.
    pub fn key(&self) -> String {
        self.link.to_fragment()
    }

    /// Whether its figures are those that this page gives, as far as they do not depend on the device.
    pub fn is_ours(&self) -> bool {
        self.build == BUILD
    }

    /// To be written.
    pub fn row(&self) -> Row {
        Row {
            link: self.key(),
            name: self.name.clone(),
            backend: self.ran.clone(),
            hits: self.share.hits as f64,
            images: self.share.n as f64,
            size: self.size as f64,
            latency: self.latency.map(|[quantized, _]| quantized),
            latency_f32: self.latency.map(|[_, float]| float),
            when: self.when,
            build: self.build.clone(),
        }
    }
}

/// The first characters of a text, without what is not written.
pub fn shortened(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(most).collect();
    text.trim().to_owned()
}

impl Row {
    /// What was tried, if the row says so and can be.
    pub fn tried(&self) -> Option<Tried> {
        let (link, issues) = Link::from_fragment(&self.link, &catalogue::ids());
        let link = Link { backend: bitdial_protocol::BackendChoice::Auto, expected: Expected::default(), ..link };
        let whole = |n: f64| (n.fract() == 0.0 && (0.0..=1e9).contains(&n)).then_some(n as usize);
        let time = |ms: Option<f64>| ms.filter(|ms| *ms > 0.0 && *ms < 1e7);
        let share = Share { hits: whole(self.hits)?, n: whole(self.images)? };
        let sound = issues.is_empty() && share.hits <= share.n && share.n > 0 && self.when.is_finite();
        sound.then_some(Tried {
            link,
            name: shortened(&self.name, LONGEST_NAME),
            ran: shortened(&self.backend, 20),
            share,
            size: whole(self.size)?,
            latency: time(self.latency).zip(time(self.latency_f32)).map(|(a, b)| [a, b]),
            when: self.when,
            build: shortened(&self.build, 60),
        })
    }
}

/// A change of what was tried.
#[derive(Clone, Debug)]
pub enum History {
    /// What the database holds.
    Loaded(Vec<Tried>),
    /// What is in force was run, at this time.
    Ran(f64),
    /// The row of a key gets a name.
    Name(String, String),
    /// The row of a key goes.
    Forget(String),
    /// All go.
    Clear,
}

impl State {
    /// The recipe in force as a row, once enough is counted.
    pub fn row(&self, when: f64) -> Option<Tried> {
        let run = self.bench.run();
        let (hits, n) = shared::figures(&self.bench).hits?;
        Some(Tried {
            link: Link { recipe: run.recipe.clone(), ..Link::new(&self.bench.entry.id) },
            name: String::new(),
            ran: self.engine.as_ref()?.capabilities.backend.clone(),
            share: Share { hits: hits as usize, n: n as usize },
            size: run.info.as_ref()?.size,
            latency: run.latency.map(|latency| [latency.quantized.median, latency.float.median]),
            when,
            build: BUILD.to_owned(),
        })
    }

    /// Changes what was tried.
    pub(super) fn remember(&mut self, change: History) {
        let tried = Rc::make_mut(&mut self.tried);
        match change {
            History::Loaded(rows) => {
                for row in rows {
                    match tried.iter_mut().find(|known| known.link == row.link) {
                        // What was run meanwhile is newer; its name is not.
                        Some(known) if known.name.is_empty() => known.name = row.name,
                        Some(_) => {}
                        None => tried.push(row),
                    }
                }
            }
            History::Ran(when) if self.phase == Phase::Idle => {
                let Some(mut row) = self.row(when) else { return };
                let tried = Rc::make_mut(&mut self.tried);
                if let Some(at) = tried.iter().position(|known| known.link == row.link) {
                    row.name = tried.remove(at).name;
                }
                tried.insert(0, row);
            }
            History::Ran(_) => return,
            History::Name(key, name) => {
                for row in tried.iter_mut().filter(|row| row.key() == key) {
                    row.name = shortened(&name, LONGEST_NAME);
                }
            }
            History::Forget(key) => tried.retain(|row| row.key() != key),
            History::Clear => tried.clear(),
        }
        let tried = Rc::make_mut(&mut self.tried);
        // Few lines, one of them new: the library's sort takes 2 kB of the page.
        for at in 1..tried.len() {
            let mut here = at;
            while here > 0 && tried[here].when > tried[here - 1].when {
                tried.swap(here, here - 1);
                here -= 1;
            }
        }
        while tried.len() > MOST {
            let oldest = tried.iter().rposition(|row| row.name.is_empty()).unwrap_or(tried.len() - 1);
            tried.remove(oldest);
        }
        self.hand_out();
    }

    /// Gives the model in force what was tried of it, with latencies of the backend in use only.
    pub(super) fn hand_out(&mut self) {
        let in_use = self.engine.as_ref().map(|engine| engine.capabilities.backend.as_str());
        let of = |row: &&Tried| row.link.model == self.bench.entry.id && row.is_ours();
        let own = |row: &Tried| Tried { latency: row.latency.filter(|_| Some(row.ran.as_str()) == in_use), ..row.clone() };
        self.bench.tried = Rc::new(self.tried.iter().filter(of).map(own).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(link: &str, when: f64) -> Row {
        let (latency, latency_f32) = (Some(0.5), Some(1.0));
        Row { link: link.into(), hits: 9.0, images: 10.0, size: 5.0, latency, latency_f32, when, build: BUILD.into(), ..Row::default() }
    }

    fn state() -> State {
        let entry = catalogue::Entry::find("digits").unwrap();
        State::new(Link::new("digits"), entry)
    }

    #[test]
    fn a_row_comes_back_as_it_was_or_not_at_all() {
        let good = Row { name: " seven \u{7} ".into(), ..row("v=1&model=digits&w=4", 3.0) };
        let tried = good.tried().unwrap();
        assert_eq!((tried.name.as_str(), tried.row().tried()), ("seven", Some(tried.clone())));
        for bad in [
            Row { hits: 11.0, ..good.clone() },
            Row { hits: 0.5, ..good.clone() },
            Row { images: 0.0, hits: 0.0, ..good.clone() },
            Row { size: f64::NAN, ..good.clone() },
            Row { when: f64::INFINITY, ..good.clone() },
            Row { link: "w=9".into(), ..good.clone() },
            Row { link: "<script>".into(), ..good.clone() },
        ] {
            assert_eq!(bad.tried(), None, "{bad:?}");
        }
        assert_eq!(Row { latency: Some(-1.0), ..good }.tried().unwrap().latency, None);
    }

    #[test]
    fn rows_are_kept_the_newest_first_and_named_ones_longest() {
        let mut state = state();
        let rows = |n: usize| (0..n).filter_map(|i| row(&format!("model=digits&seed={i}"), i as f64).tried()).collect::<Vec<_>>();
        let mut first = rows(3);
        first.push(row("model=fashion-resnet", 9.0).tried().unwrap());
        first.push(Row { build: "worker-of-before".into(), ..row("model=digits&w=2", 8.0) }.tried().unwrap());
        state.remember(History::Loaded(first));
        assert_eq!(state.tried.iter().map(|row| row.when).collect::<Vec<_>>(), [9.0, 8.0, 2.0, 1.0, 0.0]);
        assert_eq!(state.bench.tried.len(), 3);
        let oldest = state.tried[4].key();
        state.remember(History::Name(oldest.clone(), "the first".into()));
        state.remember(History::Loaded(rows(600)));
        assert_eq!((state.tried.len(), state.tried[MOST - 1].name.as_str()), (MOST, "the first"));
        state.remember(History::Forget(oldest));
        assert_eq!((state.tried.len(), state.bench.tried.iter().filter(|row| !row.name.is_empty()).count()), (MOST - 1, 0));
        state.remember(History::Clear);
        assert_eq!((state.tried.len(), state.bench.tried.len()), (0, 0));
    }

    #[test]
    fn nothing_is_remembered_that_was_not_counted() {
        let mut state = state();
        state.phase = Phase::Idle;
        state.remember(History::Ran(1.0));
        assert!(state.tried.is_empty());
    }
}
