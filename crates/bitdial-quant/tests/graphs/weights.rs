//! Weights in every scheme: the numbers they become, and which schemes cannot be.

use bitdial_ir::{CodedWeights, Meaning, Scales, Weights};
use bitdial_protocol::{Bits, Exponent, Format, Granularity, GroupSize, Rounding, WeightRange, WeightScheme};
use bitdial_quant::{Chance, WeightGrids, quantize_weights, weight_sqnr};
use proptest::prelude::*;

fn scheme(format: Format, bits: u8) -> WeightScheme {
    WeightScheme { format, bits: Bits::new(bits).unwrap(), ..WeightScheme::default() }
}

/// One scheme of each kind, of 16 bits and below.
fn schemes() -> Vec<WeightScheme> {
    let mut all = Vec::new();
    for format in Format::ALL {
        let exponent = Exponent::new(2).unwrap();
        let bits = match format.width() {
            Some(width) => vec![width],
            None if matches!(format, Format::Int | Format::Fixed) => vec![2, 3, 4, 8, 16],
            None => vec![3, 4, 8],
        };
        all.extend(bits.into_iter().map(|bits| WeightScheme { exponent, ..scheme(format, bits) }));
    }
    all.extend([scheme(Format::Int, 1), scheme(Format::Codebook, 1), scheme(Format::Pot, 2), scheme(Format::Apot, 2)]);
    all
}

fn quantized(weights: &[f32], channels: usize, scheme: &WeightScheme) -> Weights {
    quantize_weights(weights, channels, scheme, &vec![0.0; channels], &mut Chance::new(0, 0))
}

fn back(weights: &[f32], channels: usize, scheme: &WeightScheme) -> Vec<f32> {
    quantized(weights, channels, scheme).dequantize(channels).into_owned()
}

/// Numbers of a normal distribution, more or less: the sum of 12 uniform ones.
fn normal(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count).map(|_| (0..12).map(|_| next()).sum::<f32>() - 6.0).collect()
}

