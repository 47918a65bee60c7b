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

pub use accuracy_bits::BitsChart;
pub use accuracy_size::SizeChart;
pub use confusion::ConfusionChart;
pub use export::{Column, IMAGES, Table, save};
pub use frame::{FigureTable, folded};
pub use histogram::{HistogramChart, Tensor};
pub use latency::LatencyChart;
pub use layers::LayersChart;
pub use search::SearchChart;
pub use time_split::TimeChart;
