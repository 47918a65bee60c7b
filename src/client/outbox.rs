//! News on its way to the page: frequent ones wait a moment for each other, so that drawing does not take the time that
//! workers on the same cores need.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo::timers::callback::Timeout;
use yew::UseReducerDispatcher;

use super::clock::now;
use crate::state::{Action, Store};

/// How long news may wait, in milliseconds. With two workers on two cores, drawing after each of their answers (80 a
/// second) took a third of one core.
const PAUSE: f64 = 60.0;

/// Takes news and hands them to the reducer.
pub struct Outbox {
    dispatch: UseReducerDispatcher<Store>,
    waiting: RefCell<Vec<Action>>,
    timer: RefCell<Option<Timeout>>,
    /// When news were last handed over.
    last: Cell<f64>,
    own: Weak<Self>,
}

impl Outbox {
    /// Empty.
    pub fn new(dispatch: UseReducerDispatcher<Store>) -> Rc<Self> {
        Rc::new_cyclic(|own| Self {
            dispatch,
            waiting: RefCell::default(),
            timer: RefCell::default(),
            last: Cell::new(f64::MIN),
            own: own.clone(),
        })
    }

    /// News that are handed over at once, after those that wait.
    pub fn send(&self, action: Action) {
        self.waiting.borrow_mut().push(action);
        self.flush();
    }

    /// News that may wait for others of their kind.
    pub fn send_soon(&self, action: Action) {
        self.waiting.borrow_mut().push(action);
        let rest = self.last.get() + PAUSE - now();
        if rest <= 0.0 {
            self.flush();
        } else if self.timer.borrow().is_none() {
            let own = self.own.clone();
            let timer = Timeout::new(rest.ceil() as u32, move || {
                if let Some(outbox) = own.upgrade() {
                    outbox.flush();
                }
            });
            self.timer.replace(Some(timer));
        }
    }

    fn flush(&self) {
        drop(self.timer.take());
        self.last.set(now());
        let mut waiting = self.waiting.take();
        match waiting.len() {
            0 => {}
            1 => waiting.drain(..).for_each(|action| self.dispatch.dispatch(action)),
            _ => self.dispatch.dispatch(Action::Several(waiting)),
        }
    }
}
