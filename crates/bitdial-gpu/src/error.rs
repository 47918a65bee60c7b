//! Why a graph does not run on the GPU.

use thiserror::Error;

/// What went wrong, in a sentence for the person in front of the page.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GpuError {
    /// The browser has no `navigator.gpu`.
    #[error("this browser has no WebGPU")]
    NoWebGpu,
    /// There is WebGPU, and nothing that it could run on.
    #[error("WebGPU finds no graphics adapter here")]
    NoAdapter(String),
    /// The device is gone.
    #[error("the GPU was lost: {0}")]
    DeviceLost(String),
    /// A buffer could not be had.
    #[error("the GPU has not enough memory left for {0}")]
    OutOfMemory(String),
    /// More than the device's limits allow.
    #[error("{what} needs {needs} bytes, and this GPU allows {limit}")]
    TooLarge {
        /// What it is that is too large.
        what: String,
        /// Bytes.
        needs: u64,
        /// Bytes.
        limit: u64,
    },
    /// A kernel that the device's compiler refuses.
    #[error("this GPU does not take the kernel '{kernel}': {reason}")]
    Shader {
        /// Its name.
        kernel: String,
        /// What the compiler said.
        reason: String,
    },
    /// A node that has no kernel here.
    #[error("layer '{node}' does not run on the GPU yet: {reason}")]
    Unsupported {
        /// Its name.
        node: String,
        /// What is missing.
        reason: String,
    },
    /// A device whose arithmetic is not that of the reference.
    #[error("this GPU rounds otherwise than the reference: {0}")]
    Rounding(String),
    /// A graph that does not run anywhere.
    #[error(transparent)]
    Graph(#[from] bitdial_runtime::RuntimeError),
    /// Anything else that the device said.
    #[error("the GPU refused: {0}")]
    Device(String),
}

impl GpuError {
    /// An error about a node.
    pub(crate) fn unsupported(node: &bitdial_ir::Node, reason: impl Into<String>) -> Self {
        Self::Unsupported { node: node.name.clone(), reason: reason.into() }
    }

    /// What an error scope caught while `what` was made.
    pub(crate) fn caught(error: wgpu::Error, what: &str) -> Self {
        match error {
            wgpu::Error::OutOfMemory { .. } => Self::OutOfMemory(what.to_owned()),
            other => Self::Device(format!("{what}: {other}")),
        }
    }
}
