//! The session: what the page asks for becomes a task; a newer wish ends the task of an older one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bitdial_protocol::{BackendChoice, Link, Recipe, Request, Response};
use futures::FutureExt;
use futures::future::{AbortHandle, Abortable};
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen_futures::spawn_local;
use yew::UseReducerDispatcher;

use super::clock::sleep;
use super::compare;
use super::desk::{Desk, Kit};
use super::errand::{self, Subject};
use super::error::ClientError;
use super::fetch::Library;
use super::lab::Lab;
use super::look::Wish;
use super::newest::Newest;
use super::outbox::Outbox;
use super::pool::Pool;
use super::probe::{self, Support, backend_name};
use super::reader::Reader;
use super::task::{self, on_slot};
use crate::catalogue::Entry;
use crate::state::compared::Compared;
use crate::state::report::{BenchReport, Download, RunReport};
use crate::state::{Action, Bench, Errand, Found, Page, Phase, Predictions, Severity, Store};

/// The folder of the workers, relative to the page.
const WORKERS: &str = match option_env!("BITDIAL_WORKER_DIR") {
    Some(folder) => folder,
    None => "worker",
};
/// A dial that is turned passes over values; only one that stays so long is run.
const SETTLE_MS: u32 = 40;
/// Files smaller than this are here before a bar could be read.
const WORTH_A_BAR: usize = 1_000_000;

/// The address of a worker module.
pub fn module(build: &str) -> Result<String, ClientError> {
    let base = gloo::utils::document().base_uri().ok().flatten().unwrap_or_default();
    let url = web_sys::Url::new_with_base(&format!("{WORKERS}/worker.mjs?build={build}"), &base);
    Ok(url.map_err(|e| ClientError::Lost(super::error::said(&e)))?.href())
}

/// What is asked for, and what is known already.
#[derive(Clone)]
pub struct Order {
    /// The attempt.
    pub epoch: u32,
    /// The wish.
    pub generation: u32,
    /// Whether the dial is still turning.
    pub settle: bool,
    /// The model.
    pub entry: &'static Entry,
    /// The recipe and backend.
    pub link: Link,
    /// Classes that are known of this recipe.
    pub predictions: Rc<Predictions>,
    /// Classes that are known of the f32 model.
    pub baseline: Rc<Predictions>,
    /// Whether this recipe was timed, profiled, compared, diagnosed.
    pub done: [bool; 4],
    /// Points that the sweep still lacks.
    pub missing: Vec<Recipe>,
    /// Whether a dial is held, now.
    pub held: Rc<Cell<bool>>,
    /// The same for A, where figures of it are missing.
    pub a: Option<Box<Order>>,
}

/// Says things to the page, for one wish.
#[derive(Clone)]
pub struct Voice {
    outbox: Rc<Outbox>,
    epoch: u32,
    generation: u32,
    /// A, if that is what is measured, and not the recipe in force.
    beside: Option<Recipe>,
}

impl Voice {
    /// One that tells of A.
    pub fn beside(&self, recipe: Recipe) -> Self {
        Self { beside: Some(recipe), ..self.clone() }
    }

    /// Whether it tells of A.
    pub fn is_beside(&self) -> bool {
        self.beside.is_some()
    }

    /// News about the model.
    pub fn bench(&self, report: BenchReport) {
        let frequent = matches!(report, BenchReport::Baseline(_) | BenchReport::Download(Some(_)) | BenchReport::Making(_));
        self.send(frequent, Action::Bench(self.epoch, report));
    }

    /// News about the recipe.
    pub fn run(&self, report: RunReport) {
        let frequent = matches!(report, RunReport::Evaluated(_));
        let action = match (&self.beside, report) {
            // What rests while the recipe in force is timed rests for A too; all else of A is idle time.
            (Some(_), RunReport::Phase(Phase::Timing)) => Action::Run(self.generation, RunReport::Phase(Phase::Timing)),
            (Some(_), RunReport::Phase(_)) => Action::Run(self.generation, RunReport::Phase(Phase::Idle)),
            (Some(recipe), report) => Action::Beside(self.epoch, recipe.clone(), report),
            (None, report) => Action::Run(self.generation, report),
        };
        self.send(frequent, action);
    }

    /// News of an errand.
    pub fn found(&self, found: Found) {
        self.send(matches!(found, Found::Progress(_)), Action::Found(self.generation, found));
    }

    /// What went wrong beside the wish itself. A file that does not come is told where the wish needs it.
    pub fn trouble(&self, error: &ClientError) {
        if matches!(error, ClientError::KeepsFailing(_) | ClientError::Refused(_) | ClientError::Unexpected(_)) {
            self.outbox.send(Action::Tell(Severity::Warning, error.to_string()));
        }
    }

