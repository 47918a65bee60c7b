//! Waiting.

use futures::channel::oneshot;
use gloo::timers::callback::Timeout;

/// Comes back after `ms` milliseconds. Dropping it ends the timer.
pub async fn sleep(ms: u32) {
    let (tell, over) = oneshot::channel();
    let _timer = Timeout::new(ms, move || {
        let _ = tell.send(());
    });
    let _ = over.await;
}
