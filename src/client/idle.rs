//! What is worth knowing when nothing else is to do: do the backends agree, where does the time go, what would other
//! bits give.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bitdial_protocol::{Profile, QuantizedHandle, Recipe, Request, Response, Target};
use futures::future::try_join_all;

use super::desk::Desk;
use super::error::ClientError;
use super::lab::Lab;
use super::plan::pieces;
use super::pool::{Pool, Slot};
use super::session::{Order, Voice};
use super::task::{on_first, on_slot};
use crate::state::bench::Profiles;
use crate::state::report::{BenchReport, RunReport};

/// Multiply-accumulates that the reference loops may take for a comparison.
pub const VERIFY_MACS: u64 = 60_000_000;
/// Counted runs of the whole model in a profile.
const PROFILE_RUNS: u32 = 10;

/// Compares the backends on a few images.
pub async fn verify(order: &Order, pool: &Pool, voice: &Voice) -> Result<(), ClientError> {
    let recipe = &order.link.recipe;
    let checks = on_first(pool, voice, async |desk: Rc<Desk>| {
        let (quantized, _) = desk.quantized(recipe).await?;
        let count = ((VERIFY_MACS / order.entry.macs.max(1)) as usize).clamp(1, desk.first.count.max(1));
        match desk.worker.ask(Request::Verify { quantized, images: desk.first.handle, count }).await? {
            Response::Verified { checks } => Ok(checks),
            _ => Err(ClientError::Unexpected("comparing backends")),
        }
    });
    voice.run(RunReport::Verified(Rc::new(checks.await?)));
    Ok(())
}

/// Times both models layer by layer.
pub async fn profile(order: &Order, pool: &Pool, voice: &Voice) -> Result<(), ClientError> {
    let recipe = &order.link.recipe;
    let profiles = on_first(pool, voice, async |desk: Rc<Desk>| {
        let (handle, _) = desk.quantized(recipe).await?;
        let float = profile_one(&desk, Target::F32(desk.model)).await?;
        let quantized = profile_one(&desk, Target::Quantized(handle)).await?;
        Ok(Profiles { float, quantized })
    });
    voice.run(RunReport::Profiled(Rc::new(profiles.await?)));
    Ok(())
}

async fn profile_one(desk: &Desk, target: Target) -> Result<Profile, ClientError> {
    match desk.worker.ask(Request::Profile { target, runs: PROFILE_RUNS }).await? {
        Response::Profiled { profile } => Ok(profile),
        _ => Err(ClientError::Unexpected("profiling")),
    }
}

/// Looks for what quantization broke, layer by layer; not of a model that is too large for it.
pub async fn diagnose(order: &Order, pool: &Pool, voice: &Voice) {
    if !order.entry.is_diagnosed() {
        return;
    }
    let recipe = &order.link.recipe;
    match on_slot(&pool.lab, voice, async |lab: Rc<Lab>| lab.diagnose(recipe).await).await {
        Ok((diagnosis, advice)) => voice.run(RunReport::Diagnosed(Rc::new(diagnosis), Rc::new(advice))),
        // A recipe that quantizes nothing has nothing to diagnose.
        Err(ClientError::Refused(_)) => {}
        Err(error) => voice.trouble(&error),
    }
}

/// Runs the first images under every recipe that the curve lacks, each on one worker, the widest first.
/// A program that imitates a GPU would be busy with it for minutes, and finds the classes that the processor finds.
pub async fn sweep(order: &Order, pool: &Pool, voice: &Voice, images: usize) -> Result<(), ClientError> {
    let desk = on_first(pool, voice, async |desk: Rc<Desk>| Ok(desk)).await?;
    if desk.capabilities.gpu.as_ref().is_some_and(|gpu| gpu.software) {
        return Ok(());
    }
    let missing: RefCell<VecDeque<Recipe>> = RefCell::new(order.missing.iter().rev().cloned().collect());
    let sweep = Sweep { order, voice, images, missing };
    try_join_all(pool.slots.iter().map(|slot| sweep.serve(slot))).await?;
    Ok(())
}

struct Sweep<'a> {
    order: &'a Order,
    voice: &'a Voice,
    images: usize,
    missing: RefCell<VecDeque<Recipe>>,
}

impl Sweep<'_> {
    async fn serve(&self, slot: &Slot<Desk>) -> Result<(), ClientError> {
        loop {
            let Some(recipe) = self.missing.borrow_mut().pop_front() else { return Ok(()) };
            let point = match slot.desk().await {
                Ok(desk) => self.point(&desk, &recipe).await,
                Err(error) => Err(error),
            };
            match point {
                Ok((size, classes)) => {
                    self.voice.bench(BenchReport::Sweep { recipe, size, classes });
                }
                Err(ClientError::Lost(message)) => {
                    self.missing.borrow_mut().push_front(recipe);
                    slot.replace(&message)?;
                    self.voice.bench(BenchReport::Trapped(message));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Size of the model under a recipe, and the classes it gives.
    async fn point(&self, desk: &Desk, recipe: &Recipe) -> Result<(usize, Vec<u16>), ClientError> {
        let (quantized, info) = desk.quantize(recipe).await?;
        let _guard = Borrowed { desk, quantized };
        let mut classes = Vec::with_capacity(self.images);
        for range in pieces(0..self.images, self.order.entry.macs) {
            classes.extend(desk.evaluate(Target::Quantized(quantized), range.start, range.len()).await?.top1);
        }
        Ok((info.size, classes))
    }
}

/// A quantized model that goes when the sweep has done with it, or is interrupted.
pub struct Borrowed<'a> {
    /// Where it is.
    pub desk: &'a Desk,
    /// The model.
    pub quantized: QuantizedHandle,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.desk.worker.tell(&Request::DisposeQuantized { quantized: self.quantized });
    }
}
