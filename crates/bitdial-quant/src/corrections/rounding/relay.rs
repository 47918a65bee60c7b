//! Carries many images through a graph, some nodes at a time, so that each layer runs once although those before it
//! are changed one after the other.

use std::collections::BTreeMap;
use std::ops::Range;

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_numerics::ActivationParams;
use bitdial_runtime::{Observed, Options, Plan};

use crate::error::QuantError;

/// The values of some images.
#[derive(Debug)]
enum Held {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

/// Images, each as far as the nodes before `next` have brought it.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    chunks: Vec<Chunk>,
    next: usize,
}

/// Images that are carried together.
#[derive(Debug)]
struct Chunk {
    images: usize,
    values: BTreeMap<ValueId, Held>,
}

/// Some nodes, compiled, and how many chunks have run through them.
#[derive(Debug)]
pub(crate) struct Leg {
    plan: Plan,
    inputs: Vec<ValueId>,
    /// Values that later nodes read.
    outputs: Vec<ValueId>,
    start: usize,
    end: usize,
    done: usize,
}

impl Leg {
    /// The nodes.
    pub fn nodes(&self) -> Range<usize> {
        self.start..self.end
    }
}

impl Relay {
    /// Takes some more images at the start: the graph's input, f32, NCHW.
    pub fn enter(&mut self, graph: &Graph, input: Vec<f32>, images: usize) {
        let value = graph.inputs[0];
        let held = match graph.value(value).quant {
            Some(grid) => Held::U8(input.iter().map(|&x| grid.quantize(x)).collect()),
            None => Held::F32(input),
        };
        self.chunks.push(Chunk { images, values: BTreeMap::from([(value, held)]) });
    }

    /// Compiles the nodes from where the images are to `end` (not included).
    pub fn leg(&self, graph: &Graph, end: usize, backend: Backend) -> Result<Leg, QuantError> {
        let nodes = &graph.nodes[self.next..end];
        let later = |value: &ValueId| graph.nodes[end..].iter().any(|node| node.inputs.contains(value));
        let known = self.chunks.first().map(|chunk| &chunk.values);
        let inputs: Vec<ValueId> =
            known.into_iter().flat_map(BTreeMap::keys).copied().filter(|v| nodes.iter().any(|n| n.inputs.contains(v))).collect();
        let outputs: Vec<ValueId> = nodes.iter().map(|node| node.output).filter(later).collect();
        let mut values = graph.values.clone();
        // What was written by a node went through its simulated format then.
        inputs.iter().filter(|value| !graph.inputs.contains(value)).for_each(|value| values[value.0].simulated = None);
        let part = Graph {
            name: String::new(),
            values,
            nodes: nodes.to_vec(),
            inputs: inputs.clone(),
            outputs: Vec::new(),
            layout: graph.layout,
            accumulator: graph.accumulator,
        };
        let plan = Plan::compile_unfused(&part, Options { backend, strict: true })?;
        Ok(Leg { plan, inputs, outputs, start: self.next, end, done: 0 })
    }

    /// Runs the next chunk; `false` if all have arrived.
    pub fn run(&mut self, leg: &mut Leg, graph: &Graph) -> Result<bool, QuantError> {
        let Some(chunk) = self.chunks.get_mut(leg.done) else {
            self.next = leg.end;
            return Ok(false);
        };
        let inputs: Vec<Vec<f32>> = leg.inputs.iter().map(|v| chunk.real(graph, *v)).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let mut seen: BTreeMap<ValueId, Held> = BTreeMap::new();
        let outputs = &leg.outputs;
        leg.plan.observe(&inputs, chunk.images, &mut |value, observed| {
            if !outputs.contains(&value) {
                return;
            }
            match (observed, seen.get_mut(&value)) {
                (Observed::F32(x), Some(Held::F32(held))) => held.extend_from_slice(x),
                (Observed::U8(x), Some(Held::U8(held))) => held.extend_from_slice(x),
                (Observed::F32(x), _) => drop(seen.insert(value, Held::F32(x.to_vec()))),
                (Observed::U8(x), _) => drop(seen.insert(value, Held::U8(x.to_vec()))),
            }
        })?;
        chunk.values.append(&mut seen);
        chunk.values.retain(|value, _| graph.nodes[leg.end..].iter().any(|node| node.inputs.contains(value)));
        leg.done += 1;
        Ok(true)
    }

    /// How many images run next.
    pub fn next_images(&self, leg: &Leg) -> usize {
        self.chunks.get(leg.done).map_or(0, |chunk| chunk.images)
    }

    /// A value of one image; `None` if there is no such image, or no node that is left reads the value.
    pub fn image<'a>(&'a self, graph: &Graph, value: ValueId, mut image: usize) -> Option<Image<'a>> {
        let (len, grid) = (graph.value(value).len(), graph.value(value).quant);
        for chunk in &self.chunks {
            if image >= chunk.images {
                image -= chunk.images;
                continue;
            }
            let range = image * len..(image + 1) * len;
            return match (chunk.values.get(&value)?, grid) {
                (Held::F32(x), _) => x.get(range).map(Image::F32),
                (Held::U8(x), Some(grid)) => x.get(range).map(|x| Image::U8(x, grid)),
                (Held::U8(_), None) => None,
            };
        }
        None
    }
}

