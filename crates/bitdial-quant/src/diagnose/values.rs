//! Every value of a graph on some images, and what the rest of a graph makes of them.

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_runtime::{Observed, Options, Plan};

use crate::error::QuantError;

/// Bytes that the values of a batch may take.
const BYTES: usize = 32 << 20;

/// How everything here is compiled: what decides a recipe is the same on every backend.
pub(crate) fn options(backend: Backend) -> Options {
    Options { backend, strict: true }
}

/// Images whose values are kept together.
pub(crate) fn batch(graph: &Graph) -> usize {
    let image: usize = graph.values.iter().map(|value| size_of::<f32>().saturating_mul(value.len())).fold(0, usize::saturating_add);
    (BYTES / image.max(1)).max(1)
}

/// Every value of a graph, of a batch of images, in f32.
#[derive(Debug)]
pub(crate) struct Values {
    of: Vec<Vec<f32>>,
    images: usize,
}

impl Values {
    /// Runs a graph on some images and keeps every value.
    pub(crate) fn of(graph: &Graph, plan: &mut Plan, input: &[f32], images: usize) -> Result<Self, QuantError> {
        let mut of: Vec<Vec<f32>> = graph.values.iter().map(|_| Vec::new()).collect();
        plan.observe(&[input], images, &mut |id, observed| {
            let Some(values) = of.get_mut(id.0) else { return };
            match (observed, graph.value(id).quant) {
                (Observed::F32(x), _) => values.extend_from_slice(x),
                (Observed::U8(x), Some(grid)) => values.extend(x.iter().map(|&q| grid.dequantize(q))),
                (Observed::U8(_), None) => {}
            }
        })?;
        Ok(Self { of, images })
    }

    /// One value, image after image.
    pub(crate) fn get(&self, id: ValueId) -> &[f32] {
        &self.of[id.0]
    }

    /// What a graph that takes some of these values as inputs makes of them.
    pub(crate) fn finish(&self, rest: &Graph, backend: Backend) -> Result<Vec<Vec<f32>>, QuantError> {
        let mut plan = Plan::compile(rest, options(backend))?;
        let inputs: Vec<&[f32]> = rest.inputs.iter().map(|&id| self.get(id)).collect();
        Ok(plan.run(&inputs, self.images)?)
    }

    /// The outputs of the graph they come from.
    pub(crate) fn outputs(&self, graph: &Graph) -> Vec<Vec<f32>> {
        graph.outputs.iter().map(|&id| self.get(id).to_vec()).collect()
    }
}

/// The nodes of a graph from `first` on. Its inputs are the values that they, or the outputs, need of those before.
pub(crate) fn rest(graph: &Graph, first: usize) -> Graph {
    let nodes = graph.nodes[first.min(graph.nodes.len())..].to_vec();
    let mut written = vec![false; graph.values.len()];
    nodes.iter().for_each(|node| written[node.output.0] = true);
    let mut values = graph.values.clone();
    let mut inputs = Vec::new();
    for &id in nodes.iter().flat_map(|node| &node.inputs).chain(&graph.outputs) {
        if !written[id.0] && !inputs.contains(&id) {
            inputs.push(id);
            // They come as they are.
            (values[id.0].quant, values[id.0].simulated) = (None, None);
        }
    }
    Graph {
        name: graph.name.clone(),
        values,
        nodes,
        inputs,
        outputs: graph.outputs.clone(),
        layout: graph.layout,
        accumulator: graph.accumulator,
    }
}
