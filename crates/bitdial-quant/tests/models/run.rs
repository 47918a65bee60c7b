//! Calibrating, and predicting the classes of many images.

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_quant::{Calibrator, Ranges};
use bitdial_runtime::{Options, Plan};

use crate::files::IMAGE;

/// Ranges over some images.
pub fn calibrated(graph: &Graph, images: &[f32], count: usize) -> Ranges {
    let mut calibrator = Calibrator::new(graph, Backend::Scalar).unwrap();
    calibrator.feed(images, count).unwrap();
    calibrator.finish()
}

/// The logits of each image, on two threads.
pub fn logits(graph: &Graph, images: &[f32], count: usize) -> Vec<f32> {
    let run = |images: &[f32], count: usize| {
        let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict: false }).unwrap();
        plan.run(&[images], count).unwrap().remove(0)
    };
    let half = count / 2;
    let (first, second) = images.split_at(half * (images.len() / count));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| run(second, count - half));
        let first = run(first, half);
        [first, second.join().unwrap()].concat()
    })
}

/// The class of each image of a small model.
pub fn predictions(graph: &Graph, images: &[f32]) -> Vec<u8> {
    logits(graph, images, images.len() / IMAGE).chunks_exact(10).map(|logits| argmax(logits) as u8).collect()
}

/// The largest logit, the first where they tie.
pub fn argmax(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
}

/// Equal elements, in percent.
pub fn percent_equal(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    100.0 * a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}