/// A value of one image.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Image<'a> {
    F32(&'a [f32]),
    U8(&'a [u8], ActivationParams),
}

impl Image<'_> {
    /// Copies the elements from `first` on as real numbers.
    pub fn copy(&self, first: usize, to: &mut [f32]) {
        match self {
            Self::F32(x) => to.copy_from_slice(&x[first..first + to.len()]),
            Self::U8(x, grid) => to.iter_mut().zip(&x[first..]).for_each(|(to, &q)| *to = grid.dequantize(q)),
        }
    }
}

impl Chunk {
    /// A value in f32.
    fn real(&self, graph: &Graph, value: ValueId) -> Vec<f32> {
        match (self.values.get(&value), graph.value(value).quant) {
            (Some(Held::F32(x)), _) => x.clone(),
            (Some(Held::U8(x)), Some(grid)) => x.iter().map(|&q| grid.dequantize(q)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Bytes of the values of one image that wait between two nodes, where they are most.
pub(crate) fn waiting_bytes(graph: &Graph) -> usize {
    let bytes = |value: &ValueId| graph.value(*value).len() * if graph.value(*value).quant.is_some() { 1 } else { 4 };
    let mut alive: Vec<ValueId> = graph.inputs.clone();
    let mut most = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        alive.push(node.output);
        most = most.max(alive.iter().map(bytes).sum());
        alive.retain(|value| graph.nodes[index + 1..].iter().any(|node| node.inputs.contains(value)));
    }
    most
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, Binary, Layout, Linear, Node, Op, Value, Weights};

    use super::super::testing::numbers;
    use super::*;

    /// x -> a -> b -> sum of a and b -> c, all of 6 numbers; some on a grid.
    fn graph() -> Graph {
        let linear = |seed| Op::Linear(Linear { out_features: 6, in_features: 6, weights: Weights::F32(numbers(36, seed)), bias: None });
        let node = |name: &str, op, inputs: &[usize], output| Node {
            name: name.into(),
            op,
            inputs: inputs.iter().copied().map(ValueId).collect(),
            output: ValueId(output),
            activation: Activation::Relu,
            dynamic: None,
        };
        let grid = Some(ActivationParams::affine(-1.0, 2.0, 6));
        let values = [grid, grid, None, grid, None];
        Graph {
            name: String::new(),
            values: values.iter().map(|&quant| Value { name: "v".into(), dims: vec![6], quant, simulated: None }).collect(),
            nodes: vec![
                node("a", linear(1), &[0], 1),
                node("b", linear(2), &[1], 2),
                node("sum", Op::Binary(Binary::Add), &[1, 2], 3),
                node("c", linear(3), &[3], 4),
            ],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(4)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    #[test]
    fn values_on_the_way_are_those_of_the_whole_run() {
        let graph = graph();
        let x = numbers(7 * 6, 4);
        let mut expected = vec![Vec::new(); 5];
        let mut plan = Plan::compile_unfused(&graph, Options { backend: Backend::Scalar, strict: true }).unwrap();
        plan.observe(&[&x], 7, &mut |value, observed| match (observed, graph.value(value).quant) {
            (Observed::U8(x), Some(grid)) => expected[value.0].extend(x.iter().map(|&q| grid.dequantize(q))),
            (Observed::F32(x), _) => expected[value.0].extend_from_slice(x),
            _ => {}
        })
        .unwrap();
        // Where each leg ends, and what is at hand there.
        for legs in [&[(1, &[1][..]), (2, &[1, 2]), (3, &[3])][..], &[(0, &[0]), (2, &[1, 2])], &[(3, &[3])]] {
            let mut relay = Relay::default();
            for images in [&x[..18], &x[18..]] {
                relay.enter(&graph, images.to_vec(), images.len() / 6);
            }
            for &(end, known) in legs {
                let mut leg = relay.leg(&graph, end, Backend::Scalar).unwrap();
                let mut seen = 0;
                while {
                    seen += relay.next_images(&leg);
                    relay.run(&mut leg, &graph).unwrap()
                } {}
                assert_eq!(seen, 7);
                for (value, expected) in expected.iter().enumerate() {
                    for image in 0..7 {
                        let held = relay.image(&graph, ValueId(value), image);
                        assert_eq!(held.is_some(), known.contains(&value), "value {value} before node {end}");
                        let mut now = [0.0; 4];
                        if let Some(held) = held {
                            held.copy(2, &mut now);
                            assert_eq!(now, expected[image * 6 + 2..][..4], "value {value} before node {end}");
                        }
                    }
                }
                assert!(relay.image(&graph, ValueId(known[0]), 7).is_none());
            }
        }
        // Before the sum: one on a grid, one in f32, and the sum on a grid.
        assert_eq!(waiting_bytes(&graph), 6 + 24 + 6);
    }
}
