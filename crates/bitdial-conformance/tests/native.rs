//! Every backend of a native build, and random shapes.
#![cfg(not(target_arch = "wasm32"))]

use bitdial_conformance::{
    Filling, IntCase, Random, Report, check_conv_f32, check_conv_grouped, check_conv_i8, check_decode, check_residual, random_shape,
};
use bitdial_kernels::{Backend, Kernels};
use proptest::prelude::*;

#[test]
fn every_backend_equals_the_reference() {
    for backend in Backend::available() {
        let report = bitdial_conformance::run(&Kernels::new(backend).expect("it is available"));
        println!("{}\n{report}", backend.name());
        assert!(report.failures.is_empty(), "{}", report.failures[0]);
    }
}

proptest! {
    #[test]
    fn any_convolution_equals_the_reference(
        seed in any::<u64>(),
        bits in 1u8..=8,
        high in prop_oneof![1u8..=255, Just(1)],
        zero in 0f32..=1.0,
        affine in any::<bool>(),
        filling in prop::sample::select(vec![Filling::Random, Filling::Saturating, Filling::Ends]),
    ) {
        let mut random = Random::new(seed);
        let shape = random_shape(&mut random);
        let case = IntCase { shape, bits, high, zero_point: (zero * f32::from(high)) as u8, affine, filling };
        for backend in Backend::available() {
            let kernels = Kernels::new(backend).expect("it is available");
            let mut report = Report::default();
            check_conv_i8(&kernels, &case, &mut random, &mut report);
            check_conv_f32(&kernels, &shape, &mut random, &mut report);
            check_decode(&kernels, &shape, &mut random, &mut report);
            check_residual(&kernels, &shape, &mut random, &mut report);
            check_conv_grouped(&kernels, &shape, &mut random, &mut report);
            prop_assert!(report.cases() >= 4 && report.failures.is_empty(), "{report}");
        }
    }
}
