//! Calibrating, and predicting the classes of many images.

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_quant::{Calibrator, Ranges};
use bitdial_runtime::{Options, Plan};

use crate::files::IMAGE;

/// Ranges over some images.
pub fn calibrated(graph: &Graph, images: &[f32]) -> Ranges {
    let mut calibrator = Calibrator::new(graph, Backend::Scalar).unwrap();
    for images in images.chunks(64 * IMAGE) {
        calibrator.feed(images, images.len() / IMAGE).unwrap();
    }
    calibrator.finish()
}

/// The class of each image, the lowest where logits tie; on two threads.
pub fn predictions(graph: &Graph, images: &[f32]) -> Vec<u8> {
    let half = (images.len() / IMAGE).div_ceil(2) * IMAGE;
    let predict = |images: &[f32]| {
        let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict: false }).unwrap();
        let logits = plan.run(&[images], images.len() / IMAGE).unwrap().remove(0);
        logits.chunks_exact(10).map(argmax).collect::<Vec<u8>>()
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(|| predict(&images[half..]));
        let first = predict(&images[..half]);
        [first, second.join().unwrap()].concat()
    })
}

fn argmax(logits: &[f32]) -> u8 {
    let best = (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
    best as u8
}

/// Equal elements, in percent.
pub fn percent_equal(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    100.0 * a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}
