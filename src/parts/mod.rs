//! Small pieces that several regions are made of.

pub mod canvas;
pub mod copy;
pub mod dial;
pub mod hints;
pub mod overlap;
pub mod progress;
pub mod qr;
pub mod region;
pub mod resize;
pub mod row;
pub mod seen;
pub mod segmented;
pub mod sparkline;
pub mod term;
pub mod terms;
pub mod ticks;

use yew::prelude::*;

/// Keeps what was last there, so that a figure can stay, dimmed, until the next one is known.
#[hook]
pub fn use_last<T: Clone + 'static>(now: Option<T>) -> Option<T> {
    let last = use_mut_ref(|| None);
    if now.is_some() {
        last.replace(now.clone());
    }
    last.borrow().clone()
}