    fn send(&self, frequent: bool, action: Action) {
        if frequent { self.outbox.send_soon(action) } else { self.outbox.send(action) }
    }
}

/// The page's connection to the workers.
pub struct Session {
    pub(super) outbox: Rc<Outbox>,
    /// What this browser can run.
    pub support: Support,
    /// Whether a dial is held: the page then needs a core to draw what it does.
    pub held: Rc<Cell<bool>>,
    pub(super) library: Rc<Library>,
    pub(super) reader: Reader,
    pool: RefCell<Option<(u32, Rc<Pool>)>>,
    task: RefCell<Option<AbortHandle>>,
    look: RefCell<Option<AbortHandle>>,
    errand: RefCell<Option<AbortHandle>>,
    comparing: RefCell<Option<(Voice, AbortHandle)>>,
    pub(super) looks: Newest<Wish>,
    pub(super) maps: Newest<Wish>,
}

impl Session {
    /// No workers yet.
    pub fn new(dispatch: UseReducerDispatcher<Store>) -> Self {
        let support = probe::support();
        let outbox = Outbox::new(dispatch);
        let (library, reader, pool, task, look, errand, comparing) = Default::default();
        let (looks, maps, held) = Default::default();
        Self { outbox, support, held, library, reader, pool, task, look, errand, comparing, looks, maps }
    }

    /// Ends what was asked for.
    pub fn stop(&self) {
        self.stop_comparing();
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.give_up();
    }

    /// Ends the errand.
    pub fn give_up(&self) {
        if let Some(errand) = self.errand.take() {
            errand.abort();
        }
    }

    /// Runs an errand for a generation, in the place of another.
    pub fn send(&self, generation: u32, errand: Errand, subject: Subject) {
        self.give_up();
        let Ok((pool, voice)) = self.helper(generation) else { return };
        self.outbox.send(Action::Begin(generation, errand.clone()));
        let (handle, registration) = AbortHandle::new_pair();
        self.errand.replace(Some(handle));
        let work = async move {
            let found = errand::run(&errand, &subject, &pool, &voice).await;
            voice.found(found);
        };
        spawn_local(Abortable::new(work, registration).map(drop));
    }

    /// Asks what to try next under a recipe that was diagnosed.
    pub fn advise(&self, generation: u32, recipe: Recipe, lost: f64) {
        let Ok((pool, voice)) = self.helper(generation) else { return };
        spawn_local(async move {
            match on_slot(&pool.lab, &voice, async |lab: Rc<Lab>| lab.advise(&recipe, Some(lost)).await).await {
                Ok(advice) => voice.run(RunReport::Advised(Rc::new(advice))),
                // A lab that was replaced has no diagnosis; the advice of before stays.
                Err(ClientError::Refused(_)) => {}
                Err(error) => voice.trouble(&error),
            }
        });
    }

    /// Starts what is asked for and ends what was asked for before.
    pub fn order(&self, order: Order) {
        let voice = Voice { outbox: self.outbox.clone(), epoch: order.epoch, generation: order.generation, beside: None };
        self.stop();
        let pool = match self.pool_for(&order, &voice) {
            Ok(pool) => pool,
            Err(error) => return voice.run(RunReport::Failed { message: error.to_string(), retry: false }),
        };
        let (handle, registration) = AbortHandle::new_pair();
        self.task.replace(Some(handle));
        let library = self.library.clone();
        let work = async move {
            if order.settle {
                sleep(SETTLE_MS).await;
            }
            if let Err(error) = task::perform(&order, &pool, &library, &voice).await {
                voice.run(RunReport::Failed { retry: error.is_passing(), message: error.to_string() });
            }
        };
        // A task that was ended has nothing more to say.
        spawn_local(Abortable::new(work, registration).map(drop));
    }

    fn pool_for(&self, order: &Order, voice: &Voice) -> Result<Rc<Pool>, ClientError> {
        if let Some((epoch, pool)) = &*self.pool.borrow()
            && *epoch == order.epoch
        {
            return Ok(pool.clone());
        }
        // The memory of the workers before goes with them.
        self.pool.replace(None);
        let kit = self.kit(order.entry, order.link.backend, voice)?;
        let pool = Rc::new(Pool::start(&kit));
        self.pool.replace(Some((order.epoch, pool.clone())));
        Ok(pool)
    }

