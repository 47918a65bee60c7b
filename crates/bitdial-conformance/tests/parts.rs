//! Kernels that do a part of their work only.

use bitdial_conformance::SHAPES;
use bitdial_kernels::{Backend, F32Store, F32Tail, GroupedInput, GroupedWeights, I32Store, IntInput, IntWeights, Kernels, Part};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Parts, and whether they store results.
const PARTS: [(Part, bool); 5] =
    [(Part::Nothing, false), (Part::Unpack, false), (Part::Move, false), (Part::Requantize, true), (Part::All, true)];

fn check(out: &[f32], stores: bool, what: &dyn std::fmt::Debug) {
    assert!(out.iter().all(|y| y.is_nan() != stores), "{what:?}");
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_part_stores_everything_or_nothing() {
    for kernels in Backend::available().into_iter().filter_map(Kernels::new) {
        for (name, shape) in SHAPES {
            let channels = shape.output[2];
            let (inputs, outputs): (usize, usize) = (shape.input.iter().product(), shape.output.iter().product());
            let (image, bias, scales, zeros) = (vec![1; inputs], vec![0; channels], vec![1.0; channels], vec![0.0; channels]);
            for kernel in kernels.all_conv_i8() {
                let Some(bits) = [8, 4, 1].into_iter().find(|&bits| kernel.supports(shape, bits, 1)) else { continue };
                let packed = kernel.pack(shape, &IntWeights { values: &vec![-1; shape.weight_len()], bits, zero_points: &[] });
                let mut panels = vec![0; kernel.panel_len(shape, bits)];
                let mut scratch = vec![0xA5; kernel.scratch_len(shape)];
                for (part, stores) in PARTS {
                    let mut out = vec![f32::NAN; outputs];
                    let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
                    let mut store = I32Store::F32 { scales: &scales, bias: &zeros, low, high, tail: F32Tail::default(), out: &mut out };
                    if !panels.is_empty() {
                        kernel.unpack(shape, &packed, bits, &mut panels);
                    }
                    let weights = if panels.is_empty() { &packed } else { &panels };
                    let input = IntInput { image: &image, zero_point: 0, bias: &bias };
                    part.only(|| kernel.run(shape, weights, &input, &mut scratch, &mut store));
                    check(&out, stores, &(name, kernel.name(), part));
                }
            }
            let (kernel, group) = (kernels.conv_grouped(), 16);
            let grids = vec![1.0; channels * shape.row_len().div_ceil(group)];
            let values = vec![-1; shape.weight_len()];
            let packed = kernel.pack(shape, &GroupedWeights { values: &values, bits: 4, group, scales: &grids, zero_points: &[] });
            let mut panels = vec![0; kernel.panel_len(shape, group)];
            kernel.unpack(shape, &packed, 4, group, &mut panels);
            let mut scratch = vec![0xA5; kernel.scratch_len(shape)];
            for (part, stores) in PARTS {
                let mut out = vec![f32::NAN; outputs];
                let mut store =
                    F32Store { bias: &zeros, low: f32::NEG_INFINITY, high: f32::INFINITY, tail: F32Tail::default(), out: &mut out };
                let input = GroupedInput { image: &image, zero_point: 0, scale: 1.0 };
                part.only(|| kernel.run(shape, &panels, group, &input, &mut scratch, &mut store));
                check(&out, stores, &(name, kernel.name(), part));
            }
            let image = vec![1.0; inputs];
            for kernel in kernels.all_conv_f32().into_iter().filter(|kernel| kernel.supports(shape)) {
                let mut packed = vec![0.0; kernel.packed_len(shape)];
                kernel.pack(shape, &vec![1.0; shape.weight_len()], &mut packed);
                let mut scratch = vec![0.0; kernel.scratch_len(shape)];
                for (part, stores) in PARTS {
                    let mut out = vec![f32::NAN; outputs];
                    let mut store =
                        F32Store { bias: &zeros, low: f32::NEG_INFINITY, high: f32::INFINITY, tail: F32Tail::default(), out: &mut out };
                    part.only(|| kernel.run(shape, &packed, &image, &mut scratch, &mut store));
                    check(&out, stores, &(name, kernel.name(), part));
                }
            }
        }
    }
}
