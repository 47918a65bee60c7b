//! What end-to-end tests need: the built site on a server of its own, and a real browser that looks at it.
//!
//! `cargo xtask test e2e` builds the site and sets `BITDIAL_DIST`, `CHROME` and `CHROMEDRIVER` for these tests.

mod browser;
mod page;
mod server;

pub use browser::variable;
pub use page::{Metric, Page, SOFTWARE_GPU, scenario, scenario_with};
pub use server::Server;
