//! Lab and runner on the real models: what they say about them, what quantization does to them.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitdial_engine::{Engine, EngineError, Images, Model, Prediction, Profiling, Quantized, Race};
use bitdial_kernels::Backend;
use bitdial_lab::LabError;
use bitdial_protocol::{
    ActivationMode, BackendChoice, Bandwidth, Bits, Execution, Format, Granularity, LayerTime, Normalize, Recipe, Rooflines,
};
use futures::FutureExt;

const UNIT: Normalize = Normalize { mean: 0.0, std: 255.0 };

fn file(path: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn images(set: &str, part: &str) -> Arc<Images> {
    let read = |kind| file(&format!("assets/{set}/{part}-{kind}-ubyte.gz"));
    Arc::new(Images::from_idx(&read("images-idx3"), &read("labels-idx1"), UNIT).unwrap())
}

fn source(name: &str) -> bitdial_lab::Model {
    bitdial_lab::Model::load(&file(&format!("models/{name}.onnx")), Backend::best()).unwrap()
}

fn load(source: &bitdial_lab::Model) -> Model {
    ready(engine(BackendChoice::Auto).load(&source.packed())).unwrap()
}

fn engine(choice: BackendChoice) -> Engine {
    ready(Engine::new(choice)).unwrap()
}

/// The processor never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

fn recipe(bits: u8) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.weights.bits = Bits::new(bits).unwrap();
    recipe
}

fn make(source: &bitdial_lab::Model, recipe: &Recipe, images: &Arc<Images>) -> bitdial_lab::Quantized {
    source.quantizer(recipe, Some(Arc::clone(images))).unwrap().finish().unwrap()
}

fn quantize(source: &bitdial_lab::Model, recipe: &Recipe, images: &Arc<Images>) -> Quantized {
    ready(load(source).adopt(&make(source, recipe, images).packed())).unwrap()
}

fn correct(predictions: &[Prediction], labels: &[u16]) -> usize {
    predictions.iter().zip(labels).filter(|(p, label)| p.class == **label).count()
}

#[test]
fn models_are_described() {
    // Fewer parameters than on the cards: of a BatchNorm's two per channel, folding leaves the bias.
    for (name, parameters, macs, input, classes) in [
        ("digits", 35_514, 2_823_040, [1, 28, 28], 10),
        ("fashion-resnet", 77_418, 9_345_920, [1, 28, 28], 10),
        ("fashion-mobilenet", 62_586, 6_326_912, [1, 28, 28], 10),
        ("efficientnet-lite0", 4_631_000, 385_187_552, [3, 224, 224], 1000),
    ] {
        let model = load(&source(name));
        let info = model.info();
        let [first] = &info.inputs[..] else { panic!("{name} has {} inputs", info.inputs.len()) };
        assert_eq!(first.shape, [None, Some(input[0]), Some(input[1]), Some(input[2])], "{name}");
        assert_eq!(info.outputs[0].shape, [None, Some(classes)], "{name}");
        println!("{name}: {} parameters, {} MACs, {} layers, {} bytes", info.parameters, info.macs, info.layers.len(), info.size);
        assert_eq!(info.parameters, parameters, "{name}");
        assert_eq!(info.macs, macs, "{name}");
        assert!(info.size >= 4 * info.parameters && info.size < 4 * info.parameters + 50_000, "{name}: {} bytes", info.size);
        assert!(info.energy.compute > 0.0 && info.energy.memory > 0.0, "{name}");
        let mut names: Vec<&str> = info.layers.iter().map(|layer| layer.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), info.layers.len(), "{name}: layer names are not unique");
    }
}

#[test]
fn fewer_bits_are_smaller_and_cost_less_energy() {
    let source = source("fashion-mobilenet");
    let model = load(&source);
    let calibration = images("fashion-mnist", "calib");
    let mut last = (model.info().size, model.info().energy.total());
    for bits in (1..=8).rev() {
        let made = make(&source, &recipe(bits), &calibration);
        let quantized = ready(model.adopt(&made.packed())).unwrap();
        let info = quantized.info();
        assert!(info.size < last.0 && info.energy.total() < last.1, "{bits} bits: {} bytes, {:?}", info.size, info.energy);
        assert_eq!(info.size, made.packed().len());
        assert_eq!(info.layers.len(), model.info().layers.len());
        for (layer, made) in info.layers.iter().zip(&made.making().layers) {
            if let Some(found) = layer.weight_bits {
                assert_eq!((found, layer.execution), (bits, Execution::Integer), "{}", layer.name);
                assert!(made.weight_sqnr.is_some_and(|db| db > 0.0) && layer.bytes > 0, "{layer:?}");
            }
        }
        assert!(made.making().layers.iter().any(|layer| layer.activation_bits == Some(8)));
        last = (info.size, info.energy.total());
    }
}

