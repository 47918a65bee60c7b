//! Which kernel serves which case: one table, read from the top.
//!
//! The rows, with the measurements that justify them, are in [`crate::rows`]. This is how they are read.

use crate::api::{Backend, ConvF32, ConvI8, ConvShape};
use crate::dot::DotSemantics;
use crate::elementwise::Elementwise;
use crate::geometry::Geometry;
use crate::grouped::ConvGrouped;
use crate::rows::{self, Table};

/// What a machine can do in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Plain loops.
    Scalar,
    /// 128-bit vectors.
    Simd128,
    /// Those with the relaxed instructions, and what their dot product does.
    Relaxed(DotSemantics),
}

/// The operation of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// One output for each channel of its own.
    Depthwise,
    /// A matrix product: a 1x1 window without stride, padding or groups; fully connected layers too.
    Pointwise,
    /// Any other convolution.
    Conv,
}

impl Op {
    fn of(shape: &ConvShape) -> Self {
        match shape {
            _ if shape.is_depthwise() => Self::Depthwise,
            ConvShape { kernel: [1, 1], stride: [1, 1], pad: [0, 0], groups: 1, .. } if shape.input[..2] == shape.output[..2] => {
                Self::Pointwise
            }
            _ => Self::Conv,
        }
    }
}

/// What is looked up.
struct Case<'a> {
    shape: &'a ConvShape,
    weight_bits: u8,
    activation_bits: u8,
    on: Capability,
}

/// For which cases a kernel is worth its while; what it can do at all, it says itself.
#[derive(Clone, Copy)]
pub(crate) struct Cases {
    pub on: &'static [Capability],
    pub ops: &'static [Op],
    /// Narrowest and widest weights; those of f32 have 32 bits.
    pub weights: [u8; 2],
    /// Widest activations.
    pub activations: u8,
    /// Fewest elements of a run ([`Geometry`]).
    pub run: usize,
    /// Fewest products of a run's elements with all output channels of the group.
    pub products: usize,
    /// Whether to time it against rows above that serve the same case: which is faster depends on the machine.
    pub rival: bool,
}

impl Cases {
    /// All of some operations on some machines.
    pub const fn of(on: &'static [Capability], ops: &'static [Op]) -> Self {
        Self { on, ops, weights: [1, 32], activations: 32, run: 0, products: 0, rival: false }
    }

    fn have(&self, case: &Case) -> bool {
        let g = Geometry::new(case.shape);
        self.on.contains(&case.on)
            && self.ops.contains(&Op::of(case.shape))
            && (self.weights[0]..=self.weights[1]).contains(&case.weight_bits)
            && case.activation_bits <= self.activations
            && g.run >= self.run
            && g.run * g.group_out >= self.products
    }
}

/// A kernel and its cases.
pub(crate) struct Row<K: ?Sized + 'static> {
    cases: Cases,
    kernel: &'static K,
}

impl<K: ?Sized> Row<K> {
    pub const fn new(cases: Cases, kernel: &'static K) -> Self {
        Self { cases, kernel }
    }
}

