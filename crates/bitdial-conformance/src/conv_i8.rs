//! Integer convolutions: each kernel against the reference.

use crate::{Random, Report};
use bitdial_kernels::{ConvI8, ConvShape, F32Tail, I32Store, IntInput, IntWeights, Kernels, reference};

/// What operands hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Anything.
    Random,
    /// The largest activation and the smallest weight everywhere.
    Saturating,
    /// One of the two ends of the range, at random.
    Ends,
}

/// An integer convolution.
#[derive(Clone, Copy, Debug)]
pub struct IntCase {
    /// Geometry.
    pub shape: ConvShape,
    /// Width of the weights, 1..=8.
    pub bits: u8,
    /// Largest activation.
    pub high: u8,
    /// Zero point of the activations.
    pub zero_point: u8,
    /// Whether weights have zero points of their own.
    pub affine: bool,
    /// What operands hold.
    pub filling: Filling,
}

/// Cases of a shape: every width, and in turn everything else.
pub fn cases(shape: &ConvShape, random: &mut Random) -> Vec<IntCase> {
    let mut cases = Vec::new();
    for bits in 1..=8 {
        let high = random.one_of(&[255, 255, 127, 15, 1]);
        let zero_point = random.one_of(&[0, high / 2 + 1, high]);
        let affine = random.between(0, 1) == 1;
        let filling = random.one_of(&[Filling::Random, Filling::Random, Filling::Ends]);
        cases.push(IntCase { shape: *shape, bits, high, zero_point, affine, filling });
    }
    for (zero_point, filling) in [(0, Filling::Random), (1, Filling::Random), (0, Filling::Saturating), (1, Filling::Ends)] {
        cases.push(IntCase { shape: *shape, bits: 1, high: 1, zero_point, affine: false, filling });
    }
    for (zero_point, affine) in [(0, false), (255, false), (128, true)] {
        cases.push(IntCase { shape: *shape, bits: 8, high: 255, zero_point, affine, filling: Filling::Saturating });
        cases.push(IntCase {
            shape: *shape,
            bits: random.between(1, 7) as u8,
            high: 255,
            zero_point,
            affine,
            filling: Filling::Saturating,
        });
    }
    cases
}

/// Operands of a case.
struct Operands {
    weights: Vec<i8>,
    zero_points: Vec<i8>,
    image: Vec<u8>,
    bias: Vec<i32>,
    factors: Vec<f32>,
    offsets: Vec<f32>,
}

impl Operands {
    fn new(case: &IntCase, random: &mut Random) -> Self {
        let IntCase { shape, bits, high, affine, filling, .. } = *case;
        let (low, top) = if bits == 1 { (-1, 1) } else { (i8::MIN >> (8 - bits), i8::MAX >> (8 - bits)) };
        let affine = affine && bits > 1;
        let channels = shape.output[2];
        let weight = |random: &mut Random| match filling {
            Filling::Random if bits > 1 => random.between(i32::from(low), i32::from(top)) as i8,
            Filling::Saturating => low,
            _ => random.one_of(&[low, top]),
        };
        let activation = |random: &mut Random| match filling {
            Filling::Random => random.between(0, i32::from(high)) as u8,
            Filling::Saturating => high,
            Filling::Ends => random.one_of(&[0, high]),
        };
        let zero_point = |random: &mut Random| match filling {
            Filling::Saturating => top,
            _ => random.between(i32::from(low), i32::from(top)) as i8,
        };
        // The sums of random operands are about this large.
        let spread = (shape.row_len() as f32).sqrt() * f32::from(high) * f32::from(top);
        Self {
            weights: random.many(shape.weight_len(), weight),
            zero_points: if affine { random.many(channels, zero_point) } else { Vec::new() },
            image: random.many(shape.input.iter().product(), activation),
            bias: random.many(channels, |random| random.between(-3000, 3000)),
            factors: random.many(channels, |random| 150.0 * (1.1 + random.float()) / spread),
            offsets: random.many(channels, |random| 10.0 * random.float()),
        }
    }
}

/// Compares all kernels that take a case with the reference.
pub fn check(kernels: &Kernels, case: &IntCase, random: &mut Random, report: &mut Report) {
    let operands = Operands::new(case, random);
    let channels = case.shape.output[2];
    let (low, high) = random.one_of(&[(0, 255), (0, 255), (20, 255), (0, 15), (100, 101)]);
    let zero_point = random.between(low, high) as u8;
    let weights = IntWeights { values: &operands.weights, bits: case.bits, zero_points: &operands.zero_points };
    let input = IntInput { image: &operands.image, zero_point: case.zero_point, bias: &operands.bias };
    let sums = reference::conv_i8(&case.shape, &weights, &input);
    let each =
        |f: &dyn Fn(usize, f32) -> f32| -> Vec<f32> { sums.iter().enumerate().map(|(i, &sum)| f(i % channels, sum as f32)).collect() };
    let zero = f32::from(zero_point);
    let rounded = each(&|c, sum| (sum * operands.factors[c]).clamp(low as f32 - zero, high as f32 - zero).round_ties_even() + zero);
    let bytes: Vec<u8> = rounded.into_iter().map(|q| q as u8).collect();
    let floats = each(&|c, sum| (sum * operands.factors[c] + operands.offsets[c]).clamp(-100.0, 200.0));
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    for kernel in kernels.all_conv_i8().iter().filter(|kernel| kernel.supports(&case.shape, case.bits, case.high)) {
        let mut out = vec![f32::NAN; sums.len()];
        let unbounded = (f32::NEG_INFINITY, f32::INFINITY);
        let mut store =
            I32Store::F32 { scales: &ones, bias: &zeros, low: unbounded.0, high: unbounded.1, tail: F32Tail::default(), out: &mut out };
        run(*kernel, &case.shape, &weights, &input, &mut store);
        report.compare(kernel.name(), &(case, "sums"), &out, &each(&|_, sum| sum));

        out.fill(f32::NAN);
        let (scales, bias, tail) = (&operands.factors, &operands.offsets, F32Tail::default());
        let mut store = I32Store::F32 { scales, bias, low: -100.0, high: 200.0, tail, out: &mut out };
        run(*kernel, &case.shape, &weights, &input, &mut store);
        report.compare(kernel.name(), &(case, "f32"), &out, &floats);

        let mut out = vec![0xA5; sums.len()];
        let (low, high) = (low as u8, high as u8);
        let mut store = I32Store::U8 { multipliers: &operands.factors, zero_point, low, high, add: None, out: &mut out };
        run(*kernel, &case.shape, &weights, &input, &mut store);
        report.compare(kernel.name(), &(case, "u8", zero_point, low, high), &out, &bytes);
    }
}

/// Packs, unpacks and runs.
pub(crate) fn run(kernel: &dyn ConvI8, shape: &ConvShape, weights: &IntWeights, input: &IntInput, store: &mut I32Store) {
    let packed = kernel.pack(shape, weights);
    let mut scratch = vec![0x5A; kernel.scratch_len(shape)];
    match kernel.panel_len(shape, weights.bits) {
        0 => kernel.run(shape, &packed, input, &mut scratch, store),
        len => {
            let mut panels = vec![0xA5; len];
            kernel.unpack(shape, &packed, weights.bits, &mut panels);
            kernel.run(shape, &panels, input, &mut scratch, store);
        }
    }
}
