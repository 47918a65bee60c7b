//! The course of one wish: quantize, run images, time, and then whatever is worth knowing in idle time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use bitdial_protocol::{QuantizedHandle, Recipe, Request, Response, Target};
use futures::future::try_join_all;
use yew::AttrValue;

use super::clock::sleep;
use super::desk::Desk;
use super::error::ClientError;
use super::fetch::Library;
use super::idle;
use super::plan::{Chunk, plan};
use super::pool::{MOST_LOSSES, Pool, Seat, Slot};
use super::session::{Order, Voice};
use crate::state::bench::{Latency, Loaded};
use crate::state::report::{BenchReport, Engine, Phase, RunReport};

/// How long the first timing may take, and the one that stays.
const QUICK_MS: f64 = 250.0;
const THOROUGH_MS: f64 = 1_000.0;
/// Bounds of the counted runs of each model.
const RUNS: (f64, f64) = (5.0, 50.0);

/// How often a worker that rests looks whether the dial is still held.
const GRIP_MS: u32 = 30;

/// What the parts of a task share.
struct Job<'a> {
    order: &'a Order,
    pool: &'a Pool,
    library: &'a Library,
    voice: &'a Voice,
    /// What has been said already.
    greeted: Cell<bool>,
    quantized: Cell<bool>,
    labelled: Cell<usize>,
}

/// Does what was asked for; comes back when nothing is left to do.
pub async fn perform(order: &Order, pool: &Pool, library: &Library, voice: &Voice) -> Result<(), ClientError> {
    let first = measure(order, pool, library, voice).await?;
    if let Some(a) = &order.a {
        let voice = voice.beside(a.link.recipe.clone());
        // Without A's figures, those of the recipe in force are as good.
        if let Err(error) = measure(a, pool, library, &voice).await {
            voice.trouble(&error);
            voice.run(RunReport::Phase(Phase::Idle));
        }
        voice.run(RunReport::Over);
    }
    idle::sweep(order, pool, voice, first).await
}

/// All figures of a recipe; says how many images come first.
async fn measure(order: &Order, pool: &Pool, library: &Library, voice: &Voice) -> Result<usize, ClientError> {
    let (greeted, quantized, labelled) = (Cell::new(voice.is_beside()), Cell::new(false), Cell::new(0));
    let job = Job { order, pool, library, voice, greeted, quantized, labelled };
    let [timed, profiled, verified, diagnosed] = order.done;
    let entry = order.entry;
    let first = job.ready().await?;
    let total = entry.test.as_ref().map_or(first, |test| test.count);
    let queue = |from, to| Rc::new(RefCell::new(plan(from, to, entry.macs, &order.predictions, &order.baseline)));

    job.run_images(queue(0, first)).await?;
    if !timed {
        job.time(QUICK_MS).await?;
    }
    let rest = queue(first, total);
    if !rest.borrow().is_empty() {
        match job.run_images(rest).await {
            Err(error @ ClientError::Fetch { .. }) => voice.run(RunReport::Incomplete(error.to_string())),
            done => done?,
        }
    }
    if !timed {
        job.time(THOROUGH_MS).await?;
    }
    voice.run(RunReport::Phase(Phase::Idle));

    if !verified {
        idle::verify(order, pool, voice).await?;
    }
    if !profiled {
        idle::profile(order, pool, voice).await?;
    }
    if !diagnosed {
        idle::diagnose(order, pool, voice).await;
    }
    Ok(first)
}

