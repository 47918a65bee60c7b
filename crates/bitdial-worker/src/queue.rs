//! Requests waiting for their turn, and those that were given up.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use js_sys::ArrayBuffer;

/// A request as it came.
#[derive(Debug)]
pub struct Waiting<B> {
    /// Chosen by the page.
    pub id: u32,
    /// What it asks for; or why that is not clear.
    pub body: Result<B, String>,
    /// What lay beside it.
    pub buffers: Vec<ArrayBuffer>,
}

/// The requests of one page, in order.
#[derive(Debug)]
pub struct Queue<B> {
    waiting: RefCell<VecDeque<Waiting<B>>>,
    current: Cell<Option<u32>>,
    cancelled: RefCell<HashSet<u32>>,
    waker: RefCell<Option<Waker>>,
}

impl<B> Default for Queue<B> {
    fn default() -> Self {
        Self { waiting: RefCell::default(), current: Cell::default(), cancelled: RefCell::default(), waker: RefCell::default() }
    }
}

impl<B> Queue<B> {
    /// Adds a request at the end.
    pub fn push(&self, request: Waiting<B>) {
        self.waiting.borrow_mut().push_back(request);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Gives up a request that waits or runs; one that was answered is left alone.
    pub fn cancel(&self, id: u32) {
        if self.current.get() == Some(id) || self.waiting.borrow().iter().any(|request| request.id == id) {
            self.cancelled.borrow_mut().insert(id);
        }
    }

    /// Whether a request was given up.
    #[must_use]
    pub fn is_cancelled(&self, id: u32) -> bool {
        self.cancelled.borrow().contains(&id)
    }

    /// The next request, which is the current one from then on.
    pub async fn next(&self) -> Waiting<B> {
        poll_fn(|context| match self.waiting.borrow_mut().pop_front() {
            Some(request) => {
                self.current.set(Some(request.id));
                Poll::Ready(request)
            }
            None => {
                self.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    /// The current request is answered.
    pub fn answered(&self) {
        if let Some(id) = self.current.take() {
            self.cancelled.borrow_mut().remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    fn request(id: u32) -> Waiting<()> {
        Waiting { id, body: Ok(()), buffers: Vec::new() }
    }

    fn take(queue: &Queue<()>) -> Option<u32> {
        match pin!(queue.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(request) => Some(request.id),
            Poll::Pending => None,
        }
    }

    #[test]
    fn requests_come_in_order() {
        let queue = Queue::default();
        assert_eq!(take(&queue), None);
        queue.push(request(7));
        queue.push(request(3));
        assert_eq!((take(&queue), take(&queue), take(&queue)), (Some(7), Some(3), None));
    }

    #[test]
    fn only_what_waits_or_runs_can_be_given_up() {
        let queue = Queue::default();
        queue.cancel(1);
        for id in [1, 2, 3] {
            queue.push(request(id));
        }
        assert!(!queue.is_cancelled(1), "cancelled before it came");
        queue.cancel(2);
        assert_eq!(take(&queue), Some(1));
        queue.cancel(1);
        assert!(queue.is_cancelled(1) && queue.is_cancelled(2) && !queue.is_cancelled(3));
        queue.answered();
        queue.cancel(1);
        assert!(!queue.is_cancelled(1), "answered");
        assert!(queue.is_cancelled(2), "still waiting");
    }
}
