//! Which kernel serves which case: a table for each backend, preferred kernels first.
//!
//! The tables, with the rates that order them, are in the backends' own modules.

use crate::api::{Backend, ConvF32, ConvI8, ConvShape};
use crate::dot::DotSemantics;
use crate::elementwise::Elementwise;
use crate::geometry::Geometry;
use crate::scalar;

/// A kernel, and the shapes for which it is worth its while.
#[derive(Clone, Copy)]
pub(crate) struct Row<K: ?Sized + 'static> {
    pub(crate) kernel: &'static K,
    /// Fewest elements of a run ([`Geometry`]).
    pub(crate) run: usize,
    /// Fewest products of a run's elements with all output channels of the group.
    pub(crate) products: usize,
}

impl<K: ?Sized> Row<K> {
    /// For all shapes that it supports.
    pub const fn always(kernel: &'static K) -> Self {
        Self { kernel, run: 0, products: 0 }
    }

    fn serves(&self, shape: &ConvShape) -> bool {
        let g = Geometry::new(shape);
        g.run >= self.run && g.run * g.group_out >= self.products
    }
}

/// The kernels of one backend.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub(crate) backend: Backend,
    /// The first that supports a case serves it. The last supports all.
    pub(crate) conv_i8: &'static [Row<dyn ConvI8>],
    /// The same; the last supports all and is strict.
    pub(crate) conv_f32: &'static [Row<dyn ConvF32>],
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
                return Self::for_dot(crate::relaxed::probe());
                #[cfg(not(target_feature = "relaxed-simd"))]
                None
            }
        }
    }

    /// The kernels that a relaxed build chooses on machines with this dot product; `None` if this build is none.
    ///
    /// On a machine with another one their results are wrong: this tells what is chosen, [`Kernels::new`] chooses.
    #[must_use]
    pub fn for_dot(dot: DotSemantics) -> Option<Self> {
        #[cfg(target_feature = "relaxed-simd")]
        return Some(crate::relaxed::kernels(dot));
        #[cfg(not(target_feature = "relaxed-simd"))]
        {
            let _ = dot;
            None
        }
    }

    /// The same with the instruction emulated where it differs: right on every machine, for tests.
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
        let fits = |row: &&Row<dyn ConvI8>| row.kernel.supports(shape, weight_bits, activation_high) && row.serves(shape);
        self.conv_i8.iter().find(fits).expect("the last row of each table takes every shape and width").kernel
    }

    /// The kernel for an f32 convolution: equal to the reference if `strict`, else the fastest.
    ///
    /// # Panics
    /// Never: the last row of each table takes every shape and is strict.
    #[must_use]
    pub fn conv_f32(&self, shape: &ConvShape, strict: bool) -> &'static dyn ConvF32 {
        let fits = |row: &&Row<dyn ConvF32>| row.kernel.supports(shape) && (row.kernel.strict() || !strict) && row.serves(shape);
        self.conv_f32.iter().find(fits).expect("the last row of each table takes every shape and is strict").kernel
    }

    /// All integer convolution kernels, for tests and benchmarks.
    #[must_use]
    pub fn all_conv_i8(&self) -> Vec<&'static dyn ConvI8> {
        self.conv_i8.iter().map(|row| row.kernel).collect()
    }

    /// All f32 convolution kernels, for tests and benchmarks.
    #[must_use]
    pub fn all_conv_f32(&self) -> Vec<&'static dyn ConvF32> {
        self.conv_f32.iter().map(|row| row.kernel).collect()
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