#[test]
fn eight_bits_classify_like_f32_and_two_do_not() {
    let test = images("mnist", "first");
    let source = source("digits");
    let mut model = load(&source);
    let calibration = images("mnist", "calib");
    let count = 500;
    let labels = &test.labels()[..count];
    let f32 = ready(model.runner().evaluate(&test, 0, count)).unwrap();
    assert!(correct(&f32, labels) >= 490, "{} of {count}", correct(&f32, labels));

    let mut eight = quantize(&source, &recipe(8), &calibration);
    let all = ready(eight.runner().evaluate(&test, 0, count)).unwrap();
    assert!(correct(&all, labels).abs_diff(correct(&f32, labels)) <= 3, "{} of {count}", correct(&all, labels));
    assert!(all.iter().all(|p| (0.1..=1.0).contains(&p.confidence)));
    // However it is cut.
    let parts = [0..1, 1..40, 40..500].map(|r| ready(eight.runner().evaluate(&test, r.start, r.len())).unwrap()).concat();
    assert_eq!(parts, all);

    let mut coarse = recipe(2);
    coarse.weights.granularity = Granularity::Tensor;
    coarse.activations.as_mut().unwrap().bits = Bits::MIN;
    let mut two = quantize(&source, &coarse, &calibration);
    let found = correct(&ready(two.runner().evaluate(&test, 0, count)).unwrap(), labels);
    assert!(found < correct(&all, labels) - 20, "{found} of {count}");
}

#[test]
fn every_mode_runs_and_says_how() {
    let calibration = images("fashion-mnist", "calib");
    let source = source("fashion-resnet");
    let mut dynamic = recipe(4);
    dynamic.activations.as_mut().unwrap().mode = ActivationMode::Dynamic;
    let weight_only = Recipe { activations: None, ..recipe(4) };
    for (recipe, execution, calibrated) in
        [(recipe(4), Execution::Integer, true), (dynamic, Execution::DynamicInteger, false), (weight_only, Execution::WeightOnly, false)]
    {
        let without = source.quantizer(&recipe, None);
        assert_eq!(matches!(without, Err(LabError::NoCalibration)), calibrated);
        let mut quantized = quantize(&source, &recipe, &calibration);
        for layer in quantized.info().layers.iter().filter(|layer| layer.weight_bits.is_some()) {
            assert_eq!(layer.execution, execution, "{}", layer.name);
        }
        let found = correct(&ready(quantized.runner().evaluate(&calibration, 0, 100)).unwrap(), &calibration.labels()[..100]);
        assert!(found >= 80, "{execution:?}: {found} of 100");
    }
}

#[test]
fn a_layer_opens() {
    let source = source("fashion-mobilenet");
    let model = load(&source);
    let quantized = make(&source, &recipe(3), &images("fashion-mnist", "calib"));
    let depthwise = model.info().layers.iter().find(|layer| layer.op.starts_with("Depthwise")).unwrap();
    let detail = quantized.layer_detail(&depthwise.name).unwrap();
    assert_eq!(detail.grid.len(), 8);
    assert!(detail.grid.is_sorted() && detail.scales == depthwise.output[0], "{detail:?}");
    assert!(detail.grid_channel.is_some() && detail.range_ratio > 1.0, "{detail:?}");
    assert_eq!(detail.weights.counts.iter().sum::<u32>() as usize, depthwise.parameters - depthwise.output[0]);
    let error = quantized.layer_detail("nowhere").unwrap_err().to_string();
    assert_eq!(error, "the model has no layer 'nowhere' with weights");
}