    /// What workers of a model on a backend are set up with.
    fn kit(&self, entry: &'static Entry, backend: BackendChoice, voice: &Voice) -> Result<Rc<Kit>, ClientError> {
        let build = self.support.build(backend).ok_or_else(|| ClientError::Unsupported(backend_name(backend)))?;
        let (url, lab_url) = (module(build)?, module("lab")?);
        let library = self.library.clone();
        let on_progress = {
            let (voice, total) = (voice.clone(), entry.bytes);
            Rc::new(move |done: usize, _: Option<usize>| {
                if total >= WORTH_A_BAR {
                    voice.bench(BenchReport::Download((done < total).then_some(Download { done, total })));
                }
            })
        };
        let photos = Kit::photos(entry, &library);
        let on_making = Rc::new({
            let voice = voice.clone();
            move |progress| voice.bench(BenchReport::Making(progress))
        });
        let on_trapped = Rc::new({
            let voice = voice.clone();
            move |message| voice.bench(BenchReport::Trapped(message))
        });
        Ok(Rc::new(Kit { url, lab_url, entry, backend, library, on_progress, on_making, on_trapped, photos }))
    }

    /// The workers, and a voice for what becomes of a small request.
    pub(super) fn helper(&self, generation: u32) -> Result<(Rc<Pool>, Voice), ClientError> {
        let pool = self.pool.borrow();
        let (epoch, pool) = pool.as_ref().ok_or(ClientError::Cancelled)?;
        Ok((pool.clone(), Voice { outbox: self.outbox.clone(), epoch: *epoch, generation, beside: None }))
    }

    /// Looks closer at one layer of the model under a recipe.
    pub fn open_layer(&self, generation: u32, bench: &Bench, layer: String) {
        let Ok((pool, voice)) = self.helper(generation) else { return };
        let recipe = bench.run().recipe.clone();
        let (handle, registration) = AbortHandle::new_pair();
        if let Some(older) = self.look.replace(Some(handle)) {
            older.abort();
        }
        let look = async move {
            let look = on_slot(&pool.lab, &voice, async |lab: Rc<Lab>| lab.layer(&recipe, layer.clone()).await);
            match look.await {
                Ok(detail) => voice.run(RunReport::Layer(Rc::new(detail))),
                Err(error) => voice.trouble(&error),
            }
        };
        spawn_local(Abortable::new(look, registration).map(drop));
    }

    /// Measures every backend that this browser may have on the recipe in force.
    pub fn compare(&self, page: &Page) {
        self.stop();
        let state = &page.state;
        let Ok((pool, voice)) = self.helper(state.generation) else { return };
        let (entry, recipe) = (state.bench.entry, state.link.recipe.clone());
        let usable = |choice: &BackendChoice| *choice != BackendChoice::Auto && !state.bad.iter().any(|bad| bad == backend_name(*choice));
        let kits: Vec<_> =
            self.support.choices().into_iter().rev().filter(usable).map(|choice| (choice, self.kit(entry, choice, &voice))).collect();
        let (handle, registration) = AbortHandle::new_pair();
        self.comparing.replace(Some((voice.clone(), handle)));
        let work = async move {
            for (backend, kit) in kits {
                voice.run(RunReport::Comparing(Some(backend)));
                let outcome = async { compare::measure(kit?, &pool, &recipe).await };
                let outcome = outcome.await.map_err(|error| error.to_string());
                voice.run(RunReport::Compared(Rc::new(Compared { backend, outcome })));
            }
            voice.run(RunReport::Comparing(None));
        };
        spawn_local(Abortable::new(work, registration).map(drop));
    }

    /// Ends that. What was measured stays.
    pub fn stop_comparing(&self) {
        if let Some((voice, task)) = self.comparing.take() {
            task.abort();
            voice.run(RunReport::Comparing(None));
        }
    }

    /// The model under a recipe as an ONNX file.
    pub async fn export(&self, recipe: &Recipe) -> Result<ArrayBuffer, ClientError> {
        let (pool, voice) = self.helper(0)?;
        on_slot(&pool.lab, &voice, async |lab: Rc<Lab>| lab.export(recipe).await).await
    }

    /// Pixels of some images: rows, columns, channels, and one vector per image.
    pub async fn pixels(&self, indices: Vec<usize>) -> Result<([usize; 3], Vec<Vec<u8>>), ClientError> {
        let (pool, voice) = self.helper(0)?;
        let end = indices.iter().max().map_or(0, |last| last + 1);
        let answer = on_slot(pool.helper(), &voice, async |desk: Rc<Desk>| {
            let images = desk.holding(end).await?.handle;
            desk.worker.request(&Request::Pixels { images, indices: indices.clone() }, Vec::new()).await
        });
        let answer = answer.await.inspect_err(|error| voice.trouble(error))?;
        let (Response::Pixels { shape }, Some(buffer)) = (answer.body, answer.buffers.first()) else {
            return Err(ClientError::Unexpected("pixels"));
        };
        let bytes = Uint8Array::new(buffer).to_vec();
        let length = shape.iter().product::<usize>().max(1);
        Ok((shape, bytes.chunks_exact(length).map(<[u8]>::to_vec).collect()))
    }
}
