//! The message loop in a real dedicated worker: messages go through a channel of the browser, as between a page and
//! its worker.
#![cfg(target_arch = "wasm32")]

mod client;

use bitdial_engine::Cpu;
use bitdial_protocol::{
    Accumulator, BackendChoice, Bits, Execution, FromWorker, Granularity, ImagesHandle, LabRequest, LabResponse, LayerTime, ModelHandle,
    Normalize, Overflow, QuantizedHandle, Recipe, Request, Response, Target, ToWorker,
};
use bitdial_worker::Lab;
use client::{Client, Outcome, bytes, floats};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// On the processor.
type Runner = bitdial_worker::Runner<Cpu>;

const DIGITS: &[u8] = include_bytes!("../../../models/digits.onnx");
const IMAGES: &[u8] = include_bytes!("../../../assets/mnist/first-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../../assets/mnist/first-labels-idx1-ubyte.gz");
const UNIT: Normalize = Normalize { mean: 0.0, std: 255.0 };

/// A lab with the digits model and the images to calibrate with; the model packed.
async fn lab() -> (Client<Lab>, ModelHandle, ImagesHandle, Vec<u8>) {
    let lab = Client::start();
    let (LabResponse::Loaded { model }, packed) = lab.ask(LabRequest::Load {}, &[DIGITS]).await else { panic!("no model") };
    let add = LabRequest::AddIdx { normalize: UNIT };
    let (LabResponse::Images { images, count: 1000 }, _) = lab.ask(add, &[IMAGES, LABELS]).await else { panic!("no images") };
    (lab, model, images, bytes(&packed[0]))
}

/// The digits model quantized, packed.
async fn packed(recipe: Recipe) -> Vec<u8> {
    let (lab, model, images, _) = lab().await;
    let request = LabRequest::Quantize { model, recipe, calibration: Some(images) };
    let (LabResponse::Quantized { .. }, packed) = lab.ask(request, &[]).await else { panic!("not quantized") };
    bytes(&packed[0])
}

/// A runner with the digits model and its first test images.
async fn ready() -> (Client<Runner>, ModelHandle, ImagesHandle) {
    let (_, _, _, packed) = lab().await;
    let client = Client::start();
    client.ask(Request::Start { backend: BackendChoice::Auto }, &[]).await;
    let (Response::Loaded { model, .. }, _) = client.ask(Request::Load {}, &[&packed]).await else { panic!("no model") };
    let add = Request::AddIdx { normalize: UNIT };
    let (Response::Images { images, .. }, _) = client.ask(add, &[IMAGES, LABELS]).await else { panic!("no images") };
    (client, model, images)
}

fn recipe(bits: u8) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.weights.bits = Bits::new(bits).unwrap();
    recipe
}

async fn adopt(client: &Client<Runner>, model: ModelHandle, recipe: Recipe) -> QuantizedHandle {
    let packed = packed(recipe).await;
    let (Response::Quantized { quantized, .. }, _) = client.ask(Request::Adopt { model }, &[&packed]).await else { panic!("not adopted") };
    quantized
}

#[wasm_bindgen_test]
async fn tuning_changes_kernels_and_not_integers() {
    let (client, model, images) = ready().await;
    let (Response::Pixels { .. }, pixels) = client.ask(Request::Pixels { images, indices: vec![3] }, &[]).await else {
        panic!("no pixels")
    };
    let input: Vec<f32> = bytes(&pixels[0]).iter().map(|&p| f32::from(p) / 255.0).collect();
    let target = Target::Quantized(adopt(&client, model, recipe(4)).await);
    let run = async || floats(&client.ask_with_floats(Request::Run { target, batch: 1 }, &input).await.1[0]);
    let before = run().await;
    assert_eq!(client.ask(Request::Tune { target }, &[]).await.0, Response::Done {});
    assert_eq!(run().await, before);
    for target in [target, Target::F32(model)] {
        let (Response::Profiled { profile }, _) = client.ask(Request::Profile { target, runs: 1 }, &[]).await else { panic!("no profile") };
        for layer in profile.layers {
            let kernel = layer.kernel.split('+').next().unwrap();
            let fastest = layer.alternatives.iter().map(|other| other.ms).fold(f64::INFINITY, f64::min);
            let its = layer.alternatives.iter().find(|other| other.kernel == kernel).map_or(fastest, |its| its.ms);
            assert!(fastest > 0.0 && 0.9 * its <= fastest && layer.alternatives.len() != 1, "{layer:?}");
        }
    }
}

