//! Every backend of a wasm build, in a worker of a real browser.
#![cfg(target_arch = "wasm32")]

use bitdial_conformance::{Filling, IntCase, Random, Report, SHAPES, check_conv_i8, run};
use bitdial_kernels::{Backend, DotSemantics, Kernels, dot_semantics};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

fn pass(what: &str, kernels: &Kernels) {
    let report = run(kernels);
    console_log!("{what}\n{report}");
    assert!(report.failures.is_empty(), "{}", report.failures[0]);
}

#[wasm_bindgen_test]
fn every_backend_equals_the_reference() {
    console_log!("dot product of this machine: {:?}", dot_semantics());
    for backend in Backend::available() {
        pass(backend.name(), &Kernels::new(backend).expect("it is available"));
    }
}

#[wasm_bindgen_test]
fn every_kind_of_dot_product_equals_the_reference() {
    for dot in [DotSemantics::Signed, DotSemantics::Unsigned, DotSemantics::Saturating] {
        match Kernels::emulated(dot) {
            Some(kernels) => pass(&format!("{dot:?}"), &kernels),
            None => assert_eq!(dot_semantics(), None),
        }
    }
}

/// The kernels for exact dot products, with the instruction itself: no machine differs in the lower seven bits.
#[wasm_bindgen_test]
fn seven_bits_are_exact_on_every_machine() {
    let Some(kernels) = Kernels::for_dot(DotSemantics::Unsigned) else { return };
    let (mut random, mut report) = (Random::new(2), Report::default());
    for (_, shape) in SHAPES {
        for (bits, zero_point, affine, filling) in [
            (8, 0, false, Filling::Saturating),
            (8, 127, true, Filling::Ends),
            (7, 64, false, Filling::Random),
            (4, 127, true, Filling::Random),
        ] {
            let case = IntCase { shape: *shape, bits, high: 127, zero_point, affine, filling };
            check_conv_i8(&kernels, &case, &mut random, &mut report);
        }
    }
    console_log!("{report}");
    assert!(report.failures.is_empty(), "{}", report.failures[0]);
    assert!(report.passed["conv-u8i8-4x8-usdot"] > 100);
}
