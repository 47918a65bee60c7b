//! Every backend of a wasm build, in a worker of a real browser.
#![cfg(target_arch = "wasm32")]

use bitdial_conformance::run;
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
