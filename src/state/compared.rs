//! What the backends of this device do with one recipe, measured one after the other.

use bitdial_protocol::{BackendCheck, BackendChoice, Capabilities, Timing};

/// A backend, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Which was asked for.
    pub backend: BackendChoice,
    /// Its figures, or a sentence why there are none.
    pub outcome: Result<Measured, String>,
}

/// The figures of a backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What it says of itself.
    pub capabilities: Capabilities,
    /// The f32 model.
    pub float: Figures,
    /// The quantized model; `None` where it runs as on another backend that is listed.
    pub quantized: Option<Figures>,
    /// How it compares with the scalar reference; `None` for the reference.
    pub check: Option<BackendCheck>,
}

/// Figures of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Classes of the first images.
    pub classes: Vec<u16>,
    /// One image at a time.
    pub latency: Timing,
    /// Images a second, many at a time.
    pub rate: f64,
}
