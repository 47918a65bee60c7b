//! The regions of the page.

mod ab;
mod backends;
mod diagnosis;
mod filters;
mod images;
mod layer;
mod model;
mod notices;
mod picker;
mod readouts;
mod recipe;
mod strip;
mod theme;
mod topbar;

pub use backends::Backends;
pub use diagnosis::subject;
pub use images::Images;
pub use model::Model;
pub use notices::notices;
pub use readouts::readouts;
pub use recipe::{AllSettings, Corrections, File, activations, dropping, weights};
pub use topbar::top_bar;