/// The first that serves a case, and its rivals further down.
fn candidates<K: ?Sized>(groups: &[&'static [Row<K>]], case: &Case, supports: impl Fn(&K) -> bool) -> Vec<&'static K> {
    let mut found: Vec<&'static K> = Vec::new();
    for row in groups.iter().copied().flatten() {
        if (found.is_empty() || row.cases.rival) && supports(row.kernel) && row.cases.have(case) {
            found.push(row.kernel);
        }
    }
    found
}

/// The kernels of one capability.
#[derive(Clone, Copy)]
pub struct Kernels {
    capability: Capability,
    table: &'static Table,
    conv_grouped: &'static dyn ConvGrouped,
    elementwise: &'static dyn Elementwise,
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
        let capability = match backend {
            Backend::Scalar => Capability::Scalar,
            Backend::Simd128 => Capability::Simd128,
            Backend::RelaxedSimd => Capability::Relaxed(crate::dot_semantics()?),
        };
        Self::with(capability, &rows::TABLE)
    }

    /// The kernels that a relaxed build chooses on machines with this dot product; `None` if this build is none.
    ///
    /// On a machine with another one their results are wrong: this tells what is chosen, [`Kernels::new`] chooses.
    #[must_use]
    pub fn for_dot(dot: DotSemantics) -> Option<Self> {
        Self::with(Capability::Relaxed(dot), &rows::TABLE)
    }

    /// The same with the instruction emulated where it differs: right on every machine, for tests.
    #[must_use]
    pub fn emulated(dot: DotSemantics) -> Option<Self> {
        Self::with(Capability::Relaxed(dot), &rows::EMULATED)
    }

    fn with(capability: Capability, table: &'static Table) -> Option<Self> {
        let (conv_grouped, elementwise) = (rows::conv_grouped(capability)?, rows::elementwise(capability)?);
        Some(Self { capability, table, conv_grouped, elementwise })
    }

    /// Whose kernels these are.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self.capability {
            Capability::Scalar => Backend::Scalar,
            Capability::Simd128 => Backend::Simd128,
            Capability::Relaxed(_) => Backend::RelaxedSimd,
        }
    }

    /// The machine they are for.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// The kernel for an integer convolution with weights of `weight_bits` (1..=8) bits and activations of at most
    /// `activation_high` (the grid's `high`).
    ///
    /// # Panics
    /// If the width is not one of 1..=8.
    #[must_use]
    pub fn conv_i8(&self, shape: &ConvShape, weight_bits: u8, activation_high: u8) -> &'static dyn ConvI8 {
        self.candidates_i8(shape, weight_bits, activation_high)[0]
    }

    /// The same kernel, then those that are worth timing against it on the machine at hand. All give the same integers.
    ///
    /// # Panics
    /// As [`Kernels::conv_i8`].
    #[must_use]
    pub fn candidates_i8(&self, shape: &ConvShape, weight_bits: u8, activation_high: u8) -> Vec<&'static dyn ConvI8> {
        let activation_bits = (u8::BITS - activation_high.leading_zeros()) as u8;
        let case = Case { shape, weight_bits, activation_bits, on: self.capability };
        let found = candidates(self.table.conv_i8, &case, |kernel| kernel.supports(shape, weight_bits, activation_high));
        assert!(!found.is_empty(), "the last row of each backend takes every shape and width");
        found
    }

    /// The kernel for an f32 convolution: equal to the reference if `strict`, else the fastest.
    ///
    /// # Panics
    /// Never: the last row of each backend takes every shape and is strict.
    #[must_use]
    pub fn conv_f32(&self, shape: &ConvShape, strict: bool) -> &'static dyn ConvF32 {
        self.candidates_f32(shape, strict)[0]
    }

    /// The same kernel, then those that are worth timing against it on the machine at hand.
    ///
    /// # Panics
    /// Never, as [`Kernels::conv_f32`].
    #[must_use]
    pub fn candidates_f32(&self, shape: &ConvShape, strict: bool) -> Vec<&'static dyn ConvF32> {
        let case = Case { shape, weight_bits: 32, activation_bits: 32, on: self.capability };
        let found = candidates(self.table.conv_f32, &case, |kernel| kernel.supports(shape) && (kernel.strict() || !strict));
        assert!(!found.is_empty(), "the last row of each backend takes every shape and is strict");
        found
    }

    /// All integer convolution kernels, for tests and benchmarks.
    #[must_use]
    pub fn all_conv_i8(&self) -> Vec<&'static dyn ConvI8> {
        self.all(self.table.conv_i8, |kernel| kernel.name())
    }

    /// All f32 convolution kernels, for tests and benchmarks.
    #[must_use]
    pub fn all_conv_f32(&self) -> Vec<&'static dyn ConvF32> {
        self.all(self.table.conv_f32, |kernel| kernel.name())
    }

    /// Each kernel once, in the order of the table.
    fn all<K: ?Sized>(&self, groups: &[&'static [Row<K>]], name: impl Fn(&K) -> &'static str) -> Vec<&'static K> {
        let mut found: Vec<&'static K> = Vec::new();
        for row in groups.iter().copied().flatten().filter(|row| row.cases.on.contains(&self.capability)) {
            if found.iter().all(|kernel| name(kernel) != name(row.kernel)) {
                found.push(row.kernel);
            }
        }
        found
    }

    /// The kernel for weights in groups. There is one for each backend.
    #[must_use]
    pub fn conv_grouped(&self) -> &'static dyn ConvGrouped {
        self.conv_grouped
    }

    /// Everything that is not a convolution.
    #[must_use]
    pub fn elementwise(&self) -> &'static dyn Elementwise {
        self.elementwise
    }
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({:?})", self.capability)
    }
}