#[test]
fn a_quantized_model_leaves_as_onnx_and_says_how_it_was_made() {
    let calibration = images("mnist", "calib");
    let onnx = make(&source("digits"), &recipe(4), &calibration).onnx().unwrap();
    let text = String::from_utf8_lossy(&onnx);
    assert!(text.contains("bitdial.recipe") && text.contains(r#""bits":4"#) && text.contains("QuantizeLinear"));
    let mut odd = recipe(8);
    odd.activations.as_mut().unwrap().format = Format::E4m3;
    let error = make(&source("digits"), &odd, &calibration).onnx().unwrap_err().to_string();
    assert!(error.contains("ONNX"), "{error}");
}

#[test]
fn backends_are_compared_image_by_image() {
    let calibration = images("mnist", "calib");
    let quantized = quantize(&source("digits"), &recipe(5), &calibration);
    let mut verification = ready(quantized.verification(Arc::clone(&calibration), 3)).unwrap();
    for done in 1..=3 {
        assert_eq!(ready(verification.step()).unwrap().done, done);
    }
    assert!(verification.progress().is_done());
    let others = engine(BackendChoice::Auto).capabilities().backends.len() - 1;
    let checks = verification.finish();
    assert_eq!(checks.len(), others);
    assert!(checks.iter().all(|check| check.agrees() && check.values > 3 * 784 && (check.images, check.agreeing) == (3, 3)), "{checks:?}");
    let error = ready(quantized.verification(Arc::new(Images::from_pixels(vec![0; 4], 1, [2, 2, 1], UNIT).unwrap()), 1)).unwrap_err();
    assert_eq!(error.to_string(), "the model takes inputs of 1x28x28 (NCHW without the batch), and the images are 1x2x2");
}

#[test]
fn calibration_goes_in_steps_can_be_given_up_and_is_remembered() {
    let model = source("digits");
    let calibration = images("mnist", "calib");
    let start = |recipe: &Recipe| model.quantizer(recipe, Some(Arc::clone(&calibration))).unwrap();

    let now = || 0.0;
    let mut given_up = start(&recipe(8));
    given_up.step(10, &now).unwrap();
    assert_eq!((given_up.stage(), given_up.progress().done, given_up.progress().total), ("calibrating", 10, 256));
    drop(given_up);

    let mut quantizer = start(&recipe(8));
    assert_eq!((quantizer.stage(), quantizer.progress().done), ("calibrating", 0), "nothing is left of what was given up");
    while !quantizer.is_done() {
        quantizer.step(100, &now).unwrap();
    }
    let in_steps = quantizer.finish().unwrap().packed();

    let mut other = recipe(8);
    other.calibration.seed = 1;
    assert_eq!(start(&other).stage(), "calibrating", "other images");
    let again = start(&recipe(8));
    assert_eq!(again.stage(), "quantizing", "known ranges");
    assert_eq!(again.finish().unwrap().packed(), in_steps);
    // And as a whole, in a model that remembers nothing.
    assert_eq!(make(&source("digits"), &recipe(8), &calibration).packed(), in_steps);
}

#[test]
fn calibration_inputs_can_be_the_callers() {
    let model = source("digits");
    let calibration = images("mnist", "calib");
    let inputs = calibration.inputs(0..512).unwrap();
    // More than there are, some, others, one: as from a set.
    for (samples, seed, looked_at) in [(600, 0, 512), (100, 0, 100), (100, 9, 100), (0, 3, 1)] {
        let mut recipe = recipe(4);
        (recipe.calibration.samples, recipe.calibration.seed) = (samples, seed);
        let expected = make(&source("digits"), &recipe, &calibration).packed();
        let mut quantizer = source("digits").quantizer_with(&recipe, inputs.clone()).unwrap();
        quantizer.step(1, &|| 0.0).unwrap();
        assert_eq!(quantizer.progress().total, looked_at, "{samples} samples");
        assert_eq!(quantizer.finish().unwrap().packed(), expected, "{samples} samples, seed {seed}");
    }
    model.quantizer_with(&recipe(4), inputs.clone()).unwrap().finish().unwrap();
    assert_eq!(model.quantizer_with(&recipe(8), inputs.clone()).unwrap().stage(), "quantizing", "known ranges");
    for (len, reason) in [(0, "give at least one"), (100, "784 numbers each; 100 numbers came")] {
        let error = model.quantizer_with(&recipe(4), inputs[..len].to_vec()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn runs_and_images_that_do_not_fit_are_refused() {
    let mut model = load(&source("digits"));
    let large = Images::from_pixels(vec![0; 64], 1, [8, 8, 1], UNIT).unwrap();
    let small = images("mnist", "first");
    for (error, reason) in [
        (ready(model.runner().run(&[0.0; 784], 2)).unwrap_err(), "784"),
        (ready(model.runner().run(&[], 0)).unwrap_err(), "at least one input"),
        (ready(model.runner().run(&[0.0; 784], usize::MAX)).unwrap_err(), "784"),
        (ready(model.runner().evaluate(&large, 0, 1)).unwrap_err(), "the images are 1x8x8"),
        (ready(model.runner().evaluate(&small, 999, 2)).unwrap_err(), "there is no image 1000"),
        (ready(model.runner().evaluate(&small, 1, usize::MAX)).unwrap_err(), "there is no image"),
    ] {
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(ready(model.runner().evaluate(&small, 1000, 0)).unwrap(), []);
}

#[test]
fn files_that_are_no_model_are_refused() {
    let whole = file("models/digits.onnx");
    for bytes in [&b""[..], b"not a model", &whole[..whole.len() / 2]] {
        assert!(!bitdial_lab::Model::load(bytes, Backend::best()).unwrap_err().to_string().is_empty());
        assert!(!ready(engine(BackendChoice::Scalar).load(bytes)).unwrap_err().to_string().is_empty());
    }
}

#[test]
fn times_and_profiles() {
    // A clock that moves by itself: what is tested is who is timed, not how fast this machine is.
    let ticks = Cell::new(0.0);
    let now = || {
        ticks.set(ticks.get() + 1.0);
        ticks.get()
    };
    let source = source("digits");
    let mut model = load(&source);
    let mut recipe = recipe(8);
    recipe.weights.granularity = Granularity::Group;
    let mut quantized = quantize(&source, &recipe, &images("mnist", "calib"));
    let mut profiling = Profiling::new(quantized.runner(), 4).unwrap();
    while !ready(profiling.step(quantized.runner(), &now)).unwrap().is_done() {}
    let memory = [1 << 14, 1 << 24].map(|bytes| Bandwidth { bytes, read: 20.0, copy: 10.0 });
    let rooflines = Rooflines { dot: 100.0, float: 25.0, bits: 400.0, memory: memory.to_vec() };
    let profile = profiling.finish(quantized.runner(), Some(&rooflines));
    assert_eq!(profile.total.runs, 4);
    let names = |layers: &mut dyn Iterator<Item = &str>| layers.map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&mut profile.layers.iter().map(|l| l.name.as_str())), names(&mut model.info().layers.iter().map(|l| l.name.as_str())));
    let timed = |layer: &LayerTime| layer.ms >= 1.0 || layer.kernel == "view" && layer.ms == 0.0;
    assert!(profile.layers.iter().all(|layer| timed(layer) && !layer.kernel.is_empty()), "{profile:?}");
    // All that multiplies has parts: the first layer, which has one scale per channel, and those with scales in groups.
    assert!(profile.layers.iter().any(|layer| layer.kernel.contains("groups")), "{profile:?}");
    for layer in &profile.layers {
        assert_eq!(layer.phases.is_some(), layer.macs > 0, "{layer:?}");
        let sum = layer.phases.map_or(layer.ms, |parts| parts.unpack + parts.moving + parts.multiply + parts.requantize);
        assert!((sum - layer.ms).abs() < 1e-9, "{layer:?}");
    }
    // 784 bytes in, 16 times as many out, and the weights.
    let conv = profile.layers.iter().find(|layer| layer.op.starts_with("Conv")).unwrap();
    assert!((17 * 784 + 144..17 * 784 + 1024).contains(&conv.bytes), "{conv:?}");
    assert_eq!(conv.limit, Some(rooflines.limit(conv.macs, 100.0, conv.bytes)));
    assert_eq!(profile.layers.iter().map(|layer| layer.macs).sum::<u64>(), model.info().macs);

    let mut race = Race::new(2, 3);
    let input = vec![0.0; 784];
    let mut run = async |i: usize, times: u32| {
        let runner = if i == 0 { model.runner() } else { quantized.runner() };
        for _ in 0..times {
            runner.run(&input, 1).await?;
        }
        Ok::<_, EngineError>(None)
    };
    while !ready(race.step(&mut run, &now)).unwrap().is_done() {}
    assert_eq!(race.finish().iter().map(|t| t.runs).collect::<Vec<_>>(), [3, 3]);
}
