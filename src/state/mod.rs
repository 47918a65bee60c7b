//! The page's state: one value, changed by one reducer, read through one context.

pub mod address;
pub mod answers;
pub mod bench;
mod change;
pub mod compared;
pub mod confusion;
pub mod curve;
pub mod device;
pub mod edit;
pub mod errand;
pub mod lessons;
pub mod numbers;
pub mod overflows;
pub mod pinned;
pub mod place;
pub mod predictions;
mod reduce;
pub mod report;
pub mod rules;
pub mod settings;
pub mod shared;
pub mod specimen;
pub mod tried;
pub mod view;
pub mod wording;

use std::rc::Rc;

use bitdial_protocol::{BackendChoice, LayerDetail, Link, LinkIssue, Recipe};
use yew::prelude::*;

use crate::catalogue::Entry;
use crate::client::{Progress, Session};
pub use bench::Bench;
use change::Figures;
pub use edit::{Chosen, Control, Edit};
pub use errand::{Errand, Found};
pub use lessons::{Learn, Lessons};
pub use pinned::Pin;
pub use place::Place;
pub use predictions::{Pairs, Predictions};
pub use report::{BenchReport, Download, Engine, Evaluated, Phase, RunReport};
pub use shared::Verdict;
pub use specimen::{Closer, Origin, Specimen, Study};
pub use tried::{History, Tried};
pub use view::{Look, Tab, View};

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is not as asked.
    Warning,
    /// Something does not work.
    Error,
}

/// A sentence for the person in front of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Tells notices apart.
    pub id: u32,
    /// How much it matters.
    pub severity: Severity,
    /// The sentence.
    pub text: String,
    /// Whether trying again may help.
    pub retry: bool,
}

/// What there was before the last change, to say what the change did.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// What was changed.
    pub control: Control,
    /// What the model said before.
    pub predictions: Rc<Predictions>,
    /// What its figures were.
    pub figures: Figures,
}

/// How the link in force came about, which says what becomes of the browser's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It came from the address.
    Keep,
    /// A choice: going back undoes it.
    Push,
    /// One more step of a drag.
    Replace,
}

/// The page's state.
#[derive(Clone, Debug)]
pub struct State {
    /// What is asked for.
    pub link: Link,
    /// How that came about.
    pub step: Step,
    /// Counts changes of the link; what older ones asked for is dropped.
    pub generation: u32,
    /// Counts addresses that said what is in force wrongly and are to be written anew.
    pub mend: u32,
    /// Counts changes of model or backend (and new attempts): each has workers of its own.
    pub epoch: u32,
    /// What the workers do.
    pub phase: Phase,
    /// The model's file, while it is on its way.
    pub download: Option<Download>,
    /// How far the quantization is that runs.
    pub making: Option<Progress>,
    /// What is asked for beside the figures of the recipe in force, and how far it is.
    pub errand: Option<(Errand, Progress)>,
    /// The backend that is measured, while all of them are.
    pub comparing: Option<BackendChoice>,
    /// The workers, once they listen.
    pub engine: Option<Engine>,
    /// What is known about the model in force.
    pub bench: Bench,
    /// What is known about others: by model and backend.
    pub shelf: Vec<((String, &'static str), Bench)>,
    /// Backends that were found to compute something else on this device, by name.
    pub bad: Vec<String>,
    /// Formats as they were chosen, whatever the dials made of them.
    pub chosen: Chosen,
    /// The control that is being dragged.
    pub dragging: Option<Control>,
    /// What there was before the last change.
    pub before: Option<Before>,
    /// The layer that is open; `None` until the first model is quantized.
    pub layer: Option<String>,
    /// What it shows, and of which recipe.
    pub detail: Option<(Recipe, Rc<LayerDetail>)>,
    /// How the figures are looked at.
    pub view: View,
    /// The last link opened that promises figures.
    pub shared: Option<Link>,
    /// Recipes that were tried, of all models, the newest first.
    pub tried: Rc<Vec<Tried>>,
    /// The image that is looked at closely.
    pub closer: Closer,
    /// Lessons and the glossary.
    pub lessons: Rc<Lessons>,
    /// Sentences, oldest first.
    pub notices: Vec<Notice>,
    /// Notices so far.
    pub noticed: u32,
}

/// What happens to the state.
#[derive(Clone, Debug)]
pub enum Action {
    /// A person changes something; `dragging` while the finger is down or the key is held.
    Edit {
        /// What.
        edit: Edit,
        /// Whether more may follow at once.
        dragging: bool,
    },
    /// The finger is up.
    DragEnd,
    /// The address changed.
    Navigate(Link, Vec<LinkIssue>),
    /// Opens a layer.
    Open(String),
    /// Looks at figures or images in another way.
    Look(Look),
    /// Something becomes of A.
    Pin(Pin),
    /// Something about the image that is looked at closely.
    Study(Study),
    /// Something happens to lessons.
    Learn(Learn),
    /// Tries again.
    Retry,
    /// What is done for the link in force was given up.
    Stop,
    /// An errand begins, of a generation.
    Begin(u32, Errand),
    /// An errand is given up.
    GiveUp,
    /// News of the errand of a generation.
    Found(u32, Found),
    /// Takes a notice away.
    Dismiss(u32),
    /// Says something.
    Tell(Severity, String),
    /// Nothing is promised any longer.
    Forgive,
    /// Something becomes of what was tried.
    History(History),
    /// One after the other.
    Several(Vec<Action>),
    /// News about the model.
    Bench(u32, BenchReport),
    /// News about the recipe.
    Run(u32, RunReport),
    /// News about A, of an epoch, while another recipe is in force.
    Beside(u32, Recipe, RunReport),
}

/// The state behind a pointer, so that contexts compare cheaply.
pub struct Store(pub Rc<State>);

/// What every part of the page can reach.
#[derive(Clone)]
pub struct Page {
    /// The state.
    pub state: Rc<State>,
    /// Changes it.
    pub dispatch: UseReducerDispatcher<Store>,
    /// Asks the workers.
    pub session: Rc<Session>,
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.state, &other.state)
    }
}

