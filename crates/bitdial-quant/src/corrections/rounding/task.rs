//! The rounding of one layer, group by group.

use std::collections::VecDeque;

use bitdial_ir::Weights;
use bitdial_protocol::Format;

use super::grid::RowGrid;
use super::layer::{Layer, bias};
use super::problem::Problem;
use super::progress::{gather, iteration, part};
use super::relay::Relay;
use super::windows::{BATCH, Pick, Windows, draw};
use super::{Method, WINDOWS};
use crate::corrections::adaround::{Learner, Settings};
use crate::corrections::gptq::Sweep;
use crate::corrections::layer::parts;
use crate::error::QuantError;
use crate::pipeline::State;

/// Bytes that the windows of some groups may take at once.
const HELD: usize = 16 << 20;

/// How one group is solved.
#[derive(Debug)]
enum Solver {
    Adaround(Learner),
    Gptq(Sweep),
}

/// A layer that is under way.
#[derive(Debug)]
pub(crate) struct Task {
    method: Method,
    layer: Layer,
    picks: Vec<Pick>,
    /// Weights and bias in f32; what the weights are rounded to so far, and on which grids.
    weights: Vec<f32>,
    bias: Vec<f32>,
    quantized: Weights,
    nearest: Vec<f32>,
    ternary: bool,
    clamp: (f32, f32),
    /// Groups whose windows are at hand, the next first; and the first whose are not.
    ready: VecDeque<Problem>,
    next: usize,
    solver: Option<Solver>,
    /// Of the groups that are solved.
    rounded: Vec<f32>,
    signal: f64,
    noise: (f64, f64),
}

impl Task {
    /// Begins with a layer that both runs have come to.
    pub fn new(method: Method, layer: Layer, state: &State, images: usize) -> Result<Self, QuantError> {
        let (node, quantized) = (&state.reference.nodes[layer.node], &state.quantized()?.nodes[layer.node]);
        let (Some((Weights::F32(weights), channels)), Some((quantized, _))) = (parts(node), parts(quantized)) else {
            return Err(QuantError::AlreadyQuantized { name: node.name.clone() });
        };
        // Both copies of a window: as it is read forwards and backwards.
        let window = 8 * layer.row_len;
        let picks = draw(&layer, images, WINDOWS.min(HELD / window.max(1)).max(BATCH), state.recipe.calibration.seed);
        let all = (f32::NEG_INFINITY, f32::INFINITY);
        Ok(Self {
            method,
            picks,
            weights: weights.clone(),
            bias: bias(node).map_or_else(|| vec![0.0; channels], <[f32]>::to_vec),
            nearest: quantized.dequantize(channels).into_owned(),
            quantized: quantized.clone(),
            ternary: state.recipe.weights_of(&node.name).format == Format::Ternary,
            clamp: node.activation.clamp().unwrap_or(all),
            ready: VecDeque::new(),
            next: 0,
            solver: None,
            rounded: Vec::with_capacity(weights.len()),
            signal: 0.0,
            noise: (0.0, 0.0),
            layer,
        })
    }

    /// The next part, and what it has cost; `None` if every group is solved.
    pub fn advance(&mut self, state: &State, float: &Relay, quantized: &Relay) -> Result<Option<u64>, QuantError> {
        match &mut self.solver {
            Some(Solver::Adaround(learner)) if !learner.is_done() => {
                learner.iterate();
                return Ok(Some(iteration(&self.layer)));
            }
            Some(Solver::Gptq(sweep)) if !sweep.is_done() => {
                sweep.advance();
                return Ok(Some(part(&self.layer, self.picks.len())));
            }
            _ => {}
        }
        let solved = self.solver.take().map(|solver| match solver {
            Solver::Adaround(learner) => learner.finish(),
            Solver::Gptq(sweep) => sweep.finish(),
        });
        if let Some((problem, rounded)) = solved {
            self.judge(&problem, rounded);
        } else if let Some(problem) = self.ready.pop_front() {
            self.solver = Some(self.begin(problem));
        } else if self.next < self.layer.groups {
            return self.gather(state, float, quantized).map(Some);
        } else {
            return Ok(None);
        }
        Ok(Some(0))
    }

    /// Takes the windows of the next groups from both runs.
    fn gather(&mut self, state: &State, float: &Relay, quantized: &Relay) -> Result<u64, QuantError> {
        let Self { layer, picks, .. } = self;
        let each = 8 * layer.row_len * picks.len();
        let groups = self.next..layer.groups.min(self.next + (HELD / each.max(1)).max(1));
        let read = Windows::gather(quantized, state.quantized()?, layer, groups.clone(), picks);
        let exact = Windows::gather(float, &state.float, layer, groups.clone(), picks);
        let (rows, weights) = (layer.rows, layer.rows * layer.row_len);
        for (group, (read, exact)) in groups.clone().zip(read.into_iter().zip(exact)) {
            let own = self.weights[group * weights..][..weights].to_vec();
            let bias = self.bias[group * rows..][..rows].to_vec();
            self.ready.push_back(Problem::new(&exact, read, own, bias, self.clamp));
        }
        self.next = groups.end;
        Ok(groups.len() as u64 * gather(layer, picks.len()))
    }

    /// Begins to solve the group after those that are solved.
    fn begin(&self, problem: Problem) -> Solver {
        let rows = self.layer.rows;
        let first = self.rounded.len() / self.layer.row_len.max(1);
        let channels = self.layer.groups * rows;
        let grids = (first..first + rows).map(|row| RowGrid::new(&self.quantized, row, channels, self.ternary)).collect::<Vec<_>>();
        match self.method {
            Method::Adaround => Solver::Adaround(Learner::new(problem, &grids, Settings::of(self.layer.weights()))),
            Method::Gptq => Solver::Gptq(Sweep::new(problem, grids)),
        }
    }

    /// Keeps what a group was rounded to, and how well that does.
    fn judge(&mut self, problem: &Problem, rounded: Vec<f32>) {
        let first = self.rounded.len();
        self.signal += problem.signal();
        self.noise.0 += problem.noise(&self.nearest[first..][..rounded.len()]);
        self.noise.1 += problem.noise(&rounded);
        self.rounded.extend(rounded);
    }

    /// Which layer.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// Its weights, each on its grid.
    pub fn rounded(&self) -> &[f32] {
        &self.rounded
    }

    /// How far the error of the layer's output lies below the output, in dB, before and after.
    pub fn decibels(&self) -> (f32, f32) {
        // As good as no error, or no output.
        let of = |noise: f64| (10.0 * ((self.signal + 1e-30) / (noise + 1e-30)).log10()) as f32;
        (of(self.noise.0), of(self.noise.1))
    }
}
