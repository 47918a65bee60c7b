//! What a plan does, counted: multiply-accumulates, groups of threads, bytes. It is known without a clock, and is what a
//! measured time has to be held against.

use bitdial_ir::{Graph, Node, ValueId};

use crate::plan::Plan;

/// Bytes that a step has to move at least, each value once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Activations read, of one image.
    pub read: u64,
    /// Activations written, of one image.
    pub written: u64,
    /// Weights as the kernel reads them, with the tables of its channels: once for all images.
    pub weights: u64,
}

impl Traffic {
    /// Of a node by itself.
    pub(crate) fn of(graph: &Graph, node: &Node, weights: usize) -> Self {
        let bytes = |id: ValueId| {
            let about = graph.value(id);
            (about.len() * if about.quant.is_some() { 1 } else { 4 }) as u64
        };
        Self { read: node.inputs.iter().map(|&id| bytes(id)).sum(), written: bytes(node.output), weights: weights as u64 }
    }

    /// Node `sum` is computed by node `by`, whose own result is then neither written nor read again.
    pub(crate) fn fuse(all: &mut [Self], by: usize, sum: usize) {
        let Self { read, written, .. } = std::mem::take(&mut all[sum]);
        let own = &mut all[by];
        own.read += read.saturating_sub(own.written);
        own.written = written;
    }

    /// All of it, for one image.
    #[must_use]
    pub fn total(self) -> u64 {
        self.read + self.written + self.weights
    }
}

/// What one step does for some images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The kernel.
    pub kernel: String,
    /// Runs of kernels: more than one where a range is found, or f32 is quantized, on the way.
    pub dispatches: usize,
    /// Groups of threads that they start.
    pub groups: u64,
    /// Multiply-accumulates, those on padding included.
    pub macs: u64,
    /// Bytes, of all images.
    pub traffic: Traffic,
}

impl Plan {
    /// What each step does for `images` images in one submission; nothing for one that another step has done.
    #[must_use]
    pub fn work(&self, images: usize) -> Vec<Work> {
        let count = images as u64;
        let work = |(index, step): (usize, &bitdial_runtime::Step)| {
            let groups: Vec<u64> = self.groups(index, images).collect();
            let Traffic { read, written, weights } = if groups.is_empty() { Traffic::default() } else { self.traffic(index) };
            Work {
                kernel: step.kernel.clone(),
                dispatches: groups.len(),
                groups: groups.iter().sum(),
                macs: count * step.macs,
                traffic: Traffic { read: count * read, written: count * written, weights },
            }
        };
        self.steps().iter().enumerate().map(work).collect()
    }
}
