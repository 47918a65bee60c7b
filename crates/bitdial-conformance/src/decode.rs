//! Integer weights decoded in the order of f32 kernels, against packing what they stand for.

use crate::{Random, Report};
use bitdial_kernels::{ConvShape, Kernels, PackedForF32};
use bitdial_numerics::WeightParams;

/// Decodes random weights for all kernels that take a shape.
pub fn check(kernels: &Kernels, shape: &ConvShape, random: &mut Random, report: &mut Report) {
    let (bits, len) = (random.size(1, 8) as u8, shape.weight_len());
    // Weights that share a grid: all, those of an output channel, groups of some.
    let shared = random.one_of(&[len, shape.row_len(), shape.row_len(), 16, 5]);
    let affine = random.between(0, 1) == 1;
    let grid = |random: &mut Random| {
        let (min, max) = (-random.float().abs(), random.float().abs());
        if affine { WeightParams::affine(min, max, bits) } else { WeightParams::symmetric(min, max, bits) }
    };
    let grids = random.many(len.div_ceil(shared), grid);
    let of = |i: usize| grids[i / shared];
    let levels: Vec<i8> = grids[0].integers().collect();
    let weights = random.many(len, |random| random.one_of(&levels));
    let real: Vec<f32> = weights.iter().enumerate().map(|(i, &q)| of(i).dequantize(q)).collect();
    for kernel in kernels.all_conv_f32().iter().filter(|kernel| kernel.supports(shape)) {
        let packed = PackedForF32::new(*kernel, shape, &weights, bits, of);
        let mut found = vec![f32::NAN; packed.len()];
        kernels.elementwise().decode(&packed, &mut found);
        let mut expected = vec![f32::NAN; kernel.packed_len(shape)];
        kernel.pack(shape, &real, &mut expected);
        let name = format!("{}+decode", kernel.name());
        report.compare(&name, &(shape, bits, shared, affine), &found[..expected.len()], &expected);
    }
}
