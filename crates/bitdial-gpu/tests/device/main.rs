//! On an adapter, a software one if need be (`VK_DRIVER_FILES` names its driver): everything that a device is needed for.

mod compare;
mod conformance;
mod failures;
mod models;
mod open;
mod speed;
mod work;

use bitdial_gpu::Gpu;

/// The device; a machine without one fails.
fn gpu() -> Gpu {
    futures::executor::block_on(Gpu::open()).unwrap_or_else(|e| panic!("{e}"))
}
