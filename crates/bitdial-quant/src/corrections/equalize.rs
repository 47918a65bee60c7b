//! The corrections that rescale the f32 model, at work: measure channels, rescale, measure what that changed.

use bitdial_ir::Graph;
use bitdial_protocol::Correction;
use bitdial_runtime::{Options, Plan};

use super::chains::{Magnitudes, Pair, pairs};
use super::{cle, smooth};
use crate::error::QuantError;
use crate::pipeline::stats::Measuring;
use crate::pipeline::{Count, Entry, Report, State, Work};

/// How unequal the channels of a layer are.
const RATIO: &str = "largest to smallest weight range of the output channels";
/// What the correction does to the f32 model.
const CHANGE: &str = "rms change of the f32 output, relative";

/// Where a correction stands.
#[derive(Debug)]
enum Phase {
    Before(Box<Measuring>),
    After(Box<Plan>),
    Done,
}

/// [`Correction::Cle`] or [`Correction::Smooth`], at work.
#[derive(Debug)]
pub(super) struct Equalize {
    correction: Correction,
    pairs: Vec<Pair>,
    phase: Phase,
    next: usize,
    /// The first output of the f32 model before, of all images.
    outputs: Vec<f32>,
    /// Sums of squares of the outputs, and of their changes.
    squares: (f64, f64),
    /// Channels whose bias was absorbed.
    absorbed: usize,
    entries: Vec<Entry>,
}

impl Equalize {
    pub fn begin(correction: Correction, state: &State) -> Result<Box<dyn Work>, QuantError> {
        Ok(Box::new(Self {
            correction,
            pairs: pairs(&state.float),
            phase: Phase::Before(Box::new(Measuring::new(state)?)),
            next: 0,
            outputs: Vec::new(),
            squares: (0.0, 0.0),
            absorbed: 0,
            entries: Vec::new(),
        }))
    }

    /// Rescales; the graph that comes out.
    fn apply(&mut self, graph: &Graph, measuring: Measuring) -> Graph {
        let channels = measuring.finish();
        let mut rescaled = graph.clone();
        match self.correction {
            Correction::Smooth => smooth::apply(&mut rescaled, &self.pairs, &channels),
            _ => self.absorbed = cle::apply(&mut rescaled, &self.pairs, &channels),
        }
        for (old, new) in graph.nodes.iter().zip(&rescaled.nodes).filter(|(old, new)| old != new) {
            if let (Some(before), Some(after)) = (ratio(old), ratio(new)) {
                self.entries.push(Entry { layer: old.name.clone(), figure: RATIO, before, after });
            }
        }
        rescaled
    }
}

/// Largest to smallest weight range of the channels of a layer that have one.
fn ratio(node: &bitdial_ir::Node) -> Option<f32> {
    let ranges = Magnitudes::of(node)?.outputs();
    let ranges = || ranges.iter().copied().filter(|r| *r > 0.0);
    let (least, most) = (ranges().fold(f64::INFINITY, f64::min), ranges().fold(0.0, f64::max));
    Some(if most > 0.0 { (most / least) as f32 } else { 1.0 })
}

impl Work for Equalize {
    fn step(&mut self, state: &mut State, images: usize) -> Result<Count, QuantError> {
        let all = state.images();
        let total = 2 * all;
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Before(mut measuring) => {
                let seen = measuring.step(state, images, &mut self.outputs)?;
                if seen < all {
                    self.phase = Phase::Before(measuring);
                    return Ok(Count { done: seen, total });
                }
                let rescaled = self.apply(&state.float, *measuring);
                state.rescale(rescaled);
                let options = Options { backend: state.backend, strict: true };
                self.phase = Phase::After(Box::new(Plan::compile(&state.float, options)?));
                Ok(Count { done: all, total })
            }
            Phase::After(mut plan) => {
                let count = images.min(all - self.next);
                let outputs = plan.run(&[&state.batch(self.next, count)], count)?.into_iter().next().unwrap_or_default();
                let each = self.outputs.len() / all.max(1);
                let before = &self.outputs[self.next * each..];
                for (old, new) in before.iter().zip(&outputs).map(|(&old, &new)| (f64::from(old), f64::from(new))) {
                    self.squares.0 += old * old;
                    self.squares.1 += (new - old) * (new - old);
                }
                self.next += count;
                if self.next < all {
                    self.phase = Phase::After(plan);
                }
                Ok(Count { done: all + self.next, total })
            }
            Phase::Done => Ok(Count { done: total, total }),
        }
    }

    fn finish(mut self: Box<Self>, state: &mut State) -> Result<Option<Report>, QuantError> {
        let change = if self.squares.0 > 0.0 { (self.squares.1 / self.squares.0).sqrt() as f32 } else { 0.0 };
        let worst = self.entries.iter().reduce(|worst, entry| if entry.before > worst.before { entry } else { worst });
        let mut summary = match worst {
            None => "No two layers of this model follow each other in a way that lets their channels be rescaled.".to_owned(),
            Some(worst) => format!(
                "Rescaled the channels between {} pairs of layers; in '{}' the weight ranges of channels differed {:.1}-fold, now {:.1}-fold.",
                self.pairs.len(),
                worst.layer,
                worst.before,
                worst.after
            ),
        };
        if self.absorbed > 0 {
            summary += &format!(" {} high biases moved into the next layer.", self.absorbed);
        }
        if worst.is_some() {
            summary += &format!(" The f32 outputs change by {:.2} %.", 100.0 * change);
        }
        if let Some(last) = state.float.outputs.first().and_then(|&id| state.float.producer(id)).filter(|_| worst.is_some()) {
            self.entries.push(Entry { layer: last.name.clone(), figure: CHANGE, before: 0.0, after: change });
        }
        Ok(Some(Report { correction: self.correction, entries: self.entries, summary }))
    }
}
