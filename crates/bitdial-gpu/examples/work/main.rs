//! Prints what each kind of kernel does for one inference of EfficientNet-Lite0, and for a batch: runs, groups of threads,
//! multiply-accumulates, bytes. It is counted, not timed, so that a software adapter tells as much as a chip
//! (`VK_DRIVER_FILES` names its driver).
//!
//! `cargo run --release --package bitdial-gpu --example work [images ...]`

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use bitdial_gpu::{Gpu, Options, Plan, Traffic, Work};
use bitdial_ir::Graph;
use bitdial_protocol::{Bits, Recipe};
use futures::executor::block_on;
use support::{Failure, file, photos};

const NONE: Work = Work { kernel: String::new(), dispatches: 0, groups: 0, macs: 0, traffic: Traffic { read: 0, written: 0, weights: 0 } };

fn add(to: &mut Work, work: &Work) {
    to.dispatches += work.dispatches;
    to.groups += work.groups;
    to.macs += work.macs;
    to.traffic.read += work.traffic.read;
    to.traffic.written += work.traffic.written;
    to.traffic.weights += work.traffic.weights;
}

fn row(name: &str, work: &Work) {
    let Traffic { read, written, weights } = work.traffic;
    let each = work.macs as f64 / work.traffic.total().max(1) as f64;
    println!(
        "| {name} | {} | {} | {:.1} | {weights} | {read} | {written} | {each:.1} |",
        work.dispatches,
        work.groups,
        work.macs as f64 / 1e6
    );
}

/// One table; the sum of its multiply-accumulates.
fn table(gpu: &Gpu, name: &str, graph: &Graph, options: Options) -> Result<u64, Failure> {
    let plan = block_on(Plan::compile(gpu, graph, options))?;
    let images = plan.capacity();
    let [activations, weights] = plan.memory_bytes();
    println!("\n### {name}, {images} images a submission; memory: {activations} bytes of activations, {weights} of weights\n");
    println!("| kernel | runs | groups | million MAC | bytes of weights | read | written | MAC a byte |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let (mut kinds, mut all) = (BTreeMap::<String, Work>::new(), NONE);
    for work in plan.work(images).into_iter().filter(|work| work.dispatches > 0) {
        add(kinds.entry(work.kernel.clone()).or_insert(NONE), &work);
        add(&mut all, &work);
    }
    for (kernel, work) in &kinds {
        row(kernel, work);
    }
    row("all", &all);
    Ok(all.macs / images.max(1) as u64)
}

fn main() -> Result<(), Failure> {
    let mut batches = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<Vec<usize>, _>>()?;
    if batches.is_empty() {
        batches = vec![1, 64];
    }
    let gpu = block_on(Gpu::open())?;
    let info = gpu.info();
    println!("{} ({}): dot4 {}, f16 {}", info.name, if info.software { "software" } else { "a chip" }, info.dot4, info.f16);
    let source = bitdial_lab::Model::load(&file("models/efficientnet-lite0.onnx")?, bitdial_kernels::Backend::best())?;
    let photos = Arc::new(photos()?);
    let int = |bits| -> Result<Graph, Failure> {
        let mut recipe = Recipe::default();
        recipe.weights.bits = Bits::new(bits)?;
        Ok(source.quantizer(&recipe, Some(Arc::clone(&photos)))?.finish()?.graph().clone())
    };
    let (int8, int4) = (int(8)?, int(4)?);
    let mut macs = Vec::new();
    for batch in batches {
        let options = Options { batch, ..Options::default() };
        macs.push(table(&gpu, "int8", &int8, options)?);
        macs.push(table(&gpu, "int4", &int4, options)?);
        macs.push(table(&gpu, "f32", source.graph(), Options { strict: false, ..options })?);
        if info.f16 {
            macs.push(table(&gpu, "f16", source.graph(), Options { strict: false, half: true, ..options })?);
        }
    }
    macs.dedup();
    println!("\nmultiply-accumulates an image, in all tables: {macs:?}");
    Ok(())
}
