//! The regions of the page.

mod images;
mod layer;
mod model;
mod notices;
mod picker;
mod readouts;
mod recipe;
mod theme;
mod topbar;

pub use images::Images;
pub use model::Model;
pub use notices::Notices;
pub use readouts::Readouts;
pub use recipe::{Activations, Weights};
pub use topbar::TopBar;