fn squared_error(weights: &[f32], back: &[f32]) -> f64 {
    weights.iter().zip(back).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

#[test]
fn known_weights_become_known_numbers() {
    let tensor = |format, bits| WeightScheme { granularity: Granularity::Tensor, ..scheme(format, bits) };
    let floor = |scheme| WeightScheme { rounding: Rounding::Floor, ..scheme };
    let minifloat = WeightScheme { exponent: Exponent::new(1).unwrap(), ..tensor(Format::Minifloat, 3) };
    for (scheme, weights, expected) in [
        // The mean magnitude is 1: what is above 0.7 counts, and its mean is 1.5.
        (tensor(Format::Ternary, 2), [2.0, -1.0, 0.7, -0.3], [1.5, -1.5, 0.0, 0.0]),
        (floor(tensor(Format::Ternary, 2)), [2.0, -1.0, 0.7, -0.3], [1.5, -1.5, 0.0, -1.5]),
        // 1/4 is the smallest power of two with which 3 bits cover 0.7.
        (tensor(Format::Fixed, 3), [0.7, -0.9, 0.3, 0.1], [0.75, -1.0, 0.25, 0.0]),
        (tensor(Format::Fixed, 16), [1.0, 0.5, -0.25, 0.0], [1.0, 0.5, -0.25, 0.0]),
        (tensor(Format::Int, 16), [32767.0, 0.4, -3.6, 0.0], [32767.0, 0.0, -4.0, 0.0]),
        // 0, 1, 2, 3 times 0.5.
        (minifloat, [1.5, 0.9, -0.6, 0.1], [1.5, 1.0, -0.5, 0.0]),
        (tensor(Format::E2m1, 32), [6.0, 2.4, -1.3, 0.2], [6.0, 2.0, -1.5, 0.0]),
        (floor(tensor(Format::E2m1, 4)), [6.0, 2.9, -1.3, 0.4], [6.0, 2.0, -1.5, 0.0]),
        (tensor(Format::Fp16, 8), [1.0 + 1.0 / 4096.0, 1e9, -1e-9, 3.0], [1.0, 65504.0, 0.0, 3.0]),
        (
            tensor(Format::Bf16, 8),
            [1.0 + 1.0 / 512.0, 1e9, -3.0, 3.0],
            [1.0, 1e9, -3.0, 3.0].map(|x: f32| f32::from_bits((x.to_bits() + 0x7FFF) & 0xFFFF_0000)),
        ),
        (tensor(Format::Nf4, 2), [2.0, -2.0, 0.3, 0.9], [2.0, -2.0, 2.0 * 0.160_930_2, 2.0 * 0.440_709_83]),
        (tensor(Format::Pot, 3), [1.0, 0.4, -0.2, 0.1], [1.0, 0.5, -0.25, 0.0]),
        (tensor(Format::Codebook, 1), [1.0, 2.0, 11.0, 14.0], [1.5, 1.5, 12.5, 12.5]),
        (tensor(Format::Codebook, 2), [1.0, 2.0, 1.0, 14.0], [1.0, 2.0, 1.0, 14.0]),
        // The largest exponent of a block is 2, that of E2M1 too.
        (tensor(Format::Mxfp4, 8), [7.9, 2.4, -1.3, 0.2], [6.0, 2.0, -1.5, 0.0]),
        (tensor(Format::Mxint8, 4), [1.999, 0.5, -1.0, 0.0], [127.0 / 64.0, 0.5, -1.0, 0.0]),
        (tensor(Format::Int, 32), [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]),
    ] {
        assert_eq!(back(&weights, 1, &scheme), expected, "{scheme:?}");
    }
}

#[test]
fn scales_are_shared_as_the_scheme_says() {
    let weights: Vec<f32> = normal(2 * 80, 1).iter().enumerate().map(|(i, x)| x * (1.0 + (i / 20) as f32)).collect();
    let e4m3 = scheme(Format::E4m3, 8);
    let (group, codebook) = (GroupSize::new(32).unwrap(), scheme(Format::Codebook, 3));
    for (scheme, scales, books, block) in [
        (WeightScheme { granularity: Granularity::Tensor, ..e4m3 }, 1, 0, None),
        (e4m3, 2, 0, None),
        (WeightScheme { granularity: Granularity::Group, group, ..e4m3 }, 6, 0, Some(32)),
        // Less than two groups.
        (WeightScheme { granularity: Granularity::Group, group: GroupSize::new(64).unwrap(), ..e4m3 }, 2, 0, None),
        (scheme(Format::Mxfp6E3m2, 8), 6, 0, Some(32)),
        (scheme(Format::Nvfp4, 8), 10, 0, Some(16)),
        (scheme(Format::Bf16, 8), 0, 0, None),
        (codebook, 0, 2, None),
        (WeightScheme { granularity: Granularity::Tensor, ..codebook }, 0, 1, None),
    ] {
        let Weights::Coded(coded) = quantized(&weights, 2, &scheme) else { panic!("{scheme:?} has codes") };
        assert!(coded.is_sound(2), "{scheme:?}");
        assert_eq!((coded.scales.len(), coded.codebooks(), coded.scales.block()), (scales, books, block), "{scheme:?}");
    }
}

#[test]
fn finer_schemes_are_nearer() {
    let weights = normal(64 * 96, 3);
    let db = |format, bits| weight_sqnr(&weights, &quantized(&weights, 64, &scheme(format, bits)), 64).unwrap();
    for pair in [
        [db(Format::Int, 3), db(Format::Int, 4)],
        [db(Format::Int, 8), db(Format::Int, 16)],
        [db(Format::Int, 4), db(Format::Nf4, 4)],
        [db(Format::Nf4, 4), db(Format::Codebook, 4)],
        [db(Format::Codebook, 4), db(Format::Codebook, 5)],
        [db(Format::E2m1, 4), db(Format::E2m3, 6)],
        [db(Format::E5m2, 8), db(Format::E4m3, 8)],
        [db(Format::Mxfp4, 4), db(Format::Nvfp4, 4)],
        [db(Format::Mxfp8E4m3, 8), db(Format::Mxint8, 8)],
        [db(Format::Pot, 4), db(Format::Apot, 4)],
        [db(Format::Bf16, 16), db(Format::Fp16, 16)],
        [db(Format::Ternary, 2), db(Format::Int, 3)],
    ] {
        assert!(pair[0] + 0.1 < pair[1], "{pair:?}");
    }
}

#[test]
fn a_searched_range_has_less_error() {
    // One outlier makes the whole range a bad one.
    let mut weights = normal(4000, 5);
    weights[7] = 30.0;
    let lp = |back: &[f32]| weights.iter().zip(back).map(|(a, b)| f64::from((a - b).abs()).powf(2.4)).sum::<f64>();
    for (format, bits, symmetric) in [
        (Format::Int, 2, true),
        (Format::Int, 4, true),
        (Format::Int, 4, false),
        (Format::Fixed, 4, true),
        (Format::Nf4, 4, true),
        (Format::E2m1, 4, true),
        (Format::Apot, 4, true),
    ] {
        let by = |range| back(&weights, 1, &WeightScheme { range, symmetric, ..scheme(format, bits) });
        let [minmax, mse, lp24] = [WeightRange::MinMax, WeightRange::Mse, WeightRange::Lp].map(by);
        assert!(squared_error(&weights, &mse) < 0.7 * squared_error(&weights, &minmax), "{format:?} {bits}");
        assert!(lp(&lp24) <= lp(&mse) && lp(&lp24) < lp(&minmax), "{format:?} {bits}");
        assert!(squared_error(&weights, &mse) <= squared_error(&weights, &lp24), "{format:?} {bits}");
        // No other hundredth of the range is better by more than a little.
        let best = (1..=100).map(|percent| {
            let most = 30.0 * percent as f32 / 100.0;
            let clipped: Vec<f32> = weights.iter().map(|w| w.clamp(-most, most)).collect();
            squared_error(&weights, &back(&clipped, 1, &WeightScheme { symmetric, ..scheme(format, bits) }))
        });
        let best = best.fold(f64::INFINITY, f64::min);
        assert!(squared_error(&weights, &mse) <= 1.03 * best, "{format:?} {bits}: {} and {best}", squared_error(&weights, &mse));
    }
}

#[test]
fn rounding_goes_the_way_it_says() {
    let weights = normal(3000, 9);
    for format in schemes().into_iter().filter(|s| s.width() > 1) {
        let grids = WeightGrids::fit(&weights, 3, &format, &[0.0; 3], &mut Chance::new(4, 1));
        let to = |rounding, seed| grids.round(&weights, rounding, &mut Chance::new(seed, 1)).dequantize(3).into_owned();
        let floor = to(Rounding::Floor, 0);
        // Up to what division by a scale and multiplication with it leave.
        let smallest = grids.round(&[f32::MIN; 3000], Rounding::Nearest, &mut Chance::new(0, 1)).dequantize(3).into_owned();
        let up = floor.iter().zip(&weights).zip(&smallest).find(|((f, w), s)| **f > **w + w.abs() * 1e-6 && f > s);
        assert_eq!(up, None, "{format:?}");
        let nearest = squared_error(&weights, &to(Rounding::Nearest, 0));
        assert!(nearest <= squared_error(&weights, &floor), "{format:?}");
        let chance = to(Rounding::Stochastic, 0);
        assert_eq!(chance, to(Rounding::Stochastic, 0), "{format:?}");
        if format.width() <= 8 {
            assert_ne!(chance, to(Rounding::Stochastic, 1), "{format:?}");
            assert!(nearest < squared_error(&weights, &chance), "{format:?}");
        }
    }
    // Right on average.
    let grids = WeightGrids::fit(&[1.0, -1.0], 1, &scheme(Format::Int, 3), &[0.0], &mut Chance::new(0, 0));
    let chance = &mut Chance::new(0, 0);
    let sum: f32 = (0..20_000)
        .map(|_| {
            let rounded = grids.round(&[0.1, -0.55], Rounding::Stochastic, chance);
            let back = rounded.dequantize(1);
            back[0] - back[1]
        })
        .sum();
    assert!((sum / 20_000.0 - 0.65).abs() < 0.01, "{sum}");
}

#[test]
fn a_seed_and_a_layer_mean_the_same_codebook_and_the_same_chance() {
    let weights = normal(5000, 2);
    let of = |seed, layer| {
        let scheme = WeightScheme { rounding: Rounding::Stochastic, granularity: Granularity::Tensor, ..scheme(Format::Codebook, 5) };
        quantize_weights(&weights, 4, &scheme, &[0.0; 4], &mut Chance::new(seed, layer))
    };
    assert_eq!(of(3, 2), of(3, 2));
    assert_ne!(of(3, 2), of(4, 2));
    assert_ne!(of(3, 2), of(3, 1));
}

proptest! {
    #[test]
    fn any_weights_become_finite_ones(
        weights in proptest::collection::vec(prop_oneof![-1f32..1.0, Just(0.0), Just(-0.0), Just(1e-45), Just(-1e30), Just(3e38)], 1..40),
        channels in 1usize..4,
        granularity in prop::sample::select(vec![Granularity::Tensor, Granularity::Channel, Granularity::Group]),
        range in prop::sample::select(vec![WeightRange::MinMax, WeightRange::Mse, WeightRange::Lp]),
        rounding in prop::sample::select(vec![Rounding::Nearest, Rounding::Floor, Rounding::Stochastic]),
    ) {
        let weights: Vec<f32> = (0..channels).flat_map(|_| weights.clone()).collect();
        for scheme in schemes() {
            let scheme = WeightScheme { granularity, range, rounding, group: GroupSize::new(16).unwrap(), ..scheme };
            let quantized = quantized(&weights, channels, &scheme);
            prop_assert_eq!(quantized.len(), weights.len());
            prop_assert_eq!(quantized.bits(), Some(scheme.width()));
            match &quantized {
                Weights::Int(w) => prop_assert!(w.is_sound(channels), "{:?}", scheme),
                Weights::Coded(w) => prop_assert!(w.is_sound(channels), "{:?} {:?}", scheme, w),
                Weights::F32(_) => prop_assert!(false),
            }
        }
    }
}

#[test]
fn two_values_to_the_codebook_of_a_channel_of_zeros() {
    let Weights::Coded(CodedWeights { meaning: Meaning::Codebook(values), scales: Scales::One, codes }) =
        quantized(&[0.0, -0.0, 3.0, 0.0], 2, &scheme(Format::Codebook, 1))
    else {
        panic!("a codebook is coded");
    };
    assert_eq!(values, [0.0, 0.0, 0.0, 3.0]);
    assert_eq!(codes.iter().collect::<Vec<_>>(), [0, 0, 1, 0]);
}
