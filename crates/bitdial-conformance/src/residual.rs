//! Residual sums and ranges: a kernel that adds on the way to memory gives what it gives without, plus the other operand,
//! and the range that it finds is that of what it gives.

use crate::conv_f32;
use crate::conv_i8;
use crate::elementwise::{clamping, grid, integers, rounded};
use crate::{Random, Report};
use bitdial_kernels::{ConvShape, Extremes, F32Store, F32Sum, F32Tail, I32Store, IntInput, IntWeights, Kernels, U8Sum};
use std::cell::Cell;

/// Compares all kernels that take a shape with themselves.
pub fn check(kernels: &Kernels, shape: &ConvShape, random: &mut Random, report: &mut Report) {
    let len = shape.output.iter().product();
    let other = random.many(len, Random::float);
    let (low, high) = random.one_of(&[(f32::NEG_INFINITY, f32::INFINITY), (0.0, f32::INFINITY), (-0.25, 0.75)]);
    let add = F32Sum { other: &other, low, high };
    let sums = |own: &[f32]| -> Vec<f32> { own.iter().zip(&other).map(|(own, other)| (own + other).clamp(low, high)).collect() };
    floats(kernels, shape, add, &sums, random, report);
    integers_of(kernels, shape, add, &sums, random, report);
}

fn range_of_nothing(range: &Cell<Extremes>) -> &Cell<Extremes> {
    range.set(Extremes::default());
    range
}

/// Compares a range with the smallest and the largest of some values.
fn compare_ranges(kernel: &str, case: &dyn std::fmt::Debug, found: &Cell<Extremes>, values: &[f32], report: &mut Report) {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (min, max) = found.get().range();
    report.compare(kernel, case, &[min, max], &[least, most]);
}

fn floats(kernels: &Kernels, shape: &ConvShape, add: F32Sum, sums: &dyn Fn(&[f32]) -> Vec<f32>, random: &mut Random, report: &mut Report) {
    let weights = random.many(shape.weight_len(), Random::float);
    let image = random.many(shape.input.iter().product(), Random::float);
    let bias = random.many(shape.output[2], Random::float);
    for kernel in kernels.all_conv_f32().into_iter().filter(|kernel| kernel.supports(shape)) {
        let run = |tail| {
            let mut out = vec![f32::NAN; add.other.len()];
            conv_f32::run(kernel, shape, &weights, &image, &mut F32Store { bias: &bias, low: -1.0, high: 6.0, tail, out: &mut out });
            out
        };
        let own = run(F32Tail::default());
        let range = Cell::default();
        let found = run(F32Tail { add: Some(add), range: Some(&range) });
        report.compare(kernel.name(), &(shape, "f32 sum"), &found, &sums(&own));
        compare_ranges(kernel.name(), &(shape, "f32 sum's range"), &range, &found, report);
        run(F32Tail { add: None, range: Some(range_of_nothing(&range)) });
        compare_ranges(kernel.name(), &(shape, "f32 range"), &range, &own, report);
    }
}

fn integers_of(
    kernels: &Kernels,
    shape: &ConvShape,
    add: F32Sum,
    sums: &dyn Fn(&[f32]) -> Vec<f32>,
    random: &mut Random,
    report: &mut Report,
) {
    let bits = random.between(2, 8) as u8;
    let (least, most) = (i32::from(i8::MIN >> (8 - bits)), i32::from(i8::MAX >> (8 - bits)));
    let values = random.many(shape.weight_len(), |random| random.between(least, most) as i8);
    let weights = IntWeights { values: &values, bits, zero_points: &[] };
    let image = random.many(shape.input.iter().product(), |random| random.between(0, 255) as u8);
    let (bias, offsets) = (random.many(shape.output[2], |random| random.between(-3000, 3000)), random.many(shape.output[2], Random::float));
    let input = IntInput { image: &image, zero_point: 120, bias: &bias };
    let spread = (shape.row_len() as f32).sqrt() * 128.0 * most as f32;
    let multipliers = random.many(shape.output[2], |random| 100.0 * (1.1 + random.float()) / spread);
    let scales: Vec<f32> = multipliers.iter().map(|m| m / 100.0).collect();
    let (own_grid, other_grid, sum_grid) = (clamping(random), grid(random), clamping(random));
    let other = integers(add.other.len(), &other_grid, random);
    for kernel in kernels.all_conv_i8().into_iter().filter(|kernel| kernel.supports(shape, bits, 255)) {
        let run = |add| {
            let (mut out, grid) = (vec![0xA5; other.len()], own_grid);
            let (zero_point, low, high) = (grid.zero_point, grid.low, grid.high);
            let mut store = I32Store::U8 { multipliers: &multipliers, zero_point, low, high, add, out: &mut out };
            conv_i8::run(kernel, shape, &weights, &input, &mut store);
            out
        };
        let sum = |(own, other): (&u8, &u8)| {
            let own = f32::from(i16::from(*own) - i16::from(own_grid.zero_point)) * (own_grid.scale / sum_grid.scale);
            let other = f32::from(i16::from(*other) - i16::from(other_grid.zero_point)) * (other_grid.scale / sum_grid.scale);
            rounded(own + other, &sum_grid)
        };
        let expected: Vec<u8> = run(None).iter().zip(&other).map(sum).collect();
        let found = run(Some(U8Sum { scale: own_grid.scale, other: (&other, &other_grid), grid: &sum_grid }));
        report.compare(kernel.name(), &(shape, bits, "u8 sum", own_grid, other_grid, sum_grid), &found, &expected);

        let run = |tail| {
            let mut out = vec![f32::NAN; other.len()];
            let mut store = I32Store::F32 { scales: &scales, bias: &offsets, low: -0.75, high: 2.0, tail, out: &mut out };
            conv_i8::run(kernel, shape, &weights, &input, &mut store);
            out
        };
        let own = run(F32Tail::default());
        let range = Cell::default();
        let found = run(F32Tail { add: Some(add), range: Some(&range) });
        report.compare(kernel.name(), &(shape, bits, "f32 sum of integers"), &found, &sums(&own));
        compare_ranges(kernel.name(), &(shape, bits, "range of the f32 sum of integers"), &range, &found, report);
    }
}
