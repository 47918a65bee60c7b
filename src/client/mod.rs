//! The page's side of the workers: requests as futures, a pool that heals itself, files fetched once.

mod camera;
mod clock;
mod compare;
mod desk;
mod errand;
mod error;
mod fetch;
mod idle;
mod keep;
mod lab;
mod look;
mod newest;
mod outbox;
mod photos;
pub mod picture;
mod plan;
mod pool;
pub mod probe;
mod reader;
mod session;
mod task;
mod worker;

pub use camera::Camera as Device;
pub use clock::{now, sleep};
pub use errand::Subject;
#[cfg(target_arch = "wasm32")]
pub use error::said;
pub use keep::Keep;
pub use look::Wish;
pub use session::{Order, Session};
pub use worker::Progress;