impl Page {
    /// Something about the image that is looked at closely.
    pub fn study(&self, study: Study) {
        self.dispatch.dispatch(Action::Study(study));
    }

    /// Makes a change that is complete in itself.
    pub fn edit(&self, edit: Edit) {
        self.dispatch.dispatch(Action::Edit { edit, dragging: false });
    }
}

/// The page that a component is part of.
#[hook]
pub fn use_page() -> Page {
    use_context().expect("every component is below App, which provides the page")
}

impl State {
    /// Whether no dial is held and nothing is quantized, counted or timed for the recipe in force.
    pub fn at_rest(&self) -> bool {
        self.dragging.is_none() && !matches!(self.phase, Phase::Quantizing | Phase::Evaluating | Phase::Timing)
    }

    /// The state for a link, before anything is loaded.
    pub fn new(link: Link, entry: &'static Entry) -> Self {
        Self {
            step: Step::Keep,
            generation: 0,
            mend: 0,
            epoch: 0,
            phase: Phase::Loading,
            download: None,
            making: None,
            errand: None,
            comparing: None,
            engine: None,
            bench: Bench::new(entry, &link.recipe),
            shelf: Vec::new(),
            bad: Vec::new(),
            chosen: Chosen::of(&link.recipe),
            dragging: None,
            before: None,
            layer: None,
            detail: None,
            view: View::default(),
            shared: link.expected.is_promise().then(|| link.clone()),
            tried: Rc::default(),
            closer: Closer::default(),
            lessons: Rc::default(),
            notices: Vec::new(),
            noticed: 0,
            link,
        }
    }

    /// What the open layer shows: of a recipe before, the weights alone, for they are the same under every recipe.
    pub fn layer_detail(&self) -> Option<Rc<LayerDetail>> {
        let (recipe, detail) = self.detail.as_ref()?;
        if *recipe == self.link.recipe {
            return Some(detail.clone());
        }
        let weights = detail.weights.clone();
        Some(Rc::new(LayerDetail { weights, grid: Vec::new(), grid_channel: None, scales: 0, ..LayerDetail::clone(detail) }))
    }

    /// What the last change did at a control, in accuracy, as far as it is counted: `None` where it is not the one
    /// that was changed last, `Some(None)` while too few images are counted.
    pub fn effect(&self, control: &Control) -> Option<Option<f64>> {
        let before = self.before.as_ref().filter(|before| before.control == *control)?;
        let after = &self.bench.run().predictions;
        let change = match self.bench.goal() {
            predictions::Goal::Accuracy => {
                let pairs = Pairs::of(after, &before.predictions, &self.bench.truth);
                pairs.change().filter(|_| pairs.n >= self.bench.enough())
            }
            predictions::Goal::Agreement => {
                let share = |p: &Predictions| self.bench.share(p, usize::MAX);
                let (now, then) = (share(after), share(&before.predictions));
                now.value().zip(then.value()).filter(|_| now.n >= self.bench.enough() && now.n == then.n).map(|(a, b)| a - b)
            }
        };
        Some(change)
    }
}
