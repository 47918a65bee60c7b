//! How much memory a plan takes, known before it runs.

/// Bytes that a plan takes while it runs, inputs and outputs of the caller's not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Activations of the images of a chunk, at the moment when most are alive.
    pub activations: usize,
    /// Weights of all layers, as kernels keep them.
    pub weights: usize,
    /// Weights of one layer, unpacked or decoded.
    pub unpacked: usize,
    /// What kernels need for themselves: copies with borders, per-channel constants, an image quantized on the run.
    pub scratch: usize,
}

impl Footprint {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.activations + self.weights + self.unpacked + self.scratch
    }
}
