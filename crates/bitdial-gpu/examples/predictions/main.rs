//! Classifies the test images of the small models, and the sample photos, on the GPU and on the processor, and counts where
//! both say the same.
//!
//! `cargo run --release --package bitdial-gpu --example predictions [model] [images]`, on an adapter of this machine, a software one
//! if need be (`VK_DRIVER_FILES` names its driver).

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use bitdial_engine::{Backend, Cpu, Engine, Images, Prediction};
use bitdial_gpu::WebGpu;
use bitdial_protocol::{BackendChoice, Bits, Normalize, Recipe};
use futures::executor::block_on;
use support::{Failure, file, photos};

/// Each model with its images; the large one sees the sample photos.
const MODELS: [(&str, Option<&str>); 4] = [
    ("digits", Some("mnist")),
    ("fashion-mobilenet", Some("fashion-mnist")),
    ("fashion-resnet", Some("fashion-mnist")),
    ("efficientnet-lite0", None),
];
const UNIT: Normalize = Normalize { mean: 0.0, std: 255.0 };
/// Images between two lines of progress.
const STEP: usize = 1000;

fn images(set: &str, part: &str) -> Result<Arc<Images>, Failure> {
    let read = |kind| file(&format!("assets/{set}/{part}-{kind}-ubyte.gz"));
    Ok(Arc::new(Images::from_idx(&read("images-idx3")?, &read("labels-idx1")?, UNIT)?))
}

/// Classes of the first images, and how sure the model is.
async fn classify<B: Backend>(
    choice: BackendChoice,
    float: &[u8],
    packed: &[u8],
    images: &Images,
    count: usize,
) -> Result<Vec<Prediction>, Failure> {
    let engine = Engine::<B>::new(choice).await?;
    let mut quantized = engine.load(float).await?.adopt(packed).await?;
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(quantized.runner().evaluate(images, all.len(), STEP.min(count - all.len())).await?);
        eprintln!("  {}: {} images", engine.capabilities().backend, all.len());
    }
    Ok(all)
}

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let (only, most) = (words.next(), words.next().map_or(Ok(10_000), |count| count.parse())?);
    for (model, set) in MODELS.into_iter().filter(|(model, _)| only.as_deref().is_none_or(|only| only == *model)) {
        let (calibration, test) = match set {
            Some(set) => (images(set, "calib")?, images(set, "t10k")?),
            None => {
                let photos = Arc::new(photos()?);
                (Arc::clone(&photos), photos)
            }
        };
        let count = test.count().min(most);
        let source = bitdial_lab::Model::load(&file(&format!("models/{model}.onnx"))?, bitdial_kernels::Backend::best())?;
        for bits in [8, 4] {
            let mut recipe = Recipe::default();
            recipe.weights.bits = Bits::new(bits)?;
            let packed = source.quantizer(&recipe, Some(Arc::clone(&calibration)))?.finish()?.packed();
            let processor = block_on(classify::<Cpu>(BackendChoice::Auto, &source.packed(), &packed, &test, count))?;
            let gpu = block_on(classify::<WebGpu>(BackendChoice::WebGpu, &source.packed(), &packed, &test, count))?;
            let same = processor.iter().zip(&gpu).filter(|(a, b)| a.class == b.class).count();
            let sure = processor.iter().zip(&gpu).filter(|(a, b)| a.confidence == b.confidence).count();
            let right = gpu.iter().zip(test.labels()).filter(|(p, label)| p.class == **label).count();
            let right = if test.labels().is_empty() { String::new() } else { format!("; {right} right on the GPU") };
            println!("{model} W{bits}A8: {same} of {count} classes and {sure} confidences equal{right}");
        }
    }
    Ok(())
}
