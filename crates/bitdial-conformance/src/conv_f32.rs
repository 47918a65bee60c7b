//! f32 convolutions: each kernel against the reference.

use crate::{Random, Report};
use bitdial_kernels::{ConvF32, ConvShape, F32Store, F32Tail, Kernels, reference};

/// Compares all kernels that take a shape with the reference.
pub fn check(kernels: &Kernels, shape: &ConvShape, random: &mut Random, report: &mut Report) {
    let weights = random.many(shape.weight_len(), Random::float);
    let image = random.many(shape.input.iter().product(), Random::float);
    let bias = random.many(shape.output[2], Random::float);
    let (low, high) = random.one_of(&[(f32::NEG_INFINITY, f32::INFINITY), (0.0, 6.0), (0.0, f32::INFINITY)]);
    let sums = reference::conv_f32(shape, &weights, &image);
    let expected: Vec<f32> = sums.iter().enumerate().map(|(i, sum)| (sum + bias[i % bias.len()]).clamp(low, high)).collect();
    for kernel in kernels.all_conv_f32().iter().filter(|kernel| kernel.supports(shape)) {
        let mut found = vec![f32::NAN; sums.len()];
        let tail = F32Tail::default();
        run(*kernel, shape, &weights, &image, &mut F32Store { bias: &bias, low, high, tail, out: &mut found });
        if kernel.strict() {
            report.compare(kernel.name(), shape, &found, &expected);
        } else {
            // Any order of `row_len` products that are at most 1 rounds by less than this.
            let tolerance = (shape.row_len() + 2) as f32 * f32::EPSILON * (1.0 + shape.row_len() as f32);
            let far = found.iter().zip(&expected).position(|(found, expected)| found.is_nan() || (found - expected).abs() > tolerance);
            report.record(kernel.name(), shape, far.map(|i| format!("element {i} is {} instead of {}", found[i], expected[i])));
        }
    }
}

/// Packs and runs.
pub(crate) fn run(kernel: &dyn ConvF32, shape: &ConvShape, weights: &[f32], image: &[f32], store: &mut F32Store) {
    let mut packed = vec![f32::NAN; kernel.packed_len(shape)];
    kernel.pack(shape, weights, &mut packed);
    let mut scratch = vec![f32::NAN; kernel.scratch_len(shape)];
    kernel.run(shape, &packed, image, &mut scratch, store);
}