#[wasm_bindgen_test]
async fn every_request_has_its_answer() {
    let (_, _, _, float) = lab().await;
    let client = Client::<Runner>::start();
    assert_eq!(client.next().await.0, FromWorker::Listening {});

    let (Response::Ready { capabilities }, _) = client.ask(Request::Start { backend: BackendChoice::Scalar }, &[]).await else {
        panic!("not ready")
    };
    assert_eq!(capabilities.backend, "scalar");
    assert!(capabilities.backends.len() >= 2, "{capabilities:?}");
    assert_eq!(capabilities.dot.is_some(), capabilities.build == "relaxed-simd", "{capabilities:?}");

    let (Response::Loaded { model, info }, _) = client.ask(Request::Load {}, &[&float]).await else { panic!("no model") };
    assert_eq!(info.inputs[0].shape, [None, Some(1), Some(28), Some(28)]);
    assert_eq!(info.macs, 2_823_040);

    let add = Request::AddIdx { normalize: UNIT };
    let (Response::Images { images, count, labels, shape }, _) = client.ask(add, &[IMAGES, LABELS]).await else { panic!("no images") };
    assert_eq!((count, labels.len(), shape), (1000, 1000, [28, 28, 1]));

    let four = packed(recipe(4)).await;
    let (Response::Quantized { quantized, info }, _) = client.ask(Request::Adopt { model }, &[&four]).await else { panic!("not adopted") };
    assert!(
        info.size == four.len() && info.size < 30_000 && info.layers.iter().any(|layer| layer.execution == Execution::Integer),
        "{info:?}"
    );

    let target = Target::Quantized(quantized);
    let request = Request::Evaluate { target, images, first: 100, count: 300 };
    let (Response::Evaluated { first, top1, confidence, .. }, _) = client.ask(request, &[]).await else { panic!("not evaluated") };
    assert_eq!((first, top1.len(), confidence.len()), (100, 300, 300));
    let correct = top1.iter().zip(&labels[100..]).filter(|(a, b)| a == b).count();
    assert!(correct > 285, "{correct} of 300");

    let (Response::Pixels { shape }, pixels) = client.ask(Request::Pixels { images, indices: vec![7, 3] }, &[]).await else {
        panic!("no pixels")
    };
    let pixels = bytes(&pixels[0]);
    assert_eq!((shape, pixels.len()), ([28, 28, 1], 2 * 784));

    let input: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    let request = Request::Run { target, batch: 2 };
    let (Response::Ran { shapes }, outputs) = client.ask_with_floats(request, &input).await else { panic!("did not run") };
    assert_eq!(shapes, [[2, 10]]);
    let logits = floats(&outputs[0]);
    assert_eq!(logits.len(), 20);

    let request = Request::Time { targets: vec![Target::F32(model), target], images: Some(images), runs: 3 };
    let (Response::Timed { timings }, _) = client.ask(request, &[]).await else { panic!("not timed") };
    assert!(timings.len() == 2 && timings.iter().all(|t| t.runs == 3 && t.median > 0.0 && t.p10 <= t.p90), "{timings:?}");

    let (Response::Profiled { profile }, _) = client.ask(Request::Profile { target, runs: 2 }, &[]).await else { panic!("no profile") };
    assert_eq!(profile.layers.len(), info.layers.len());
    assert!(profile.total.median > 0.0 && profile.rooflines.is_some(), "{profile:?}");
    assert!(profile.layers.iter().all(|layer| layer.ms > 0.0 || layer.kernel == "view"), "{profile:?}");
    let known = |layer: &LayerTime| layer.ms == 0.0 || layer.bytes > 0 && layer.limit.is_some_and(|limit| limit > 0.0);
    assert!(profile.layers.iter().all(known), "{profile:?}");
    let mut by_group = recipe(4);
    by_group.weights.granularity = Granularity::Group;
    let by_group = adopt(&client, model, by_group).await;
    let request = Request::Profile { target: Target::Quantized(by_group), runs: 2 };
    let (Response::Profiled { profile: in_groups }, _) = client.ask(request, &[]).await else { panic!("no profile") };
    assert!(in_groups.layers.iter().any(|layer| layer.kernel.contains("groups")), "{in_groups:?}");
    for layer in profile.layers.iter().chain(&in_groups.layers).filter(|layer| layer.macs > 0) {
        let parts = layer.phases.expect("it is a convolution or linear layer");
        let sum = parts.unpack + parts.moving + parts.multiply + parts.requantize;
        // On a busy machine a part may seem to take all of the time.
        assert!((sum - layer.ms).abs() < 1e-9 && parts.multiply >= 0.0, "{layer:?}");
    }
    let (Response::Rooflines { rooflines }, _) = client.ask(Request::Rooflines {}, &[]).await else { panic!("no rooflines") };
    assert_eq!(rooflines, profile.rooflines);

    let (Response::Verified { checks }, _) = client.ask(Request::Verify { quantized, images, count: 2 }, &[]).await else {
        panic!("not verified")
    };
    assert_eq!(checks.len(), capabilities.backends.len() - 1);
    assert!(checks.iter().all(|check| check.agrees() && check.values > 0), "{checks:?}");

    let other = adopt(&client, model, recipe(4)).await;
    for request in [Request::DisposeQuantized { quantized: other }, Request::DisposeImages { images }, Request::DisposeModel { model }] {
        assert_eq!(client.ask(request, &[]).await.0, Response::Done {});
    }
    // It went with its model.
    let message = client.refusal(Request::Profile { target, runs: 1 }, &[]).await;
    assert!(message.contains("quantized model is not here"), "{message}");
}

