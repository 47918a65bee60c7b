//! The regions of the page.

mod ab;
mod backends;
mod device;
mod diagnosis;
pub mod embed;
mod export;
mod filters;
mod history;
mod images;
mod layer;
mod model;
mod notices;
mod picker;
mod promise;
mod readouts;
mod recipe;
mod share;
mod strip;
mod theme;
mod topbar;

pub use backends::Backends;
pub use device::DeviceCard;
pub use diagnosis::subject;
pub use export::ResultFiles;
pub use history::{HistoryCard, use_history};
pub use images::Images;
pub use model::Model;
pub use notices::notices;
pub use promise::promise;
pub use readouts::readouts;
pub use recipe::{AllSettings, Corrections, File, activations, dropping, weights};
pub use theme::is_dark;
pub use topbar::top_bar;
