//! Which kernel serves which case, as data.

use crate::api::{Backend, ConvF32, ConvI8, ConvShape, Elementwise};
use crate::scalar;

/// The kernels of one backend, the preferred ones first.
#[derive(Clone, Copy)]
pub struct Kernels {
    backend: Backend,
    conv_i8: &'static [&'static dyn ConvI8],
    conv_f32: &'static [&'static dyn ConvF32],
    elementwise: &'static dyn Elementwise,
}

static SCALAR: Kernels =
    Kernels { backend: Backend::Scalar, conv_i8: &[&scalar::ConvI8], conv_f32: &[&scalar::ConvF32], elementwise: &scalar::Plain };

#[cfg(target_feature = "simd128")]
static SIMD128: Kernels = {
    use crate::simd128::{ConvDot16, ConvF32, DepthwiseF32, DepthwiseI8, MulAdd, Simd};
    Kernels {
        backend: Backend::Simd128,
        conv_i8: &[&DepthwiseI8, &ConvDot16],
        conv_f32: &[&DepthwiseF32::<MulAdd>::NEW, &ConvF32::<MulAdd>::NEW],
        elementwise: &Simd,
    }
};

impl Backend {
    /// Those that this build has kernels for, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        [Self::Scalar, Self::Simd128, Self::RelaxedSimd].into_iter().filter(|&backend| Kernels::new(backend).is_some()).collect()
    }

    /// The fastest of this build.
    #[must_use]
    pub fn best() -> Self {
        Self::available().into_iter().next_back().unwrap_or(Self::Scalar)
    }

    /// As users write it: `scalar`, `simd128`, `relaxed-simd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Simd128 => "simd128",
            Self::RelaxedSimd => "relaxed-simd",
        }
    }
}

impl Kernels {
    /// The kernels of a backend; `None` if this build has none.
    #[must_use]
    pub fn new(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Scalar => Some(SCALAR),
            #[cfg(target_feature = "simd128")]
            Backend::Simd128 => Some(SIMD128),
            _ => None,
        }
    }

    /// Whose kernels these are.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The kernel for an integer convolution with weights of `weight_bits` (2..=8) bits and activations of at most
    /// `activation_high` (the grid's `high`).
    ///
    /// # Panics
    /// If the width is not one of 2..=8.
    #[must_use]
    pub fn conv_i8(&self, shape: &ConvShape, weight_bits: u8, activation_high: u8) -> &'static dyn ConvI8 {
        let found = self.conv_i8.iter().find(|kernel| kernel.supports(shape, weight_bits, activation_high));
        *found.expect("the last kernel of each table takes every shape and width")
    }

    /// The kernel for an f32 convolution: bit for bit the reference if `strict`, else the fastest.
    ///
    /// # Panics
    /// Never: the last kernel of each table takes every shape and is strict.
    #[must_use]
    pub fn conv_f32(&self, shape: &ConvShape, strict: bool) -> &'static dyn ConvF32 {
        let found = self.conv_f32.iter().find(|kernel| kernel.supports(shape) && (kernel.strict() || !strict));
        *found.expect("the last kernel of each table takes every shape and is strict")
    }

    /// All integer convolution kernels, for tests and benchmarks.
    #[must_use]
    pub fn all_conv_i8(&self) -> &'static [&'static dyn ConvI8] {
        self.conv_i8
    }

    /// All f32 convolution kernels, for tests and benchmarks.
    #[must_use]
    pub fn all_conv_f32(&self) -> &'static [&'static dyn ConvF32] {
        self.conv_f32
    }

    /// Everything that is not a convolution.
    #[must_use]
    pub fn elementwise(&self) -> &'static dyn Elementwise {
        self.elementwise
    }
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({})", self.backend.name())
    }
}
