//! What is taken away from the page: results as JSON and CSV, and a report to print.

mod paper;
mod results;

pub use paper::{Figure, paper};
pub use results::{csv, json};
