//! How much work a correction is, in multiply-accumulates, so that progress can be told and steps take equal time.

use std::ops::Range;

use bitdial_ir::{Graph, Node};

use super::layer::Layer;
use super::windows::BATCH;
use super::{Method, WINDOWS};
use crate::corrections::adaround::Settings;
use crate::pipeline::Count;

/// What the arithmetic of a weight's V takes in one iteration, in multiply-accumulates.
const DESCENT: u64 = 40;

/// Work done and to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    done: u64,
    total: u64,
    /// Of one image in the f32 model.
    image: u64,
}

impl Cost {
    /// Of a correction of these layers with as many images.
    pub fn new(method: Method, graph: &Graph, layers: &[Layer], images: usize) -> Self {
        let end = layers.last().map_or(0, |layer| layer.node);
        let runs = 2 * images as u64 * work(graph, 0..end);
        let of = |layer: &Layer| {
            let windows = WINDOWS.min(images * layer.positions());
            layer.groups as u64 * (gather(layer, windows) + solve(method, layer, windows))
        };
        let total = layers.iter().map(of).fold(runs, u64::saturating_add);
        Self { done: 0, total, image: work(graph, 0..graph.nodes.len()).max(1) }
    }

    /// What as many images take.
    pub fn of_images(&self, images: usize) -> u64 {
        (images as u64).saturating_mul(self.image)
    }

    /// Counts work that was done.
    pub fn add(&mut self, spent: u64) -> Count {
        self.done = self.done.saturating_add(spent);
        let total = self.in_images();
        Count { done: ((self.done / self.image) as usize).min(total - 1), total }
    }

    /// Nothing is left.
    pub fn end(&self) -> Count {
        let total = self.in_images();
        Count { done: total, total }
    }

    /// All work as so many images.
    fn in_images(&self) -> usize {
        (self.total / self.image) as usize + 1
    }
}

/// Multiply-accumulates of some nodes for one image.
pub(crate) fn work(graph: &Graph, nodes: Range<usize>) -> u64 {
    let of = |node: &Node| bitdial_ir::work(&node.op, &graph.value(node.inputs[0]).dims, &graph.value(node.output).dims);
    graph.nodes.get(nodes).into_iter().flatten().map(of).fold(0, u64::saturating_add)
}

/// Of taking a group's windows from two runs, and of judging it before and after.
pub(crate) fn gather(layer: &Layer, windows: usize) -> u64 {
    (windows * layer.row_len * (3 * layer.rows + 4)) as u64
}

/// Of one iteration of AdaRound on a group.
pub(crate) fn iteration(layer: &Layer) -> u64 {
    (layer.rows * layer.row_len) as u64 * (2 * BATCH as u64 + DESCENT)
}

/// Of one part of GPTQ on a group of so many windows: all parts together are [`solve`].
pub(crate) fn part(layer: &Layer, windows: usize) -> u64 {
    let len = layer.row_len as u64;
    let parts = (windows / BATCH + layer.rows + 1) as u64;
    len * len * (windows as u64 + len / 3 + layer.rows as u64 / 2) / parts
}

/// Of solving a group.
fn solve(method: Method, layer: &Layer, windows: usize) -> u64 {
    match method {
        Method::Adaround => Settings::of(layer.weights()).iterations as u64 * iteration(layer),
        Method::Gptq => part(layer, windows) * (windows / BATCH + layer.rows + 1) as u64,
    }
}
