//! The same recipe gives the same bytes, and the same bytes give the same logits: natively, in the browser, on every
//! backend.

use std::sync::Arc;

use bitdial_engine::{Cpu, Engine, Images};
use bitdial_kernels::Backend;
use bitdial_lab::{Model as Source, Quantized};
use bitdial_protocol::{BackendChoice, Normalize, Recipe};
use futures::FutureExt;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

struct Model {
    name: &'static str,
    onnx: &'static [u8],
    images: &'static [u8],
    labels: &'static [u8],
}

const DIGITS: Model = Model {
    name: "digits",
    onnx: include_bytes!("../../../models/digits.onnx"),
    images: include_bytes!("../../../assets/mnist/calib-images-idx3-ubyte.gz"),
    labels: include_bytes!("../../../assets/mnist/calib-labels-idx1-ubyte.gz"),
};

const MOBILENET: Model = Model {
    name: "fashion-mobilenet",
    onnx: include_bytes!("../../../models/fashion-mobilenet.onnx"),
    images: include_bytes!("../../../assets/fashion-mnist/calib-images-idx3-ubyte.gz"),
    labels: include_bytes!("../../../assets/fashion-mnist/calib-labels-idx1-ubyte.gz"),
};

const RESNET: Model = Model {
    name: "fashion-resnet",
    onnx: include_bytes!("../../../models/fashion-resnet.onnx"),
    images: MOBILENET.images,
    labels: MOBILENET.labels,
};

/// A recipe, and hashes of what it gives.
struct Case {
    model: &'static Model,
    recipe: &'static str,
    /// FNV-1a of the packed model.
    packed: u64,
    /// FNV-1a of the logits of [`COUNT`] images.
    logits: u64,
}

/// Images whose logits are compared.
const COUNT: usize = 8;

/// The hashes are what these tests print when they differ, natively. A change of `packed` means that the recipes of
/// before give other models now.
const CASES: [Case; 22] = [
    Case { model: &DIGITS, recipe: "{}", packed: 0xfee1_343b_2c9a_758f, logits: 0xd68d_8f35_489d_2072 },
    Case {
        model: &DIGITS,
        recipe: r#"{"weights":{"bits":4},"activations":{"bits":5,"symmetric":true},"calibration":{"samples":40,"seed":7}}"#,
        packed: 0x0445_cb69_1c46_74d6,
        logits: 0xa3e0_7b76_c0af_fbf3,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"bits":3,"symmetric":false}}"#,
        packed: 0x48d0_dcf0_cab5_84da,
        logits: 0xc2b2_8911_4830_96ec,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"bits":6,"granularity":"tensor"},"activations":{"mode":"dynamic"}}"#,
        packed: 0xcf30_0184_e26c_16b2,
        logits: 0x9b45_5d02_42b3_7cb1,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"weights":{"bits":8},"activations":{"bits":7}}"#,
        packed: 0xe96b_a09b_6564_3fd2,
        logits: 0x93c2_766a_e099_8068,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"weights":{"bits":2},"activations":null}"#,
        packed: 0x3506_1db7_66d1_bee8,
        logits: 0x7388_ffe0_4661_f0d1,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"weights":{"bits":1},"activations":{"bits":1}}"#,
        packed: 0x3215_645f_68e9_09a6,
        logits: 0x5c98_c02a_6d04_5f85,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"bits":1,"granularity":"tensor"},"activations":{"mode":"dynamic"}}"#,
        packed: 0x8f08_5b24_a6b8_c405,
        logits: 0xa70e_64d7_7b2c_154e,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"weights":{"bits":4,"granularity":"group"}}"#,
        packed: 0x5fcf_ca81_a077_e2ee,
        logits: 0x9397_683e_0fec_1904,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"bits":3,"granularity":"group","group":16,"symmetric":false},"activations":{"mode":"dynamic"}}"#,
        packed: 0x7d9e_f8bc_c473_3d6c,
        logits: 0x8a0d_fa7b_6193_2bd0,
    },
    Case {
        model: &DIGITS,
        recipe: r#"{"weights":{"bits":1,"granularity":"group","group":64},"activations":null}"#,
        packed: 0xc4ea_f6ff_e60c_bfc7,
        logits: 0x7467_ce63_01a3_1e1f,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"format":"codebook","bits":4}}"#,
        packed: 0xfbc4_f516_1608_9489,
        logits: 0x5d02_27c7_6898_4f8a,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"weights":{"format":"mxfp4"},"activations":null}"#,
        packed: 0x882d_a20d_c0c3_095c,
        logits: 0xec90_ddf1_827c_5a02,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"format":"nvfp4"},"activations":{"format":"e4m3"}}"#,
        packed: 0x17e8_b072_374f_b688,
        logits: 0x4bc2_f5fb_efbb_c196,
    },
    Case {
        model: &DIGITS,
        recipe: r#"{"weights":{"format":"apot","bits":5,"granularity":"tensor","range":"mse"}}"#,
        packed: 0xfcc1_f17d_a0be_f398,
        logits: 0x488a_a01d_2481_ec7a,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"bits":3,"rounding":"stochastic","range":"lp"},"calibration":{"method":"entropy","seed":5}}"#,
        packed: 0x1526_3494_3e78_0422,
        logits: 0xc746_66eb_634f_cf85,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"format":"minifloat","exponent":2,"bits":6},"activations":{"format":"mxfp6-e2m3"}}"#,
        packed: 0xffd8_7c84_e2a0_48a5,
        logits: 0x0a6e_f90b_d455_1cd4,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"activations":{"bits":6,"mode":"dynamic","granularity":"row"}}"#,
        packed: 0x7cff_2aa9_88da_0427,
        logits: 0xf086_22b2_5af5_cb5d,
    },
    Case {
        model: &MOBILENET,
        recipe: r#"{"weights":{"bits":5,"granularity":"tensor"},"corrections":["cle","bias"],"calibration":{"samples":64}}"#,
        packed: 0xb82b_e8d1_0474_dce0,
        logits: 0x21f3_aeb8_6827_38e8,
    },
    Case {
        model: &RESNET,
        recipe: r#"{"weights":{"bits":3},"corrections":["smooth","gptq","bn"],"calibration":{"samples":32,"method":"percentile-99.99"}}"#,
        packed: 0x3db0_3e1a_34a2_9568,
        logits: 0x0e7c_b0f7_24e8_27cb,
    },
    Case {
        model: &DIGITS,
        recipe: r#"{"weights":{"bits":2},"corrections":["adaround"],"calibration":{"samples":16}}"#,
        packed: 0xa90f_340f_cc84_68d4,
        logits: 0x9d15_f372_d86c_813c,
    },
    Case {
        model: &DIGITS,
        recipe: r#"{"weights":{"format":"ternary"},"accumulator":{"bits":12}}"#,
        packed: 0x026a_4c21_d8c5_14f0,
        logits: 0x3a60_9620_42c5_9f72,
    },
];

