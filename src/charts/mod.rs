//! Charts: plotters draws them, the page frames them and lays buttons over their points.

mod accuracy_bits;
mod accuracy_size;
mod confusion;
mod draw;
mod export;
mod frame;
mod histogram;
mod latency;
mod layers;
mod search;
pub mod sqnr;
mod time_layers;
mod time_split;
mod two_points;

pub use accuracy_bits::use_bits_chart;
pub use accuracy_size::use_size_chart;
pub use confusion::use_confusion_chart;
pub use export::{Column, IMAGES, Table, save};
pub use frame::{FigureTable, folded};
pub use histogram::{HistogramChart, Tensor};
pub use latency::use_latency_chart;
pub use layers::use_layers_chart;
pub use search::use_search_chart;
pub use time_split::use_time_chart;
