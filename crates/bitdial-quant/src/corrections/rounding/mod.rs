//! Corrections that decide how each weight is rounded by what its layer puts out: AdaRound and GPTQ.
//!
//! Layers are taken in order of execution. Two runs go through the graph side by side, one in f32 and one with the layers
//! rounded so far; at each layer windows are drawn from both, the layer is solved group by group, and both go on.

pub(crate) mod grid;
pub(crate) mod layer;
pub(crate) mod problem;
mod progress;
pub(crate) mod relay;
mod task;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod windows;

use std::collections::VecDeque;

use bitdial_ir::Weights;
use bitdial_protocol::Correction;

use super::layer::{Parts, parts, parts_mut};
use crate::error::QuantError;
use crate::pipeline::{Count, Entry, Report, State, Work};
use grid::{can_choose, with_values};
use layer::Layer;
use progress::{Cost, work};
use relay::{Leg, Relay};
use task::Task;

/// Bytes that the values of all images may take while they wait for the next layer, of both runs together.
const WAITING: usize = 56 << 20;
/// Images that are carried together.
const CHUNK: usize = 8;
/// Windows that a layer is judged by, if there are as many.
const WINDOWS: usize = 4096;

/// How weights are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Adaround,
    Gptq,
}

/// A correction that has begun.
#[derive(Debug)]
pub(crate) struct Rounding {
    method: Method,
    /// Images that take part, and how many have been fetched.
    images: usize,
    fetched: usize,
    float: Relay,
    quantized: Relay,
    /// Layers that are left.
    layers: VecDeque<Layer>,
    /// The way to the next layer.
    legs: Option<(Leg, Leg)>,
    task: Option<Task>,
    cost: Cost,
    entries: Vec<Entry>,
    /// Names of layers whose weights stay as they are.
    left: Vec<String>,
    /// Weights that were rounded, and how many of them not to the nearest value.
    weights: usize,
    moved: usize,
}

impl Rounding {
    /// Begins with the quantized graph of a pipeline.
    pub fn begin(method: Method, state: &State) -> Result<Box<dyn Work>, QuantError> {
        let graph = state.quantized()?;
        if graph.inputs.len() != 1 {
            return Err(QuantError::Inputs(graph.inputs.len()));
        }
        let (mut layers, mut left) = (VecDeque::new(), Vec::new());
        for (index, node) in graph.nodes.iter().enumerate() {
            let Some((weights, _)) = parts(node) else { continue };
            match Layer::new(graph, index).filter(|_| can_choose(weights)) {
                Some(layer) => layers.push_back(layer),
                None if matches!(weights, Weights::F32(_)) => {}
                None => left.push(node.name.clone()),
            }
        }
        let each = relay::waiting_bytes(&state.float) + relay::waiting_bytes(graph);
        let images = (WAITING / each.max(1)).clamp(1, state.images().max(1)).min(state.images());
        let cost = Cost::new(method, &state.float, layers.make_contiguous(), images);
        Ok(Box::new(Self {
            method,
            images,
            fetched: 0,
            float: Relay::default(),
            quantized: Relay::default(),
            layers,
            legs: None,
            task: None,
            cost,
            entries: Vec::new(),
            left,
            weights: 0,
            moved: 0,
        }))
    }

    /// The smallest part; what it has cost, or `None` if nothing is left.
    fn advance(&mut self, state: &mut State) -> Result<Option<u64>, QuantError> {
        if let Some(task) = &mut self.task {
            if let Some(cost) = task.advance(state, &self.float, &self.quantized)? {
                return Ok(Some(cost));
            }
            self.settle(state)?;
            return Ok(Some(0));
        }
        if self.layers.is_empty() {
            return Ok(None);
        }
        if self.fetched < self.images {
            let count = CHUNK.min(self.images - self.fetched);
            let batch = state.batch(self.fetched, count);
            self.quantized.enter(state.quantized()?, batch.clone(), count);
            self.float.enter(&state.float, batch, count);
            self.fetched += count;
            return Ok(Some(0));
        }
        self.travel(state)
    }

    /// Brings some images to the next layer, which begins where all are there.
    fn travel(&mut self, state: &State) -> Result<Option<u64>, QuantError> {
        let Some(layer) = self.layers.front() else { return Ok(None) };
        let graph = state.quantized()?;
        let (mut float, mut quantized) = match self.legs.take() {
            Some(legs) => legs,
            None => (self.float.leg(&state.float, layer.node, state.backend)?, self.quantized.leg(graph, layer.node, state.backend)?),
        };
        let cost = 2 * self.float.next_images(&float) as u64 * work(&state.float, float.nodes());
        let (a, b) = (self.float.run(&mut float, &state.float)?, self.quantized.run(&mut quantized, graph)?);
        if a || b {
            self.legs = Some((float, quantized));
        } else if let Some(layer) = self.layers.pop_front() {
            self.task = Some(Task::new(self.method, layer, state, self.images)?);
        }
        Ok(Some(cost))
    }

    /// Puts the weights of a layer that is solved into the graph.
    fn settle(&mut self, state: &mut State) -> Result<(), QuantError> {
        let Some(task) = self.task.take() else { return Ok(()) };
        let graph = state.quantized_mut()?;
        let Some(node) = graph.nodes.get_mut(task.layer().node) else { return Ok(()) };
        let (before, after) = task.decibels();
        self.entries.push(Entry { layer: node.name.clone(), figure: FIGURE, before, after });
        let Some(Parts { weights, channels, .. }) = parts_mut(node) else { return Ok(()) };
        let new = with_values(weights, task.rounded(), channels);
        self.weights += new.len();
        self.moved += weights.dequantize(channels).iter().zip(&*new.dequantize(channels)).filter(|(a, b)| a != b).count();
        *weights = new;
        Ok(())
    }
}

/// What the report compares.
const FIGURE: &str = "error of the layer's output, dB below the output";

impl Work for Rounding {
    fn step(&mut self, state: &mut State, images: usize) -> Result<Count, QuantError> {
        let budget = self.cost.of_images(images);
        let mut spent = 0;
        while spent < budget {
            match self.advance(state)? {
                Some(cost) => spent += cost,
                None => return Ok(self.cost.end()),
            }
        }
        Ok(self.cost.add(spent))
    }

    fn finish(self: Box<Self>, _state: &mut State) -> Result<Option<Report>, QuantError> {
        let correction = match self.method {
            Method::Adaround => Correction::Adaround,
            Method::Gptq => Correction::Gptq,
        };
        let mut summary = format!(
            "{} of {} weights in {} layers are no longer rounded to the nearest value",
            self.moved,
            self.weights,
            self.entries.len()
        );
        if let Some(first) = self.left.first() {
            summary.push_str(&format!("; {} layers without a choice of rounding stay as they are, '{first}' first", self.left.len()));
        }
        Ok(Some(Report { correction, entries: self.entries, summary }))
    }
}
