//! One thing at a time, and of those that wait only the newest.

use std::cell::{Cell, RefCell};

/// Says what to do next.
#[derive(Debug)]
pub struct Newest<T> {
    busy: Cell<bool>,
    waits: RefCell<Option<T>>,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self { busy: Cell::new(false), waits: RefCell::new(None) }
    }
}

impl<T> Newest<T> {
    /// Asks for something: it is given back if it can be done now, and waits otherwise, in the place of what waited before.
    pub fn ask(&self, what: T) -> Option<T> {
        if self.busy.replace(true) {
            self.waits.replace(Some(what));
            return None;
        }
        Some(what)
    }

    /// What was done last is done: what to do next.
    pub fn done(&self) -> Option<T> {
        let next = self.waits.take();
        self.busy.set(next.is_some());
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_waits() {
        let newest = Newest::default();
        assert_eq!(newest.ask(1), Some(1));
        assert_eq!((newest.ask(2), newest.ask(3)), (None, None));
        assert_eq!(newest.done(), Some(3));
        assert_eq!(newest.ask(4), None);
        assert_eq!((newest.done(), newest.done()), (Some(4), None));
        assert_eq!(newest.ask(5), Some(5));
    }
}
