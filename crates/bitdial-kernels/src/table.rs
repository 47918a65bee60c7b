//! Which kernel serves which case: a list for each backend, preferred kernels first.
//!
//! The lists, with the rates that order them, are in the backends' own modules.

use crate::api::{Backend, ConvF32, ConvI8, ConvShape, Elementwise};
use crate::dot::DotSemantics;
use crate::scalar;

/// The kernels of one backend.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub(crate) backend: Backend,
    /// The first that supports a case serves it. The last supports all.
    pub(crate) conv_i8: &'static [&'static dyn ConvI8],
    /// The same; the last supports all and is strict.
    pub(crate) conv_f32: &'static [&'static dyn ConvF32],
    pub(crate) elementwise: &'static dyn Elementwise,
}

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
            Backend::Scalar => Some(scalar::KERNELS),
            Backend::Simd128 => {
                #[cfg(target_feature = "simd128")]
                return Some(crate::simd128::KERNELS);
                #[cfg(not(target_feature = "simd128"))]
                None
            }
            Backend::RelaxedSimd => {
                #[cfg(target_feature = "relaxed-simd")]
                return Some(crate::relaxed::kernels(crate::relaxed::probe()));
                #[cfg(not(target_feature = "relaxed-simd"))]
                None
            }
        }
    }

    /// The kernels that a relaxed build has for machines with this dot product, on any machine: where it differs from
    /// this machine's, it is emulated. For tests; `None` if this build has none.
    #[must_use]
    pub fn emulated(dot: DotSemantics) -> Option<Self> {
        #[cfg(target_feature = "relaxed-simd")]
        return Some(crate::relaxed::emulated(dot));
        #[cfg(not(target_feature = "relaxed-simd"))]
        {
            let _ = dot;
            None
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
        *found.expect("the last kernel of each list takes every shape and width")
    }

    /// The kernel for an f32 convolution: equal to the reference if `strict`, else the fastest.
    ///
    /// # Panics
    /// Never: the last kernel of each list takes every shape and is strict.
    #[must_use]
    pub fn conv_f32(&self, shape: &ConvShape, strict: bool) -> &'static dyn ConvF32 {
        let found = self.conv_f32.iter().find(|kernel| kernel.supports(shape) && (kernel.strict() || !strict));
        *found.expect("the last kernel of each list takes every shape and is strict")
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
