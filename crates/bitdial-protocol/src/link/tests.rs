//! Links read as they say, come back as they were, and survive whatever somebody writes into them.

use proptest::prelude::*;
use proptest::{collection::btree_map, option, sample::select};

use super::keys::MOST_SAMPLES;
use super::names::{ACTIVATION_GRANULARITIES, BACKENDS, CLIPS, FORMATS, GRANULARITIES, METHODS, MODES, ROUNDINGS};
use super::*;
use crate::recipe::{
    Accumulator, ActivationOverride, Calibration, CalibrationMethod, Correction, Deviations, LayerOverride, Overflow, WeightOverride,
};
use crate::scheme::{
    ActivationGranularity, ActivationMode, Bits, Exponent, Format, Granularity, GroupSize, Rounding, WeightRange, WeightScheme,
};

const MODELS: &[&str] = &["fashion-mobilenet", "digits"];

#[test]
fn links_read_as_they_say() {
    let weights = |bits: u8| WeightOverride { bits: Some(Bits::new(bits).unwrap()), ..Default::default() };
    type Change = fn(&mut Link);
    let cases: &[(&str, Change)] = &[
        ("", |_| {}),
        ("#", |_| {}),
        ("#v=1&model=digits", |l| l.model = "digits".to_owned()),
        ("w=4&a=6", |l| {
            l.recipe.weights.bits = Bits::new(4).unwrap();
            l.recipe.activations.as_mut().unwrap().bits = Bits::new(6).unwrap();
        }),
        ("a=f32", |l| l.recipe.activations = None),
        ("a=32&w=f32", |l| {
            l.recipe.activations = None;
            l.recipe.weights.bits = Bits::FLOAT;
        }),
        ("w-format=minifloat&w-exponent=3&w=16&w-clip=mse&w-round=stochastic", |l| {
            let weights = WeightScheme { bits: Bits::WIDE, exponent: Exponent::new(3).unwrap(), ..l.recipe.weights };
            l.recipe.weights =
                WeightScheme { format: Format::Minifloat, range: WeightRange::Mse, rounding: Rounding::Stochastic, ..weights };
        }),
        ("a-format=e4m3&a-scale=row&a-mode=dynamic", |l| {
            let scheme = l.recipe.activations.as_mut().unwrap();
            *scheme = ActivationScheme { granularity: ActivationGranularity::Row, mode: ActivationMode::Dynamic, ..*scheme };
            scheme.format = Format::E4m3;
        }),
        ("calibrate=z&deviations=6&corrections=cle,adaround,bias&sums=16-saturate", |l| {
            l.recipe.calibration.method = CalibrationMethod::ZScore;
            l.recipe.calibration.deviations = Deviations::new(6).unwrap();
            l.recipe.corrections = vec![Correction::Cle, Correction::Adaround, Correction::Bias];
            l.recipe.accumulator = Some(Accumulator::new(16, Overflow::Saturate).unwrap());
        }),
        ("a-mode=dynamic&a=8&w-scale=tensor", |l| {
            l.recipe.activations.as_mut().unwrap().mode = ActivationMode::Dynamic;
            l.recipe.weights.granularity = Granularity::Tensor;
        }),
        ("backend=relaxed-simd&samples=64&seed=7", |l| {
            l.backend = BackendChoice::RelaxedSimd;
            l.recipe.calibration = Calibration { samples: 64, seed: 7, ..l.recipe.calibration };
        }),
        ("accuracy=9331/10000&size=36412&latency=421us", |l| {
            l.expected = Expected { hits: Some((9_331, 10_000)), size: Some(36_412), latency: Some(421) };
        }),
    ];
    for (text, change) in cases {
        let mut expected = Link::new(MODELS[0]);
        change(&mut expected);
        assert_eq!(Link::from_fragment(text, MODELS), (expected, Vec::new()), "{text}");
    }
    let (link, issues) = Link::from_fragment("layers=%2F0%2F0%2E0%2FConv~w2;fc~tensor.a4;head~nf4.w32", MODELS);
    assert_eq!(issues, []);
    assert_eq!(link.recipe.layers["/0/0.0/Conv"].weights, Some(weights(2)));
    assert_eq!(link.recipe.layers["head"].weights, Some(WeightOverride { format: Some(Format::Nf4), ..weights(32) }));
    assert_eq!(link.recipe.layers["fc"].activations.unwrap().bits.unwrap().get(), 4);
}