/// Fowler, Noll and Vo's hash, 64 bits, 1a.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn images(model: &Model) -> Arc<Images> {
    Arc::new(Images::from_idx(model.images, model.labels, Normalize { mean: 0.0, std: 255.0 }).unwrap())
}

fn quantize(model: &Model, recipe: &str, backend: Backend) -> (Source, Quantized) {
    let source = Source::load(model.onnx, backend).unwrap();
    let quantized = source.quantizer(&Recipe::from_json(recipe).unwrap(), Some(images(model))).unwrap().finish().unwrap();
    (source, quantized)
}

/// Computes one hash of each case on each backend and compares it with the committed one.
fn check(expected: fn(&Case) -> u64, compute: fn(&Case, Backend) -> u64) {
    let mut differing = Vec::new();
    for case in &CASES {
        for backend in Backend::available() {
            let found = compute(case, backend);
            if found != expected(case) {
                differing.push(format!("{} {} {backend:?}: {found:#018x}", case.model.name, case.recipe));
            }
        }
    }
    assert!(differing.is_empty(), "other bytes than committed:\n{}", differing.join("\n"));
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn the_same_recipe_gives_the_same_bytes() {
    check(|case| case.packed, |case, backend| fnv1a(&quantize(case.model, case.recipe, backend).1.packed()));
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn the_same_bytes_give_the_same_logits() {
    check(
        |case| case.logits,
        |case, backend| {
            let inputs = images(case.model).inputs(100..100 + COUNT).unwrap();
            let (source, quantized) = quantize(case.model, case.recipe, backend);
            let choice = match backend {
                Backend::Scalar => BackendChoice::Scalar,
                Backend::Simd128 => BackendChoice::Simd128,
                Backend::RelaxedSimd => BackendChoice::RelaxedSimd,
            };
            let logits = async {
                let model = Engine::<Cpu>::new(choice).await.unwrap().load(&source.packed()).await.unwrap();
                let mut adopted = model.adopt(&quantized.packed()).await.unwrap();
                adopted.runner().run(&inputs, COUNT).await.unwrap()[0].clone()
            };
            // The processor never waits.
            let logits = logits.now_or_never().unwrap();
            fnv1a(&logits.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
        },
    );
}