#[wasm_bindgen_test]
async fn overflows_are_those_of_the_images_asked_for() {
    let (client, model, images) = ready().await;
    let mut narrow = recipe(8);
    narrow.accumulator = Some(Accumulator::new(14, Overflow::Wrap).unwrap());
    let target = Target::Quantized(adopt(&client, model, narrow).await);
    let count = async |target, first, count| {
        let request = Request::Evaluate { target, images, first, count };
        let (Response::Evaluated { overflows, .. }, _) = client.ask(request, &[]).await else { panic!("not evaluated") };
        overflows
    };
    let all = count(target, 0, 20).await;
    assert!(all.iter().any(|layer| layer.overflows > 0) && all.iter().all(|layer| layer.overflows < layer.additions), "{all:?}");
    // Timing counts nothing, and parts add up to the whole.
    client.ask(Request::Time { targets: vec![target], images: Some(images), runs: 3 }, &[]).await;
    let parts = (count(target, 0, 8).await, count(target, 8, 12).await);
    for (whole, (a, b)) in all.iter().zip(parts.0.iter().zip(&parts.1)) {
        assert_eq!((&*whole.name, whole.additions, whole.overflows), (&*a.name, a.additions + b.additions, a.overflows + b.overflows));
    }
    let wide = Target::Quantized(adopt(&client, model, recipe(8)).await);
    assert_eq!(count(wide, 0, 2).await, []);
}

#[wasm_bindgen_test]
async fn pixels_can_be_the_pages() {
    let (client, model, _) = ready().await;
    let request = Request::AddPixels { count: 2, height: 28, width: 28, channels: 1, normalize: UNIT };
    let (Response::Images { images, count, labels, .. }, _) = client.ask(request, &[&[9; 2 * 784]]).await else { panic!("no images") };
    assert_eq!((count, labels.len()), (2, 0));
    let request = Request::Evaluate { target: Target::F32(model), images, first: 0, count: 2 };
    let (Response::Evaluated { top1, .. }, _) = client.ask(request, &[]).await else { panic!("not evaluated") };
    assert_eq!(top1[0], top1[1]);
}

#[wasm_bindgen_test]
async fn answers_keep_the_order_of_requests() {
    let (client, model, images) = ready().await;
    let target = Target::F32(model);
    let long = client.send(Request::Evaluate { target, images, first: 0, count: 1000 }, &[]);
    let wrong = client.send(Request::Profile { target: Target::F32(ModelHandle(99)), runs: 1 }, &[]);
    let short = client.send(Request::Pixels { images, indices: vec![0] }, &[]);
    let mut answered = Vec::new();
    while answered.len() < 3 {
        if let FromWorker::Response { id, .. } | FromWorker::Failed { id, .. } = client.next().await.0 {
            answered.push(id);
        }
    }
    assert_eq!(answered, [long, wrong, short]);
}

#[wasm_bindgen_test]
async fn long_requests_report_and_can_be_cancelled() {
    let (client, model, images) = ready().await;
    let target = Target::F32(model);
    // More than a worker does in a slice: a race of a thousand runs.
    let long = || Request::Time { targets: vec![target], images: Some(images), runs: 1000 };

    let running = client.send(long(), &[]);
    let waiting = client.send(long(), &[]);
    let last = client.send(Request::Pixels { images, indices: vec![0] }, &[]);
    let (mut reports, mut answers) = (0, Vec::new());
    while answers.len() < 3 {
        match client.next().await.0 {
            FromWorker::Progress { id, done, total, .. } => {
                assert_eq!((id, total), (running, 1000));
                assert!(done < total);
                reports += 1;
                if reports == 2 {
                    client.post(&ToWorker::Cancel { id: waiting }, &[]);
                    client.post(&ToWorker::Cancel { id: running }, &[]);
                }
            }
            FromWorker::Response { id, body } => answers.push((id, Some(body))),
            FromWorker::Cancelled { id } => answers.push((id, None)),
            other => panic!("{other:?}"),
        }
    }
    // It may have reported once more before it heard.
    assert!((2..=4).contains(&reports), "{reports} reports");
    assert_eq!(answers[0], (running, None));
    assert_eq!(answers[1], (waiting, None));
    assert_eq!(answers[2], (last, Some(Response::Pixels { shape: [28, 28, 1] })));
}

