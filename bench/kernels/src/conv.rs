//! Each convolution kernel of this build on each shape that it supports.

use bitdial_kernels::{Backend, ConvF32, ConvI8, ConvShape, F32Store, F32Tail, I32Store, IntInput, IntWeights, Kernels};

use crate::shapes::shapes;
use crate::{Item, Work};

/// Widths of weights, each with the width of activations and the largest of them.
const WIDTHS: [(u8, u8, u8); 4] = [(8, 8, 255), (4, 8, 255), (2, 8, 255), (1, 1, 1)];

/// The kernels of the vector backends, each once, in the order of their tables.
pub fn items() -> Vec<Item> {
    let backends = || Backend::available().into_iter().filter(|&backend| backend != Backend::Scalar).filter_map(Kernels::new);
    let mut items: Vec<Item> = Vec::new();
    let mut add = |item: Item| {
        if !items.iter().any(|known| known.name == item.name) {
            items.push(item);
        }
    };
    for (label, shape) in shapes() {
        for kernels in backends() {
            for kernel in kernels.all_conv_f32().into_iter().filter(|kernel| kernel.supports(&shape)) {
                add(item(&label, kernel.name(), &shape, move || float(kernel, shape)));
            }
            for (bits, activation_bits, high) in WIDTHS {
                for kernel in kernels.all_conv_i8().into_iter().filter(|kernel| kernel.supports(&shape, bits, high)) {
                    let name = format!("{} w{bits}a{activation_bits}", kernel.name());
                    add(item(&label, &name, &shape, move || integer(kernel, shape, bits, high)));
                }
            }
        }
    }
    items
}

fn item(label: &str, kernel: &str, shape: &ConvShape, prepare: impl Fn() -> Work + 'static) -> Item {
    Item { name: format!("MAC {kernel} | {label}"), work: shape.macs() as f64, prepare: Box::new(prepare) }
}

fn float(kernel: &'static dyn ConvF32, shape: ConvShape) -> Work {
    let mut random = random();
    let mut numbers = |count| -> Vec<f32> { (0..count).map(|_| (random() % 200) as f32 / 100.0 - 1.0).collect() };
    let (weights, image) = (numbers(shape.weight_len()), numbers(shape.input.iter().product()));
    let mut packed = vec![0.0; kernel.packed_len(&shape)];
    kernel.pack(&shape, &weights, &mut packed);
    let mut scratch = vec![0.0; kernel.scratch_len(&shape)];
    let bias = vec![0.1; shape.output[2]];
    let mut out = vec![0.0; shape.output.iter().product()];
    Box::new(move |times| {
        for _ in 0..times {
            let mut store = F32Store { bias: &bias, low: 0.0, high: 6.0, tail: F32Tail::default(), out: &mut out };
            kernel.run(&shape, &packed, &image, &mut scratch, &mut store);
        }
    })
}

fn integer(kernel: &'static dyn ConvI8, shape: ConvShape, bits: u8, high: u8) -> Work {
    let mut random = random();
    let weights: Vec<i8> = (0..shape.weight_len()).map(|_| weight(random(), bits)).collect();
    let image: Vec<u8> = (0..shape.input.iter().product()).map(|_| random() as u8 & high).collect();
    let packed = kernel.pack(&shape, &IntWeights { values: &weights, bits, zero_points: &[] });
    let mut panels = vec![0; kernel.panel_len(&shape, bits)];
    kernel.unpack(&shape, &packed, bits, &mut panels);
    let panels = if panels.is_empty() { packed } else { panels };
    let mut scratch = vec![0; kernel.scratch_len(&shape)];
    let (bias, multipliers) = (vec![5; shape.output[2]], vec![0.001; shape.output[2]]);
    let mut out = vec![0; shape.output.iter().product()];
    Box::new(move |times| {
        for _ in 0..times {
            let input = IntInput { image: &image, zero_point: 7 & high, bias: &bias };
            let mut store = I32Store::U8 { multipliers: &multipliers, zero_point: 3, low: 0, high: 255, add: None, out: &mut out };
            kernel.run(&shape, &panels, &input, &mut scratch, &mut store);
        }
    })
}

/// A weight of so many bits from 32 random ones; those of 1 bit are -1 and 1.
fn weight(random: u32, bits: u8) -> i8 {
    let weight = (random as i8) >> (8 - bits);
    if bits == 1 { 2 * weight + 1 } else { weight }
}

/// Xorshift (Marsaglia 2003): the same numbers on every run.
fn random() -> impl FnMut() -> u32 {
    let mut state = 1u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}
