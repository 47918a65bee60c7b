//! The pool: as many workers as the device has cores for; one that is lost is replaced.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::FutureExt;
use wasm_bindgen_futures::spawn_local;

use super::desk::{Desk, Kit, Promise};
use super::error::ClientError;

/// Each worker has its own memory; more than this many are no faster for models of this size.
const MOST_WORKERS: usize = 8;
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
        Self { slots: (0..cores.clamp(1, MOST_WORKERS)).map(|_| Rc::new(Slot::new(kit.clone()))).collect() }
    }

    /// A worker for small requests; not the one that is timed, unless there is no other.
    pub fn helper(&self) -> &Rc<Slot> {
        &self.slots[self.slots.len() - 1]
    }
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
