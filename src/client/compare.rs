//! The backends of this device in turn, each in a worker of its own, while all other workers rest.

use std::rc::Rc;

use bitdial_protocol::{BackendCheck, BackendChoice, Recipe, Request, Response, Target};

use super::clock::now;
use super::desk::{Desk, Kit};
use super::error::ClientError;
use super::idle::VERIFY_MACS;
use super::pool::Pool;
use crate::state::compared::{Figures, Measured, Rate};

/// Multiply-accumulates of the images that are counted: a second or two for the reference loops, and enough for a rate.
const COUNTED_MACS: u64 = 2_000_000_000;
/// Rounds in which they are run, at least and at most, and the milliseconds after which no more begin.
const ROUNDS: (usize, usize) = (3, 11);
const ENOUGH_MS: f64 = 800.0;
/// Counted runs of one image.
const RUNS: u32 = 15;

/// Measures one backend. Its worker ends with it.
pub async fn measure(kit: Rc<Kit>, pool: &Pool, recipe: &Recipe) -> Result<Measured, ClientError> {
    let (backend, macs) = (kit.backend, kit.entry.macs.max(1));
    let desk = Desk::set_up(kit, pool.lab.clone()).await?;
    let images = |budget: u64| ((budget / macs) as usize).clamp(1, desk.first.count.max(1));
    let figures = async |target: Target| {
        let latency = match desk.worker.ask(Request::Time { targets: vec![target], images: Some(desk.first.handle), runs: RUNS }).await? {
            Response::Timed { timings } if timings.len() == 1 => timings[0],
            _ => return Err(ClientError::Unexpected("timing")),
        };
        let count = images(COUNTED_MACS);
        // The first batch of a size sets memory up.
        desk.evaluate(target, 0, count.div_ceil(8)).await?;
        let (mut classes, mut rounds) = (Vec::new(), Vec::new());
        while rounds.len() < ROUNDS.0 || (rounds.len() < ROUNDS.1 && rounds.iter().sum::<f64>() < ENOUGH_MS) {
            let start = now();
            classes = desk.evaluate(target, 0, count).await?.top1;
            rounds.push(now() - start);
        }
        Ok(Figures { rate: Rate::of(classes.len(), &rounds), classes, latency })
    };
    let float = figures(Target::F32(desk.model)).await?;
    let (mut quantized, mut check) = (None, None);
    // In f16 runs what is not quantized; the rest is as with f32.
    if backend != BackendChoice::WebGpuF16 {
        let (handle, _) = desk.quantized(recipe).await?;
        quantized = Some(figures(Target::Quantized(handle)).await?);
        let request = Request::Verify { quantized: handle, images: desk.first.handle, count: images(VERIFY_MACS) };
        let Response::Verified { checks } = desk.worker.ask(request).await? else {
            return Err(ClientError::Unexpected("comparing backends"));
        };
        check = checks.into_iter().find(|check: &BackendCheck| check.backend == desk.capabilities.backend);
    }
    Ok(Measured { capabilities: desk.capabilities.clone(), float, quantized, check })
}
