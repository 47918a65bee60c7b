//! From a recipe to a quantized graph in small steps: calibration, corrections in the recipe's order, rounding.
//!
//! A [`Pipeline`] is stepped by its caller, who says how many images a step may look at, shows the [`Progress`], takes
//! the time with a clock of its own, and gives up by dropping it. Corrections that change the f32 model come first
//! ([`Correction::Cle`], [`Correction::Smooth`]), then ranges are found, weights rounded, and the rest works on the
//! quantized graph.

mod calibrating;
mod order;
mod report;
mod stage;
mod state;
pub(crate) mod stats;
pub(crate) mod walk;

use std::collections::VecDeque;
use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::{ActivationMode, Correction, Recipe};

use crate::calibrate::Ranges;
use crate::corrections;
use crate::error::QuantError;

pub(crate) use calibrating::{Calibrating, Quantizing};
pub use report::{Entry, Report};
pub(crate) use stage::{Count, Work};
pub use stage::{Progress, Stage};
pub(crate) use state::State;

/// Images per step where nobody watches.
const BATCH: usize = 32;

/// The images that calibration and corrections look at.
pub trait Samples: std::fmt::Debug {
    /// How many there are.
    fn count(&self) -> usize;

    /// `count` of them from `first` on as one input of the model: f32, NCHW. Both lie within [`Self::count`].
    fn batch(&self, first: usize, count: usize) -> Vec<f32>;
}

/// What a pipeline has beside the model and the recipe.
#[derive(Debug)]
pub struct Setup {
    /// Whose kernels run the model. Results do not depend on it.
    pub backend: Backend,
    /// Needed by static recipes, unless `ranges` are given, and by every correction.
    pub samples: Option<Box<dyn Samples>>,
    /// Ranges of the model itself, if they are known for this recipe's calibration.
    pub ranges: Option<Arc<Ranges>>,
    /// Names of the layers that a BatchNorm was folded into: `bitdial_ir::passes::normalized`. For [`Correction::Bn`].
    pub normalized: Vec<String>,
}

/// What a pipeline has made.
#[derive(Debug)]
pub struct Outcome {
    /// The annotated graph.
    pub graph: Graph,
    /// The f32 graph that its weights are rounded from: the model, unless a correction rescaled it.
    pub reference: Arc<Graph>,
    /// The f32 graph that computes what the model computes: `reference`, unless a correction rescaled rounded weights.
    pub float: Arc<Graph>,
    /// Static ranges of the values of `reference`.
    pub ranges: Option<Arc<Ranges>>,
    /// Whether `reference` has other weights than the model. Where it has not, `ranges` are those of the model itself, and
    /// of use to other recipes with the same calibration.
    pub rescaled: bool,
    /// What each correction did, in order.
    pub reports: Vec<Report>,
}

/// A quantization that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Pipeline {
    state: State,
    stages: VecDeque<Stage>,
    work: Option<Box<dyn Work>>,
    latest: Progress,
    reports: Vec<Report>,
}

impl Pipeline {
    /// Begins with a prepared f32 graph.
    ///
    /// # Errors
    /// If corrections stand in an order that makes no sense ([`QuantError::Order`]), or images are needed and there are
    /// none.
    pub fn new(graph: &Arc<Graph>, recipe: &Recipe, setup: Setup) -> Result<Self, QuantError> {
        order::check(&recipe.corrections)?;
        let is_static = recipe.activations.is_some_and(|scheme| scheme.mode == ActivationMode::Static);
        let stages = order::stages(&recipe.corrections, is_static, setup.ranges.is_some());
        let samples = setup.samples.filter(|samples| samples.count() > 0);
        if samples.is_none() {
            match recipe.corrections.first() {
                Some(first) => return Err(QuantError::NoSamples { correction: first.name() }),
                None if stages.contains(&Stage::Calibrating) => return Err(QuantError::NotCalibrated),
                None => {}
            }
        }
        let latest = Progress { stage: stages.first().copied().unwrap_or(Stage::Quantizing), done: 0, total: 1 };
        let state = State::new(graph, recipe, setup.backend, samples, setup.ranges, setup.normalized);
        Ok(Self { state, stages: stages.into(), work: None, latest, reports: Vec::new() })
    }

    /// Every stage that is left, in order; the first is under way.
    pub fn stages(&self) -> impl Iterator<Item = Stage> {
        self.stages.iter().copied()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stages.is_empty()
    }

    /// How far it is, as the last step left it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.latest
    }

    /// Goes on in the current stage by up to `images` images (or iterations). A stage ends with the step that reports
    /// as much done as there is in total; the next step begins the next stage.
    ///
    /// # Errors
    /// If the recipe cannot be applied to the model, or the model cannot run on the images. The pipeline is of no use
    /// then.
    pub fn step(&mut self, images: usize) -> Result<Progress, QuantError> {
        let Some(&stage) = self.stages.front() else { return Ok(self.latest) };
        let mut work = match self.work.take() {
            Some(work) => work,
            None => corrections::begin(stage, &mut self.state)?,
        };
        let Count { done, total } = work.step(&mut self.state, images.max(1))?;
        if done < total {
            self.work = Some(work);
        } else {
            self.reports.extend(work.finish(&mut self.state)?);
            self.stages.pop_front();
        }
        self.latest = Progress { stage, done, total };
        Ok(self.latest)
    }

    /// Finishes what is left.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(mut self) -> Result<Outcome, QuantError> {
        while !self.is_done() {
            self.step(BATCH)?;
        }
        let State { reference, float, quantized, ranges, rescaled, .. } = self.state;
        let graph = quantized.ok_or(QuantError::NotCalibrated)?;
        Ok(Outcome { graph, reference, float, ranges, rescaled, reports: self.reports })
    }
}

/// Whether a correction changes the f32 model, which comes before everything that depends on its numbers.
pub(crate) fn changes_model(correction: Correction) -> bool {
    matches!(correction, Correction::Cle | Correction::Smooth)
}
