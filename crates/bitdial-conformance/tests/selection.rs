//! Which kernel the table picks for which case, apart from whether it is right.

use bitdial_conformance::shape;
use bitdial_kernels::{Backend, DotSemantics, Kernels};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

const MACHINES: usize = 5;

/// The kernels of this build: of scalar, of simd128, of relaxed on machines with a signed, an unsigned and a saturating
/// dot product.
fn machines() -> [Option<Kernels>; MACHINES] {
    let relaxed = Kernels::for_dot;
    [
        Kernels::new(Backend::Scalar),
        Kernels::new(Backend::Simd128),
        relaxed(DotSemantics::Signed),
        relaxed(DotSemantics::Unsigned),
        relaxed(DotSemantics::Saturating),
    ]
}

const SCALAR: &str = "conv-u8i8-4x4-scalar";
const SCALAR_DEPTHWISE: &str = "depthwise-u8i8-1x16-scalar";
const DOT16: &str = "conv-u8i8-4x8-dot16";
const DEPTHWISE: &str = "depthwise-u8i8-4x8-dot16";
const POPCNT: &str = "conv-u1i1-4x8-popcnt";
const FULL: [&str; MACHINES] = [SCALAR, DOT16, "conv-u8i8-4x8-sdot", "conv-u8i8-4x8-usdot", DOT16];
/// With kernels for weights of at most 4 bits where they are worth it, rivals after a bar.
const FOUR: [&str; MACHINES] =
    [SCALAR, DOT16, "conv-u8i8-4x8-sdot|conv-u8i4-4x8-dot8x2", "conv-u8i8-4x8-usdot|conv-u8i4-4x8-dot8x2", "conv-u8i4-4x8-dot8x2"];
const FIVE: [&str; MACHINES] = [SCALAR, DOT16, FULL[2], FULL[3], "conv-u8i5-4x8-dot8x2"];
const BINARY: [&str; MACHINES] = [
    "conv-u1i1-4x1-scalar",
    POPCNT,
    "conv-u1i1-4x8-popcnt|conv-u8i8-4x8-sdot|conv-u8i4-4x8-dot8x2",
    "conv-u1i1-4x8-popcnt|conv-u8i8-4x8-usdot|conv-u8i4-4x8-dot8x2",
    POPCNT,
];
const BINARY_STEM: [&str; MACHINES] = ["conv-u1i1-4x1-scalar", DOT16, FULL[2], FULL[3], DOT16];
const DEPTHWISES: [&str; MACHINES] = [
    SCALAR_DEPTHWISE,
    DEPTHWISE,
    "depthwise-u8i8-4x8-sdot|depthwise-u8i8-4x8-dot16",
    "depthwise-u8i8-4x8-usdot|depthwise-u8i8-4x8-dot16",
    DEPTHWISE,
];

/// Shape, weight bits, largest activation, and what each machine chooses and times against it.
const INTEGER: &[(&str, u8, u8, [&str; MACHINES])] = &[
    ("3x3", 8, 255, FULL),
    ("3x3", 7, 255, FULL),
    ("3x3", 6, 127, FULL),
    ("3x3", 5, 255, FULL),
    ("3x3", 4, 255, FOUR),
    ("3x3", 4, 15, FOUR),
    ("3x3", 3, 255, FOUR),
    ("3x3, dilated", 4, 255, FULL),
    ("1x1, wide", 8, 255, FULL),
    ("1x1, wide", 5, 255, FIVE),
    ("1x1, wide", 2, 255, FOUR),
    ("1x1, wide", 1, 255, FOUR),
    ("1x1, wide", 1, 1, BINARY),
    ("3x3", 1, 1, BINARY),
    ("grey stem", 1, 1, BINARY_STEM),
    ("depthwise 3x3", 1, 1, DEPTHWISES),
    ("1x1, stride 2", 4, 255, FULL),
    ("fully connected", 8, 255, FULL),
    ("fully connected", 5, 255, FULL),
    ("fully connected, odd", 4, 255, FOUR),
    ("grey stem", 2, 255, FULL),
    ("RGB stem, 'SAME' on even size", 4, 255, FULL),
    ("two groups", 4, 255, FULL),
    ("depth multiplier", 8, 255, FULL),
    ("depthwise, one channel", 8, 255, FULL),
    ("depthwise 3x3", 8, 255, DEPTHWISES),
    ("depthwise 3x3", 2, 255, DEPTHWISES),
    ("depthwise 3x3, stride 2", 8, 127, DEPTHWISES),
    ("depthwise 5x5", 4, 255, DEPTHWISES),
];

const F32_SCALAR: &str = "conv-f32-4x4-scalar";
const F32: &str = "conv-f32-4x8-mul-add";
const F32_FMA: &str = "conv-f32-4x8-fma";
const F32_DEPTHWISE: [&str; 3] = ["depthwise-f32-1x16-scalar", "depthwise-f32-4x8-mul-add", "depthwise-f32-4x8-fma"];

/// Shape, whether strict, and what scalar, simd128 and relaxed choose.
const FLOAT: &[(&str, bool, [&str; 3])] = &[
    ("3x3", true, [F32_SCALAR, F32, F32]),
    ("3x3", false, [F32_SCALAR, F32, F32_FMA]),
    ("1x1, wide", false, [F32_SCALAR, F32, F32_FMA]),
    ("two groups", false, [F32_SCALAR, F32, F32_FMA]),
    ("fully connected", false, [F32_SCALAR, F32, F32_FMA]),
    ("depthwise, one channel", true, [F32_SCALAR, F32, F32]),
    ("depthwise 3x3", true, [F32_DEPTHWISE[0], F32_DEPTHWISE[1], F32_DEPTHWISE[1]]),
    ("depthwise 3x3", false, F32_DEPTHWISE),
];

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_integer_case_gets_its_kernels() {
    let mut wrong = Vec::new();
    for (name, bits, high, expected) in INTEGER {
        for (kernels, expected) in machines().iter().zip(expected) {
            let Some(kernels) = kernels else { continue };
            let found: Vec<_> = kernels.candidates_i8(&shape(name), *bits, *high).iter().map(|kernel| kernel.name()).collect();
            assert_eq!(kernels.conv_i8(&shape(name), *bits, *high).name(), found[0]);
            if found.join("|") != *expected {
                wrong.push(format!("{name}, {bits} bits, {high}, {kernels:?}: {found:?}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_f32_case_gets_its_kernels() {
    let mut wrong = Vec::new();
    for (name, strict, [scalar, simd128, relaxed]) in FLOAT {
        for (kernels, expected) in machines().iter().zip([scalar, simd128, relaxed, relaxed, relaxed]) {
            let Some(kernels) = kernels else { continue };
            let found: Vec<_> = kernels.candidates_f32(&shape(name), *strict).iter().map(|kernel| kernel.name()).collect();
            assert_eq!(kernels.conv_f32(&shape(name), *strict).name(), found[0]);
            if found.join("|") != **expected {
                wrong.push(format!("{name}, strict {strict}, {kernels:?}: {found:?}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_shape_and_width_has_a_kernel() {
    for kernels in machines().iter().flatten() {
        for (name, shape) in bitdial_conformance::SHAPES {
            for bits in 1..=8 {
                for high in [1, 15, 127, 255] {
                    let kernel = kernels.conv_i8(shape, bits, high);
                    assert!(kernel.supports(shape, bits, high), "{name}, {bits} bits, {high}, {kernels:?}");
                }
            }
            assert!(kernels.conv_f32(shape, true).strict(), "{name}, {kernels:?}");
        }
    }
}