impl Job<'_> {
    /// Waits for a worker; says how many images come first.
    async fn ready(&self) -> Result<usize, ClientError> {
        let slot = &self.pool.slots[0];
        loop {
            match slot.desk().await {
                Ok(desk) => {
                    self.greet(&desk).await?;
                    return Ok(desk.first.count);
                }
                Err(ClientError::Lost(message)) => {
                    slot.replace(&message)?;
                    self.voice.bench(BenchReport::Trapped(message));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the page, once, about the worker and the model.
    async fn greet(&self, desk: &Rc<Desk>) -> Result<(), ClientError> {
        if self.greeted.replace(true) {
            return Ok(());
        }
        let entry = self.order.entry;
        let names = self.library.text(&entry.labels).await?;
        let labels = names.lines().map(|line| AttrValue::from(line.to_owned())).collect();
        let titles = desk.titles().await?.into_iter().map(AttrValue::from).collect();
        let images = entry.test.as_ref().map_or(desk.first.count, |test| test.count);
        let loaded = Loaded { info: desk.info.clone(), labels, titles, images, first: desk.first.count };
        let engine = Engine { capabilities: desk.capabilities.clone(), workers: self.pool.slots.len() };
        self.voice.bench(BenchReport::Engine(engine));
        self.voice.bench(BenchReport::Truth(desk.first.labels.clone()));
        self.voice.bench(BenchReport::Loaded(Rc::new(loaded)));
        self.voice.run(RunReport::Phase(Phase::Quantizing));
        Ok(())
    }

    /// Runs a queue of chunks on every worker.
    async fn run_images(&self, queue: Rc<RefCell<VecDeque<Chunk>>>) -> Result<(), ClientError> {
        let slots = self.pool.slots.iter().enumerate();
        try_join_all(slots.map(|(index, slot)| self.serve(index, slot, &queue))).await?;
        Ok(())
    }

    /// One worker's part of the queue; a worker that is lost is replaced and its chunk run again.
    async fn serve(&self, index: usize, slot: &Slot<Desk>, queue: &RefCell<VecDeque<Chunk>>) -> Result<(), ClientError> {
        loop {
            let lost = match self.drain(index, slot, queue).await {
                Err(ClientError::Lost(message)) => message,
                other => return other,
            };
            slot.replace(&lost)?;
            self.voice.bench(BenchReport::Trapped(lost));
        }
    }

    async fn drain(&self, index: usize, slot: &Slot<Desk>, queue: &RefCell<VecDeque<Chunk>>) -> Result<(), ClientError> {
        let desk = slot.desk().await?;
        // The first worker is timed and asked about layers, even if every image is known.
        if index == 0 {
            self.quantized(&desk).await?;
        }
        loop {
            while index >= self.pool.while_held && self.order.held.get() && !queue.borrow().is_empty() {
                sleep(GRIP_MS).await;
            }
            let Some(chunk) = queue.borrow_mut().pop_front() else { return Ok(()) };
            if let Err(error) = self.run_chunk(&desk, chunk).await {
                queue.borrow_mut().push_front(chunk);
                return Err(error);
            }
            slot.succeeded();
        }
    }

    async fn quantized(&self, desk: &Rc<Desk>) -> Result<QuantizedHandle, ClientError> {
        let (handle, info) = desk.quantized(&self.order.link.recipe).await?;
        if !self.quantized.replace(true) {
            self.voice.run(RunReport::Quantized(info));
            self.voice.run(RunReport::Phase(Phase::Evaluating));
        }
        Ok(handle)
    }

    async fn run_chunk(&self, desk: &Rc<Desk>, chunk: Chunk) -> Result<(), ClientError> {
        let Chunk { float, first, count } = chunk;
        let target = if float { Target::F32(desk.model) } else { Target::Quantized(self.quantized(desk).await?) };
        let found = desk.evaluate(target, first, count).await?;
        if first + count > desk.first.count {
            let labels = desk.all().await?.labels;
            if self.labelled.replace(labels.len()) < labels.len() {
                self.voice.bench(BenchReport::Truth(labels));
            }
        }
        if float {
            self.voice.bench(BenchReport::Baseline(found));
        } else {
            self.voice.run(RunReport::Evaluated(found));
        }
        Ok(())
    }

    /// Times f32 and quantized in turn in the first worker; the others have nothing to do meanwhile.
    async fn time(&self, budget: f64) -> Result<(), ClientError> {
        self.voice.run(RunReport::Phase(Phase::Timing));
        let recipe = &self.order.link.recipe;
        let latency = on_first(self.pool, self.voice, async |desk: Rc<Desk>| time(&desk, recipe, budget).await).await?;
        self.voice.run(RunReport::Timed(latency));
        self.voice.run(RunReport::Phase(Phase::Evaluating));
        Ok(())
    }
}

/// Something for the first worker; once more with a new one if it is lost.
pub async fn on_first<T>(pool: &Pool, voice: &Voice, work: impl AsyncFn(Rc<Desk>) -> Result<T, ClientError>) -> Result<T, ClientError> {
    on_slot(&pool.slots[0], voice, work).await
}

/// Something for one worker, which is replaced when it is lost. What stops worker after worker is given up, even if
/// they do other things well in between.
pub async fn on_slot<S: Seat, T>(
    slot: &Slot<S>,
    voice: &Voice,
    work: impl AsyncFn(Rc<S>) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut losses = 0;
    loop {
        let lost = match slot.desk().await {
            Ok(desk) => match work(desk).await {
                Err(ClientError::Lost(message)) => message,
                other => return other,
            },
            Err(ClientError::Lost(message)) => message,
            Err(error) => return Err(error),
        };
        slot.replace(&lost)?;
        voice.bench(BenchReport::Trapped(lost.clone()));
        losses += 1;
        if losses > MOST_LOSSES {
            return Err(ClientError::KeepsFailing(lost));
        }
    }
}

async fn time(desk: &Rc<Desk>, recipe: &Recipe, budget: f64) -> Result<Latency, ClientError> {
    let (handle, _) = desk.quantized(recipe).await?;
    let time = async |runs: u32| {
        let targets = vec![Target::F32(desk.model), Target::Quantized(handle)];
        match desk.worker.ask(Request::Time { targets, images: Some(desk.first.handle), runs }).await? {
            Response::Timed { timings } if timings.len() == 2 => Ok(Latency { float: timings[0], quantized: timings[1] }),
            _ => Err(ClientError::Unexpected("timing")),
        }
    };
    let probe = time(3).await?;
    let runs = budget / (probe.float.median + probe.quantized.median).max(1e-3);
    time(runs.clamp(RUNS.0, RUNS.1) as u32).await
}
