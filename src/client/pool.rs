//! The pool: as many workers as the device has cores for; one that is lost is replaced.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use futures::FutureExt;
use wasm_bindgen_futures::spawn_local;

use super::desk::{Desk, Kit, LARGE, Promise};
use super::error::ClientError;
use super::lab::Lab;
use crate::catalogue::Entry;

/// Each worker has its own memory; more than this many are no faster for models of this size.
const MOST_WORKERS: usize = 8;
/// Runners of a model that is large.
const MOST_LARGE: usize = 2;
/// A worker for fewer images than this takes longer to set up than it saves.
const WORTH_A_WORKER: usize = 100;
/// A worker lost so often without any success in between is not replaced again.
pub const MOST_LOSSES: u32 = 3;

/// The workers of one model: a lab, and runners that are all set up alike.
pub struct Pool {
    /// Where models are made.
    pub lab: Rc<Slot<Lab>>,
    /// The runners; at least one.
    pub slots: Vec<Rc<Slot<Desk>>>,
    /// How many of them run while a dial is held: one core is left to the page.
    pub while_held: usize,
    /// One more for single images, which do not wait for sets of them; started when it is first asked for.
    own: OnceCell<Rc<Slot<Desk>>>,
    kit: Rc<Kit>,
}

/// What sits at a slot.
pub trait Seat: 'static {
    /// Whether its worker can no longer be asked.
    fn is_gone(&self) -> bool;
}

impl Pool {
    /// Starts every worker.
    pub fn start(kit: &Rc<Kit>) -> Self {
        let cores = gloo::utils::window().navigator().hardware_concurrency() as usize;
        // One worker keeps a GPU busy.
        let workers = if kit.backend.is_gpu() { 1 } else { workers(cores, kit.entry) };
        let lab = Rc::new(Slot::new({
            let kit = kit.clone();
            move || Lab::set_up(kit.clone()).boxed_local().shared()
        }));
        let slots = (0..workers).map(|_| runner(kit, &lab)).collect();
        let while_held = workers.min(cores.saturating_sub(1)).max(1);
        Self { slots, while_held, lab, own: OnceCell::new(), kit: kit.clone() }
    }

    /// The runner for single images.
    pub fn own(&self) -> &Rc<Slot<Desk>> {
        self.own.get_or_init(|| runner(&self.kit, &self.lab))
    }

    /// A runner for small requests; not the one that is timed, unless there is no other.
    pub fn helper(&self) -> &Rc<Slot<Desk>> {
        &self.slots[self.slots.len() - 1]
    }
}

fn runner(kit: &Rc<Kit>, lab: &Rc<Slot<Lab>>) -> Rc<Slot<Desk>> {
    let (kit, lab) = (kit.clone(), lab.clone());
    Rc::new(Slot::new(move || Desk::set_up(kit.clone(), lab.clone()).boxed_local().shared()))
}

/// How many workers a model gets. Photos are too few for more than the worker that is timed and a helper.
fn workers(cores: usize, entry: &Entry) -> usize {
    let by_images = entry.test.as_ref().map_or(MOST_LARGE, |test| test.count.div_ceil(WORTH_A_WORKER));
    let by_bytes = if entry.bytes > LARGE { MOST_LARGE } else { MOST_WORKERS };
    cores.min(by_images).min(by_bytes).max(1)
}

/// The place of one worker.
pub struct Slot<S> {
    set_up: Box<dyn Fn() -> Promise<Rc<S>>>,
    seat: RefCell<Promise<Rc<S>>>,
    losses: Cell<u32>,
}

impl<S: Seat> Slot<S> {
    fn new(set_up: impl Fn() -> Promise<Rc<S>> + 'static) -> Self {
        Self { seat: RefCell::new(begin(&set_up)), set_up: Box::new(set_up), losses: Cell::new(0) }
    }

    /// The worker, once it is ready.
    pub async fn desk(&self) -> Result<Rc<S>, ClientError> {
        let seat = self.seat.borrow().clone();
        seat.await
    }

    /// The worker has done something.
    pub fn succeeded(&self) {
        self.losses.set(0);
    }

    /// Puts a new worker in the place of one that is gone.
    pub fn replace(&self, message: &str) -> Result<(), ClientError> {
        // Whoever noticed first has replaced it.
        let gone = match self.seat.borrow().peek() {
            Some(Ok(seat)) => seat.is_gone(),
            Some(Err(_)) => true,
            None => false,
        };
        if gone {
            self.losses.set(self.losses.get() + 1);
            if self.losses.get() > MOST_LOSSES {
                return Err(ClientError::KeepsFailing(message.to_owned()));
            }
            drop(self.seat.replace(begin(&self.set_up)));
        }
        Ok(())
    }
}

fn begin<S: 'static>(set_up: &dyn Fn() -> Promise<Rc<S>>) -> Promise<Rc<S>> {
    let seat = set_up();
    // Setting up goes on while the dial turns.
    spawn_local(seat.clone().map(drop));
    seat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_model_gets_few_workers_and_every_model_one() {
        for (id, cores, expected) in [
            ("fashion-mobilenet", 16, 8),
            ("fashion-mobilenet", 2, 2),
            ("digits", 0, 1),
            ("efficientnet-lite0", 16, 2),
            ("efficientnet-lite0", 1, 1),
        ] {
            assert_eq!(workers(cores, Entry::find(id).unwrap()), expected, "{id} on {cores} cores");
        }
    }
}