#[test]
fn what_cannot_be_is_named_and_the_rest_is_kept() {
    for (text, named) in [
        ("w=9", "w=\u{201c}9\u{201d}"),
        ("w=0", "1 to 8 or 16 bits"),
        ("w=four", "w="),
        ("w", "w="),
        ("a=12", "or f32"),
        ("model=resnet-152", "fashion-mobilenet or digits"),
        ("w-format=int9", "nvfp4, codebook, nf4, pot or apot"),
        ("w-exponent=8", "1 to 7"),
        ("a-exponent=0", "1 to 7"),
        ("w-clip=99", "minmax, mse or lp"),
        ("w-round=up", "nearest, stochastic or floor"),
        ("a-format=e9m9", "a-format="),
        ("a-scale=channel", "tensor or row"),
        ("calibrate=98", "99.999, mse, entropy or z"),
        ("deviations=0", "1 to 20"),
        ("corrections=", "cle, smooth, adaround, gptq, bias or bn"),
        ("corrections=luck", "corrections="),
        ("corrections=cle,cle", "at most once"),
        ("sums=7", "8 to 32"),
        ("sums=16-explode", "sums="),
        ("sums=-saturate", "sums="),
        ("backend=webgl", "auto, scalar, simd128, relaxed-simd, webgpu or webgpu-f16"),
        ("w-scale=row", "channel, tensor or group"),
        ("w-group=48", "16, 32, 64 or 128"),
        ("samples=0", "samples="),
        ("seed=-1", "seed="),
        ("layers=conv1", "layers="),
        ("layers=conv1~w0", "layers="),
        ("layers=conv1~w12", "layers="),
        ("layers=conv1~float", "layers="),
        ("layers=a~w4;a~w2", "layers="),
        ("layers=%FF~w4", "layers="),
        ("accuracy=0.93", "9331/10000"),
        ("accuracy=8/7", "accuracy="),
        ("accuracy=0/0", "accuracy="),
        ("accuracy=1/99999999999", "accuracy="),
        ("accuracy=+1/2", "accuracy="),
        ("size=-1", "size="),
        ("size=1e3", "the bytes"),
        ("latency=0.4", "421us"),
        ("latency=NaNus", "latency="),
        ("colour=red", "\u{201c}colour\u{201d}"),
        ("v=2", "version \u{201c}2\u{201d}"),
        ("w=4&w=5", "twice"),
    ] {
        let (link, issues) = Link::from_fragment(&format!("{text}&a-range=symmetric"), MODELS);
        let said: Vec<String> = issues.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|s| s.contains(named)), "{text}: {said:?}");
        assert!(link.recipe.activations.unwrap().symmetric, "{text}: the rest was lost");
    }
}

#[test]
fn defaults_are_left_out() {
    assert_eq!(Link::new("digits").to_fragment(), "v=1&model=digits");
}

fn bits() -> impl Strategy<Value = Bits> {
    prop_oneof![8 => (1u8..=8).prop_map(|b| Bits::new(b).unwrap()), 1 => Just(Bits::WIDE), 1 => Just(Bits::FLOAT)]
}

/// A value of a table.
fn one<T: Copy + fmt::Debug + 'static>(table: names::Names<T>) -> impl Strategy<Value = T> {
    select(table).prop_map(|(_, value)| value)
}

fn exponent() -> impl Strategy<Value = Exponent> {
    (1u8..=7).prop_map(|bits| Exponent::new(bits).unwrap())
}

fn layer() -> impl Strategy<Value = LayerOverride> {
    (option::of(bits()), option::of(one(FORMATS)), option::of(one(GRANULARITIES)), option::of(any::<bool>()), option::of(bits()))
        .prop_map(|(bits, format, granularity, symmetric, activation)| {
            let weights = WeightOverride { format, bits, granularity, symmetric };
            LayerOverride {
                weights: (weights != WeightOverride::default()).then_some(weights),
                activations: activation.map(|bits| ActivationOverride { bits: Some(bits) }),
            }
        })
        .prop_filter("an exception that says something", |layer| *layer != LayerOverride::default())
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let numbers = || (one(FORMATS), exponent(), bits(), any::<bool>());
    let weights = (numbers(), one(GRANULARITIES), select(&GroupSize::ALL[..]), one(CLIPS), one(ROUNDINGS)).prop_map(
        |((format, exponent, bits, symmetric), granularity, group, range, rounding)| WeightScheme {
            format,
            exponent,
            bits,
            granularity,
            group,
            symmetric,
            range,
            rounding,
        },
    );
    // Activations of 32 bits are spelled as none.
    let activations =
        (numbers(), one(ACTIVATION_GRANULARITIES), one(MODES)).prop_map(|((format, exponent, bits, symmetric), granularity, mode)| {
            (!bits.is_float()).then_some(ActivationScheme { format, exponent, bits, granularity, symmetric, mode })
        });
    let calibration = (one(METHODS), 1..=MOST_SAMPLES, any::<u32>(), 1u8..=20).prop_map(|(method, samples, seed, z)| Calibration {
        method,
        samples,
        seed,
        deviations: Deviations::new(z).unwrap(),
    });
    let corrections = proptest::sample::subsequence(&Correction::ALL[..], 0..=6).prop_shuffle();
    let accumulator = option::of(
        (8u8..=32, any::<bool>())
            .prop_map(|(bits, saturates)| Accumulator::new(bits, if saturates { Overflow::Saturate } else { Overflow::Wrap }).unwrap()),
    );
    (weights, activations, calibration, corrections, accumulator, btree_map("\\PC{0,12}", layer(), 0..4)).prop_map(
        |(weights, activations, calibration, corrections, accumulator, layers)| Recipe {
            weights,
            activations,
            calibration,
            corrections,
            accumulator,
            layers,
        },
    )
}

fn expected() -> impl Strategy<Value = Expected> {
    let hits = option::of((0..=7u32, 7..=10_000u32));
    (hits, option::of(any::<u32>()), option::of(any::<u32>())).prop_map(|(hits, size, latency)| Expected { hits, size, latency })
}

proptest! {
    #[test]
    fn every_link_comes_back(model in select(MODELS), backend in select(BACKENDS), recipe in recipe(), expected in expected()) {
        let link = Link { model: model.to_owned(), backend: backend.1, recipe, expected };
        let text = link.to_fragment();
        prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() && !b"#\"<>`".contains(&b)), "{}", text);
        prop_assert_eq!(Link::from_fragment(&text, MODELS), (link, Vec::new()));
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,60}") {
        let (link, _) = Link::from_fragment(&text, MODELS);
        prop_assert!(MODELS.contains(&link.model.as_str()));
    }
}
