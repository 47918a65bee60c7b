//! Convolutions on weights in groups: the kernel of a backend against the reference.

use crate::{Random, Report};
use bitdial_kernels::{ConvShape, F32Store, F32Tail, GroupedInput, GroupedWeights, Kernels, reference};

/// Computes random operands of a shape, some of them the largest there are.
pub fn check(kernels: &Kernels, shape: &ConvShape, random: &mut Random, report: &mut Report) {
    let (bits, group) = (random.size(1, 8) as u8, random.one_of(&[16, 32, 64, 128, 1, 5]));
    let (low, high) = if bits == 1 { (-1, 1) } else { (i8::MIN >> (8 - bits), i8::MAX >> (8 - bits)) };
    let extreme = random.between(0, 3) == 0;
    let weight = |random: &mut Random| match bits {
        1 => random.one_of(&[low, high]),
        _ if extreme => low,
        _ => random.between(i32::from(low), i32::from(high)) as i8,
    };
    let values = random.many(shape.weight_len(), weight);
    let groups = shape.output[2] * shape.row_len().div_ceil(group);
    let scales = random.many(groups, |random| 0.01 * (1.1 + random.float()));
    let zero_points = match bits > 1 && random.between(0, 1) == 1 {
        true => random.many(groups, |random| if extreme { high } else { random.between(i32::from(low), i32::from(high)) as i8 }),
        false => Vec::new(),
    };
    let image = random.many(shape.input.iter().product(), |random| if extreme { 255 } else { random.between(0, 255) as u8 });
    let zero_point = random.one_of(&[0, 128, 255]);
    let weights = GroupedWeights { values: &values, bits, group, scales: &scales, zero_points: &zero_points };
    let sums = reference::conv_grouped(shape, &weights, &image, zero_point);

    let channels = shape.output[2];
    let bias = random.many(channels, |random| 10.0 * random.float());
    let scale = 0.01 * (1.1 + random.float());
    let (least, most) = random.one_of(&[(f32::NEG_INFINITY, f32::INFINITY), (0.0, 6.0), (0.0, f32::INFINITY)]);
    let expected: Vec<f32> = sums.iter().enumerate().map(|(i, sum)| (sum * scale + bias[i % channels]).clamp(least, most)).collect();

    let kernel = kernels.conv_grouped();
    let packed = kernel.pack(shape, &weights);
    let mut panels = vec![0xA5; kernel.panel_len(shape, group)];
    kernel.unpack(shape, &packed, bits, group, &mut panels);
    let mut scratch = vec![0x5A; kernel.scratch_len(shape)];
    let mut found = vec![f32::NAN; sums.len()];
    let mut store = F32Store { bias: &bias, low: least, high: most, tail: F32Tail::default(), out: &mut found };
    kernel.run(shape, &panels, group, &GroupedInput { image: &image, zero_point, scale }, &mut scratch, &mut store);
    report.compare(kernel.name(), &(shape, bits, group, zero_point, extreme), &found, &expected);
}
