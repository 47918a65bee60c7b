//! Every backend of a wasm build, in a worker of a real browser.
#![cfg(target_arch = "wasm32")]

use bitdial_kernels::{Backend, Kernels};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
fn every_backend_equals_the_reference() {
    for backend in Backend::available() {
        let report = bitdial_conformance::run(&Kernels::new(backend).expect("it is available"));
        console_log!("{}\n{report}", backend.name());
        assert!(report.failures.is_empty(), "{}", report.failures[0]);
    }
}
