//! Waiting, and the time.

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

/// The page's clock, in milliseconds.
pub fn now() -> f64 {
    gloo::utils::window().performance().map_or(0.0, |clock| clock.now())
}
