//! Kernels that are timed against each other: with clocks that are no clocks.
#![cfg(target_arch = "wasm32")]

use std::cell::Cell;

use bitdial_conformance::shape;
use bitdial_kernels::{Arithmetic, Backend, ConvCase, Kernels, Tuning};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const NAMES: [&str; 3] = ["3x3", "1x1, wide", "depthwise 3x3"];

fn cases() -> Vec<ConvCase> {
    let arithmetics = [
        Arithmetic::F32 { strict: false },
        Arithmetic::F32 { strict: true },
        Arithmetic::Int { weight_bits: 8, activation_high: 255 },
        Arithmetic::Int { weight_bits: 4, activation_high: 255 },
        Arithmetic::Int { weight_bits: 2, activation_high: 255 },
    ];
    let cases = |name| arithmetics.map(|arithmetic| ConvCase { shape: shape(name), arithmetic });
    NAMES.into_iter().flat_map(cases).collect()
}

fn candidates(kernels: &Kernels, case: &ConvCase) -> Vec<&'static str> {
    match case.arithmetic {
        Arithmetic::F32 { strict } => kernels.candidates_f32(&case.shape, strict).iter().map(|kernel| kernel.name()).collect(),
        Arithmetic::Int { weight_bits, activation_high } => {
            kernels.candidates_i8(&case.shape, weight_bits, activation_high).iter().map(|kernel| kernel.name()).collect()
        }
    }
}

/// What runs: the name of the kernel.
fn picked(tuning: &Tuning, kernels: &Kernels, case: &ConvCase) -> &'static str {
    match case.arithmetic {
        Arithmetic::F32 { strict } => tuning.conv_f32(kernels, &case.shape, strict).name(),
        Arithmetic::Int { weight_bits, activation_high } => tuning.conv_i8(kernels, &case.shape, weight_bits, activation_high).name(),
    }
}

#[wasm_bindgen_test]
fn each_choice_is_timed_once_within_its_time() {
    for backend in Backend::available() {
        let kernels = Kernels::new(backend).expect("it is available");
        let (time, readings) = (Cell::new(0.0), Cell::new(0));
        // A fine clock at first; then whatever is timed takes 2 ms: all kernels look alike.
        let now = || {
            readings.set(readings.get() + 1);
            time.set(time.get() + if readings.get() < 14 { 0.05 } else { 2.0 });
            time.get()
        };
        let mut tuning = Tuning::default();
        tuning.tune(&kernels, cases(), 1e6, &now);
        assert_eq!(time.get(), 0.0, "nothing was allowed");
        tuning.allow(1e6);
        tuning.tune(&kernels, cases(), 1e6, &now);
        for case in cases() {
            let (candidates, choice) = (candidates(&kernels, &case), tuning.choice(&kernels, &case));
            assert_eq!(choice.map_or(1, |choice| choice.times.len()), candidates.len(), "{case:?}");
            assert_eq!(picked(&tuning, &kernels, &case), candidates[0], "no rival is faster: {case:?}");
        }
        let spent = time.get();
        tuning.tune(&kernels, cases(), 1e6, &now);
        assert_eq!(time.get(), spent, "everything is known");
    }
}

#[wasm_bindgen_test]
fn without_a_clock_or_time_the_table_decides() {
    for backend in Backend::available() {
        let kernels = Kernels::new(backend).expect("it is available");
        let time = Cell::new(0.0);
        let quick = || {
            time.set(time.get() + 0.1);
            time.get()
        };
        let clocks: [&dyn Fn() -> f64; 3] = [&|| 3.0, &|| f64::NAN, &quick];
        for clock in clocks {
            let mut tuning = Tuning::default();
            tuning.allow(100.0);
            tuning.tune(&kernels, cases(), 0.5, clock);
            for case in cases() {
                assert_eq!(tuning.choice(&kernels, &case), None);
                assert_eq!(picked(&tuning, &kernels, &case), candidates(&kernels, &case)[0]);
            }
        }
    }
}