#[wasm_bindgen_test]
async fn the_lab_makes_what_runners_take() {
    let (lab, model, images, float) = lab().await;
    assert!(float.len() > 140_000, "{} bytes", float.len());
    let request = LabRequest::Quantize { model, recipe: recipe(4), calibration: Some(images) };
    let (LabResponse::Quantized { quantized, making }, made) = lab.ask(request, &[]).await else { panic!("not quantized") };
    assert!(making.layers.iter().any(|layer| layer.activation_bits == Some(8) && layer.weight_sqnr.is_some()), "{making:?}");
    assert_eq!(bytes(&made[0]), packed(recipe(4)).await);
    for (layer, grid) in [("x", None), ("/0/0.0/Conv", Some(16))] {
        let request = LabRequest::Layer { quantized, layer: layer.into() };
        match lab.answer_to(lab.send(request, &[])).await {
            Outcome::Answered(LabResponse::Layer { detail }, _) => assert_eq!(Some(detail.grid.len()), grid),
            other => assert!(grid.is_none() && matches!(&other, Outcome::Failed(message) if message.contains("no layer 'x'")), "{other:?}"),
        }
    }
    let request = LabRequest::QuantizeWith { model, recipe: recipe(4) };
    let (LabResponse::Quantized { quantized, .. }, _) = lab.ask_with_floats(request, &[0.5; 2 * 784]).await else {
        panic!("not quantized")
    };
    for request in [LabRequest::DisposeQuantized { quantized }, LabRequest::DisposeImages { images }, LabRequest::DisposeModel { model }] {
        assert_eq!(lab.ask(request, &[]).await.0, LabResponse::Done {});
    }
    for (request, buffers, expected) in [
        (LabRequest::Load {}, &[][..], "without the buffer of a model"),
        (LabRequest::Load {}, &[&DIGITS[..5000]][..], "not an ONNX model"),
        (LabRequest::AddIdx { normalize: UNIT }, &[IMAGES][..], "without the buffer of labels"),
        (LabRequest::AddIdx { normalize: UNIT }, &[LABELS, LABELS][..], "images file is not an IDX file"),
        (LabRequest::Quantize { model, recipe: recipe(4), calibration: None }, &[][..], "model is not here"),
        (LabRequest::DisposeModel { model }, &[][..], "model is not here"),
    ] {
        let message = lab.refusal(request.clone(), buffers).await;
        assert!(message.contains(expected), "{request:?}: {message}");
    }
}

#[wasm_bindgen_test]
async fn a_cancelled_quantization_leaves_nothing_behind() {
    let (lab, model, images, _) = lab().await;
    let mut all = recipe(4);
    all.calibration.samples = 1000;
    let id = lab.send(LabRequest::Quantize { model, recipe: all, calibration: Some(images) }, &[]);
    lab.post(&ToWorker::Cancel { id }, &[]);
    assert!(matches!(lab.answer_to(id).await, Outcome::Cancelled));
    // An id that was answered can no longer be cancelled.
    lab.post(&ToWorker::Cancel { id }, &[]);
    let message = lab.refusal(LabRequest::Quantize { model, recipe: recipe(4), calibration: None }, &[]).await;
    assert!(message.contains("give at least one"), "{message}");
    lab.ask(LabRequest::Quantize { model, recipe: recipe(4), calibration: Some(images) }, &[]).await;
}

