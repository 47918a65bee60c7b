//! Ranges of f32 values, found where they are written, for layers that quantize them on the run.

use std::cell::Cell;

use bitdial_ir::{Activation, Graph, Op};
use bitdial_kernels::Extremes;

/// The range of each image of a chunk, for some values.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    slots: usize,
    images: usize,
    all: Vec<Cell<Extremes>>,
}

impl Ranges {
    /// For so many values.
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, images: 0, all: Vec::new() }
    }

    /// Makes room for chunks of up to `images`.
    pub(crate) fn reserve(&mut self, images: usize) {
        if images > self.images {
            self.images = images;
            self.all.reserve_exact(self.slots * images - self.all.len());
            self.all.resize_with(self.slots * images, Cell::default);
        }
    }

    /// Bytes of room for chunks of up to `images`.
    pub(crate) fn bytes(&self, images: usize) -> usize {
        self.slots * images * size_of::<Cell<Extremes>>()
    }

    /// Bytes that there are.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        size_of_val(&self.all[..])
    }

    /// The range of image `i`, of nothing yet.
    pub(crate) fn start(&self, slot: usize, i: usize) -> &Cell<Extremes> {
        let cell = &self.all[slot * self.images + i];
        cell.set(Extremes::default());
        cell
    }

    /// The range of image `i`.
    pub(crate) fn get(&self, slot: usize, i: usize) -> (f32, f32) {
        self.all[slot * self.images + i].get().range()
    }
}

/// For each value whether some layer quantizes it on the run, under this name or another.
pub(crate) fn wanted(graph: &Graph) -> Vec<bool> {
    let mut wanted = vec![false; graph.values.len()];
    for node in graph.nodes.iter().rev() {
        let renames = matches!(node.op, Op::Reshape(_)) && node.activation == Activation::None && wanted[node.output.0];
        if node.dynamic.is_some() || renames {
            node.inputs.iter().for_each(|input| wanted[input.0] = true);
        }
    }
    wanted
}
