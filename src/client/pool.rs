//! The pool: as many workers as the device has cores for; one that is lost is replaced.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::FutureExt;
use wasm_bindgen_futures::spawn_local;

use super::desk::{Desk, Kit, Promise};
use super::error::ClientError;
use crate::catalogue::Entry;

/// Each worker has its own memory; more than this many are no faster for models of this size.
const MOST_WORKERS: usize = 8;
/// A model over so many bytes is held by two workers at most: each holds it in f32 and under several recipes.
const LARGE: usize = 8_000_000;
const MOST_LARGE: usize = 2;
/// A worker for fewer images than this takes longer to set up than it saves.
const WORTH_A_WORKER: usize = 100;
/// A worker lost so often without any success in between is not replaced again.
pub const MOST_LOSSES: u32 = 3;

/// Workers that are all set up alike.
pub struct Pool {
    /// The workers; at least one.
    pub slots: Vec<Rc<Slot>>,
}

impl Pool {
    /// Starts every worker.
    pub fn start(kit: &Rc<Kit>) -> Self {
        let cores = gloo::utils::window().navigator().hardware_concurrency() as usize;
        let workers = workers(cores, kit.entry);
        Self { slots: (0..workers).map(|_| Rc::new(Slot::new(kit.clone()))).collect() }
    }

    /// A worker for small requests; not the one that is timed, unless there is no other.
    pub fn helper(&self) -> &Rc<Slot> {
        &self.slots[self.slots.len() - 1]
    }
}

/// How many workers a model gets. Photos are too few for more than the worker that is timed and a helper.
fn workers(cores: usize, entry: &Entry) -> usize {
    let by_images = entry.test.as_ref().map_or(MOST_LARGE, |test| test.count.div_ceil(WORTH_A_WORKER));
    let by_bytes = if entry.bytes > LARGE { MOST_LARGE } else { MOST_WORKERS };
    cores.min(by_images).min(by_bytes).max(1)
}

/// The place of one worker.
pub struct Slot {
    kit: Rc<Kit>,
    desk: RefCell<Promise<Rc<Desk>>>,
    losses: Cell<u32>,
}

impl Slot {
    fn new(kit: Rc<Kit>) -> Self {
        Self { desk: RefCell::new(set_up(&kit)), kit, losses: Cell::new(0) }
    }

    /// The worker, once it is ready.
    pub async fn desk(&self) -> Result<Rc<Desk>, ClientError> {
        let desk = self.desk.borrow().clone();
        desk.await
    }

    /// The worker has done something.
    pub fn succeeded(&self) {
        self.losses.set(0);
    }

    /// Puts a new worker in the place of one that is gone.
    pub fn replace(&self, message: &str) -> Result<(), ClientError> {
        // Whoever noticed first has replaced it.
        let gone = match self.desk.borrow().peek() {
            Some(Ok(desk)) => desk.worker.is_gone(),
            Some(Err(_)) => true,
            None => false,
        };
        if gone {
            self.losses.set(self.losses.get() + 1);
            if self.losses.get() > MOST_LOSSES {
                return Err(ClientError::KeepsFailing(message.to_owned()));
            }
            drop(self.desk.replace(set_up(&self.kit)));
        }
        Ok(())
    }
}

fn set_up(kit: &Rc<Kit>) -> Promise<Rc<Desk>> {
    let desk = Desk::set_up(kit.clone()).boxed_local().shared();
    // Setting up goes on while the dial turns.
    spawn_local(desk.clone().map(drop));
    desk
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
