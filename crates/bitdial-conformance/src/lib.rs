//! The cases that every backend must pass.
//!
//! Every kernel of a backend that takes a case computes it, not only the one that would be chosen. Integers and strict
//! f32 must equal the reference; other f32 kernels must be within rounding of it.

mod conv_f32;
mod conv_grouped;
mod conv_i8;
mod decode;
mod elementwise;
mod graphs;
mod pool;
mod random;
mod report;
mod residual;
mod shapes;

pub use conv_f32::check as check_conv_f32;
pub use conv_grouped::check as check_conv_grouped;
pub use conv_i8::{Filling, IntCase, check as check_conv_i8};
pub use decode::check as check_decode;
pub use graphs::{GraphCase, Values, graph_cases};
pub use random::Random;
pub use report::Report;
pub use residual::check as check_residual;
pub use shapes::{SHAPES, named as shape, random as random_shape};

use bitdial_kernels::Kernels;

/// Random shapes besides the fixed ones.
const RANDOM_SHAPES: usize = 120;

/// Runs all cases on the kernels of a backend.
#[must_use]
pub fn run(kernels: &Kernels) -> Report {
    let mut report = Report::default();
    let mut random = Random::new(1);
    let shapes: Vec<_> = SHAPES.iter().map(|&(_, shape)| shape).chain((0..RANDOM_SHAPES).map(|_| random_shape(&mut random))).collect();
    for shape in &shapes {
        for case in conv_i8::cases(shape, &mut random) {
            check_conv_i8(kernels, &case, &mut random, &mut report);
        }
        check_conv_f32(kernels, shape, &mut random, &mut report);
        check_decode(kernels, shape, &mut random, &mut report);
        check_residual(kernels, shape, &mut random, &mut report);
        check_conv_grouped(kernels, shape, &mut random, &mut report);
    }
    elementwise::check(kernels, &mut random, &mut report);
    pool::check(kernels, &mut random, &mut report);
    report
}
