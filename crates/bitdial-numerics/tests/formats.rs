//! Every format against `ml_dtypes`, numpy and the tables of papers: `tests/fixtures/formats`.

use std::io::Read;
use std::path::PathBuf;

use bitdial_numerics::{
    Coder, Ending, FakeQuant, Levels, Minifloat, Numbers, Rounding, block_e8m0, block_nvfp4, decode_e8m0, magnitude, max_exponent,
    tensor_nvfp4,
};
use flate2::read::GzDecoder;
use serde_json::Value;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(path(name)).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn words(name: &str) -> Vec<u32> {
    bytes(name).chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn floats(name: &str) -> Vec<f32> {
    words(name).into_iter().map(f32::from_bits).collect()
}

fn index() -> Value {
    serde_json::from_slice(&std::fs::read(path("index.json")).unwrap()).unwrap()
}

/// Equal bits, or both NaN.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

const MINIFLOATS: [(&str, Minifloat); 7] = [
    ("e4m3", Minifloat::E4M3),
    ("e5m2", Minifloat::E5M2),
    ("e3m2", Minifloat::E3M2),
    ("e2m3", Minifloat::E2M3),
    ("e2m1", Minifloat::E2M1),
    ("fp16", Minifloat::FP16),
    ("bf16", Minifloat::BF16),
];

#[test]
fn minifloats_are_those_of_the_standards() {
    let index = index();
    for (name, format) in MINIFLOATS {
        let about = &index["minifloats"][name];
        let ending = match format.ending() {
            Ending::Finite => "finite",
            Ending::OneNan => "one-nan",
            Ending::Ieee => "ieee",
        };
        assert_eq!(
            (about["exponent"].as_u64(), about["mantissa"].as_u64()),
            (Some(format.exponent().into()), Some(format.mantissa().into()))
        );
        assert_eq!(about["ending"], ending);
    }
}

#[test]
fn every_code_decodes_as_in_ml_dtypes() {
    for (name, format) in MINIFLOATS {
        let table = words(&format!("{name}.decode.bin.gz"));
        assert!(table.len() >= 2 << format.bits().min(8), "{name}");
        for pair in table.chunks_exact(2) {
            let (code, value) = (pair[0] as u16, f32::from_bits(pair[1]));
            assert!(same(format.decode(code), value), "{name}: {code:#x} is {} and not {value}", format.decode(code));
        }
    }
    for (code, value) in floats("e8m0.bin.gz").into_iter().enumerate() {
        assert!(same(decode_e8m0(code as u8), value), "{code}");
    }
}

#[test]
fn every_value_encodes_as_in_ml_dtypes() {
    for (name, format) in MINIFLOATS {
        let (coder, mut saturated) = (Coder::new(Numbers::Minifloat(format)), 0);
        let levels = (format.bits() <= 8).then(|| coder.levels(format.bits()));
        for pair in words(&format!("{name}.encode.bin.gz")).chunks_exact(2) {
            let (x, expected) = (f32::from_bits(pair[0]), pair[1] as u16);
            let code = format.convert(x);
            assert_eq!(code, expected, "{name}: {x:e}");
            // A quantizer saturates, and has no NaN.
            let quantized = match (x.is_nan(), format.decode(expected).is_finite()) {
                (true, _) => 0.0,
                (_, true) => format.decode(expected),
                _ => {
                    saturated += 1;
                    format.max().copysign(x)
                }
            };
            assert!(same(format.decode(coder.encode(x, Rounding::Nearest)), quantized), "{name}: {x:e}");
            assert!(same(coder.round(x, Rounding::Nearest), quantized), "{name}: {x:e}");
            if let Some(levels) = &levels {
                assert!(same(levels.decode(levels.encode(x, Rounding::Nearest)), quantized), "{name} by its table: {x:e}");
            }
        }
        assert_eq!(saturated > 0, format.ending() != Ending::Finite, "{name}");
    }
}

#[test]
fn tables_are_those_of_the_papers() {
    let index = index();
    let list = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<f64>>();
    let expected: Vec<f32> = list(&index["nf4"]).into_iter().map(|x| x as f32).collect();
    assert_eq!(Levels::nf4().values(), expected);
    for bits in 2..=8u8 {
        let positive = list(&index["apot"][bits.to_string()]);
        let mut expected: Vec<f64> = positive.iter().map(|x| -x).chain(positive.iter().copied().skip(1)).collect();
        expected.sort_by(f64::total_cmp);
        let levels = Levels::additive_powers_of_two(bits);
        let found: Vec<f64> = levels.ascending().map(|x| f64::from(x) / f64::from(levels.max())).collect();
        assert_eq!((found.len(), levels.values().len()), ((1 << bits) - 1, 1 << bits));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{bits} bits: {found:?}");

        // Miyashita et al. have a formula and no table: 0, 1, 1/2, 1/4 ...
        let levels = Levels::powers_of_two(bits);
        let found: Vec<f32> = levels.ascending().collect();
        let half = (1usize << (bits - 1)) - 1;
        assert_eq!((found.len(), found[half], found[2 * half]), (2 * half + 1, 0.0, 1.0));
        assert!((1..=half).all(|i| found[half - i] == -found[half + i] && (i == 1 || found[half + i] == 2.0 * found[half + i - 1])));
    }
}

#[test]
fn blocks_are_those_of_the_specifications() {
    let shape = &index()["blocks"];
    let columns = shape[1].as_u64().unwrap() as usize;
    let x = floats("blocks.x.bin.gz");
    let mx = |format| FakeQuant::Mx(Numbers::Minifloat(format));
    for (name, fake) in [
        ("mx-e4m3", mx(Minifloat::E4M3)),
        ("mx-e5m2", mx(Minifloat::E5M2)),
        ("mx-e3m2", mx(Minifloat::E3M2)),
        ("mx-e2m3", mx(Minifloat::E2M3)),
        ("mx-e2m1", mx(Minifloat::E2M1)),
        ("mxint8", FakeQuant::Mx(Numbers::MXINT8)),
        ("nvfp4", FakeQuant::Nvfp4(None)),
    ] {
        let mut found = x.clone();
        fake.prepare().apply(&mut found, columns);
        let expected = floats(&format!("blocks.{name}.bin.gz"));
        assert_eq!(found, expected, "{name}");
        let tensor = tensor_nvfp4(magnitude(&x));
        let scale = |block: &[f32]| match fake {
            FakeQuant::Mx(numbers) => block_e8m0(magnitude(block), max_exponent(numbers)),
            _ => block_nvfp4(magnitude(block), tensor).0,
        };
        let size = if name == "nvfp4" { 16 } else { 32 };
        let scales: Vec<u8> = x.chunks(columns).flat_map(|row| row.chunks(size)).map(scale).collect();
        assert_eq!(scales, bytes(&format!("blocks.{name}.scales.bin.gz")), "{name}");
    }
}