#[wasm_bindgen_test]
async fn what_cannot_be_done_is_said_and_nothing_breaks() {
    let fresh = Client::<Runner>::start();
    assert_eq!(fresh.refusal(Request::Load {}, &[DIGITS]).await, "The engine was not started.");

    let (client, model, images) = ready().await;
    let quantized = adopt(&client, model, recipe(4)).await;
    let f32 = Target::F32(model);
    let wrong = Target::Quantized(QuantizedHandle(999));
    for (request, buffers, expected) in [
        (Request::Load {}, &[][..], "without the buffer of a model"),
        (Request::Load {}, &[DIGITS][..], "not a packed model"),
        (Request::Adopt { model }, &[][..], "without the buffer of a quantized model"),
        (Request::Adopt { model }, &[DIGITS][..], "not a packed model"),
        (Request::Adopt { model: ModelHandle(999) }, &[DIGITS][..], "model is not here"),
        (Request::AddIdx { normalize: UNIT }, &[IMAGES][..], "without the buffer of labels"),
        (Request::AddIdx { normalize: UNIT }, &[LABELS, LABELS][..], "images file is not an IDX file"),
        (Request::Run { target: f32, batch: 1 }, &[&[0; 6][..]][..], "no multiple of 4"),
        (Request::Run { target: f32, batch: 1 }, &[&[0; 8][..]][..], "784"),
        (Request::Run { target: f32, batch: usize::MAX }, &[&[0; 8][..]][..], "not 2"),
        (Request::Run { target: f32, batch: 0 }, &[&[][..]][..], "at least one input"),
        (Request::Run { target: wrong, batch: 1 }, &[&[0; 4][..]][..], "quantized model is not here"),
        (Request::Evaluate { target: f32, images, first: 990, count: 11 }, &[][..], "There is no image 1000"),
        (Request::Evaluate { target: f32, images: ImagesHandle(999), first: 0, count: 1 }, &[][..], "set of images is not here"),
        (Request::Pixels { images, indices: vec![1000] }, &[][..], "There is no image 1000"),
        (Request::DisposeModel { model: ModelHandle(999) }, &[][..], "model is not here"),
    ] {
        let message = client.refusal(request.clone(), buffers).await;
        assert!(message.contains(expected), "{request:?}: {message}");
    }

    for (message, expected) in [
        (r#"{"request":{"id":500,"body":{"fly":{}}}}"#, "unknown variant `fly`"),
        (r#"{"request":{"id":500,"body":{"evaluate":{}}}}"#, "missing field `target`"),
    ] {
        client.post_json(message);
        let Outcome::Failed(message) = client.answer_to(500).await else { panic!("{message} worked") };
        assert!(message.contains(expected), "{message}");
    }
    // Nobody can be told about these.
    for message in ["null", "3", r#"{"request":{"body":{}}}"#, r#"{"sing":{"id":500}}"#] {
        client.post_json(message);
    }
    let request = Request::Evaluate { target: Target::Quantized(quantized), images, first: 0, count: 10 };
    assert!(matches!(client.ask(request, &[]).await.0, Response::Evaluated { .. }));
}

#[wasm_bindgen_test]
async fn one_image_is_classified_and_its_maps_are_drawn() {
    let (client, model, images) = ready().await;
    let (Response::Pixels { shape }, pixels) = client.ask(Request::Pixels { images, indices: vec![3] }, &[]).await else {
        panic!("no pixels")
    };
    let pixels = bytes(&pixels[0]);
    let quantized = adopt(&client, model, recipe(8)).await;
    let targets = vec![Target::F32(model), Target::Quantized(quantized)];
    let request = Request::Classify { targets: targets.clone(), shape, normalize: UNIT };
    let (Response::Classified { answers }, _) = client.ask(request, &[&pixels]).await else { panic!("not classified") };
    for (target, found) in targets.into_iter().zip(&answers) {
        let request = Request::Evaluate { target, images, first: 3, count: 1 };
        let (Response::Evaluated { top1, confidence, .. }, _) = client.ask(request, &[]).await else { panic!("not evaluated") };
        assert_eq!(found.probabilities.len(), 10);
        assert!((found.probabilities[usize::from(top1[0])] - confidence[0]).abs() < 1e-6, "{found:?}");
        assert!((found.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5 && found.ms >= 0.0, "{found:?}");
    }
    let reason =
        client.refusal(Request::Classify { targets: vec![Target::F32(model)], shape: [2, 2, 1], normalize: UNIT }, &[&[0; 4]]).await;
    assert!(reason.contains("28"), "{reason}");

    let (lab, model, images, _) = lab().await;
    let request = LabRequest::Quantize { model, recipe: recipe(2), calibration: Some(images) };
    let (LabResponse::Quantized { quantized, making }, _) = lab.ask(request, &[]).await else { panic!("not quantized") };
    assert!(!making.layers.is_empty());
    let maps = |layer: &str| LabRequest::Maps { quantized, layer: layer.to_owned(), shape, normalize: UNIT };
    let reason = lab.refusal(maps("none"), &[&pixels]).await;
    assert!(reason.contains("'none'"), "{reason}");
}
