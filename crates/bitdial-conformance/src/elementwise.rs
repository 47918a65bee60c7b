//! Element-wise operations: each against its definition, computed here.

use crate::{Random, Report};
use bitdial_kernels::Kernels;
use bitdial_numerics::ActivationParams;

/// Lengths that leave a rest in vectors of 4 and of 16, and some that do not.
const LENGTHS: &[usize] = &[0, 1, 3, 4, 15, 16, 17, 35, 64, 257];

/// `(length of b, length of a)`: equal, one per channel, a scalar.
const REPEATS: &[(usize, usize)] = &[(1, 1), (1, 37), (5, 35), (16, 64), (20, 100), (35, 35), (64, 64), (257, 257)];

/// Values beside which rounding and saturation go wrong.
const AWKWARD: &[f32] = &[
    0.0,
    -0.0,
    0.5,
    1.5,
    2.5,
    -0.5,
    -1.5,
    0.499_999_97,
    127.5,
    128.5,
    254.5,
    255.5,
    1e30,
    -1e30,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    f32::MIN_POSITIVE,
];

/// A grid of any kind.
pub(crate) fn grid(random: &mut Random) -> ActivationParams {
    let (min, max) = (-3.0 * random.float().abs(), 5.0 * random.float().abs());
    let bits = random.between(2, 8) as u8;
    match random.between(0, 3) {
        0 => ActivationParams::symmetric(min, max, bits),
        1 => ActivationParams::symmetric(0.0, max, bits),
        2 => ActivationParams { scale: 1.0, zero_point: random.one_of(&[0, 128, 255]), low: 0, high: 255 },
        _ => ActivationParams::affine(min, max, bits),
    }
}

/// A grid with an activation in its ends.
pub(crate) fn clamping(random: &mut Random) -> ActivationParams {
    let grid = grid(random);
    ActivationParams { low: random.between(i32::from(grid.low), i32::from(grid.zero_point)) as u8, ..grid }
}

pub(crate) fn integers(len: usize, grid: &ActivationParams, random: &mut Random) -> Vec<u8> {
    random.many(len, |random| random.between(i32::from(grid.low), i32::from(grid.high)) as u8)
}

/// The integer of a grid for a value in units of its scale.
pub(crate) fn rounded(x: f32, grid: &ActivationParams) -> u8 {
    let zero = f32::from(grid.zero_point);
    (x.clamp(f32::from(grid.low) - zero, f32::from(grid.high) - zero).round_ties_even() + zero) as u8
}

/// Compares all operations with their definitions.
pub fn check(kernels: &Kernels, random: &mut Random, report: &mut Report) {
    for _ in 0..12 {
        for &len in LENGTHS {
            unary(kernels, len, random, report);
        }
        for &(b, a) in REPEATS {
            binary_u8(kernels, a, b, random, report);
            binary_f32(kernels, a, b, random, report);
        }
    }
}

fn unary(kernels: &Kernels, len: usize, random: &mut Random, report: &mut Report) {
    let ops = kernels.elementwise();
    let grid = clamping(random);
    let x: Vec<f32> = random.many(len, |random| if random.between(0, 3) == 0 { random.one_of(AWKWARD) } else { 4.0 * random.float() });
    let mut q = vec![0xA5; len];
    ops.quantize(&x, &grid, &mut q);
    report.compare("quantize", &(grid, &x), &q, &x.iter().map(|&x| grid.quantize(x)).collect::<Vec<_>>());

    let any = random.many(len, |random| random.between(0, 255) as u8);
    let mut y = vec![f32::NAN; len];
    ops.dequantize(&any, &grid, &mut y);
    report.compare("dequantize", &(grid, &any), &y, &any.iter().map(|&q| grid.dequantize(q)).collect::<Vec<_>>());

    let table: [u8; 256] = std::array::from_fn(|i| (i as u8).wrapping_mul(73).wrapping_add(19));
    ops.lookup(&any, &table, &mut q);
    report.compare("lookup", &any, &q, &any.iter().map(|&i| table[usize::from(i)]).collect::<Vec<_>>());

    let numbers = || x.iter().copied().filter(|x| !x.is_nan());
    let expected = [numbers().fold(f32::INFINITY, f32::min) + 0.0, numbers().fold(f32::NEG_INFINITY, f32::max) + 0.0];
    let mut backwards = x.clone();
    backwards.reverse();
    for x in [&x, &backwards] {
        let (min, max) = ops.range(x);
        report.compare("range", x, &[min, max].map(f32::to_bits), &expected.map(f32::to_bits));
    }

    let numbers: Vec<f32> = x.iter().map(|x| if x.is_nan() { 0.0 } else { *x }).collect();
    ops.clamp_f32(&numbers, 0.0, 2.0, &mut y);
    report.compare("clamp", &numbers, &y, &numbers.iter().map(|x| x.clamp(0.0, 2.0)).collect::<Vec<_>>());
}

fn binary_u8(kernels: &Kernels, a_len: usize, b_len: usize, random: &mut Random, report: &mut Report) {
    let ops = kernels.elementwise();
    let (a_grid, b_grid, grid) = (grid(random), grid(random), clamping(random));
    let (a, b) = (integers(a_len, &a_grid, random), integers(b_len, &b_grid, random));
    let less = |q: u8, grid: &ActivationParams| i32::from(q) - i32::from(grid.zero_point);
    let each = |f: &dyn Fn(i32, i32) -> f32| -> Vec<u8> {
        a.iter().enumerate().map(|(i, &a)| rounded(f(less(a, &a_grid), less(b[i % b_len], &b_grid)), &grid)).collect()
    };
    let mut out = vec![0xA5; a_len];
    ops.add_u8((&a, &a_grid), (&b, &b_grid), &grid, &mut out);
    let sums = each(&|a, b| a as f32 * (a_grid.scale / grid.scale) + b as f32 * (b_grid.scale / grid.scale));
    report.compare("add-u8", &(a_grid, b_grid, grid, &a, &b), &out, &sums);
    ops.mul_u8((&a, &a_grid), (&b, &b_grid), &grid, &mut out);
    let products = each(&|a, b| (a * b) as f32 * (a_grid.scale * b_grid.scale / grid.scale));
    report.compare("mul-u8", &(a_grid, b_grid, grid, &a, &b), &out, &products);
}

fn binary_f32(kernels: &Kernels, a_len: usize, b_len: usize, random: &mut Random, report: &mut Report) {
    let ops = kernels.elementwise();
    let (a, b) = (random.many(a_len, Random::float), random.many(b_len, Random::float));
    let c = random.many(b_len, Random::float);
    let each =
        |f: &dyn Fn(f32, usize) -> f32| -> Vec<f32> { a.iter().enumerate().map(|(i, &a)| f(a, i % b_len).clamp(-0.5, 0.75)).collect() };
    let mut out = vec![f32::NAN; a_len];
    ops.add_f32(&a, &b, -0.5, 0.75, &mut out);
    report.compare("add-f32", &(a_len, b_len), &out, &each(&|a, i| a + b[i]));
    ops.mul_f32(&a, &b, -0.5, 0.75, &mut out);
    report.compare("mul-f32", &(a_len, b_len), &out, &each(&|a, i| a * b[i]));
    ops.affine_f32(&a, &b, &c, -0.5, 0.75, &mut out);
    report.compare("affine-f32", &(a_len, b_len), &out, &each(&|a, i| a * b[i] + c[i]));
}
