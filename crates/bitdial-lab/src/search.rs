//! Mixed precision: measures what each layer loses at each width, once for each kind of recipe, allocates widths, and runs
//! them.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bitdial_ir::{Graph, Node, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{Bits, Budget, Correction, Format, Frontier, LayerOverride, LayerSensitivity, Recipe, WeightOverride};
use bitdial_quant::{
    Ranges, Refining, SCOUT_IMAGES, SENSITIVITY_IMAGES, Sensitivity, TRIAL_IMAGES, TrialImages, Trials, Variant, quantize,
};

use crate::Progress;
use crate::error::LabError;
use crate::quantized::Quantized;

/// Measurements that a model remembers.
const REMEMBERED: usize = 4;

/// What a measurement depends on: the recipe without widths and activations, and the images.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    recipe: Recipe,
    images: u64,
}

/// What was measured of a model, on how many images; oldest first.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Vec<Entry>>);

/// What was measured, of what, and on how many images.
type Entry = (Key, Arc<Vec<LayerSensitivity>>, usize);

impl Memory {
    fn get(&self, key: &Key) -> Option<(Arc<Vec<LayerSensitivity>>, usize)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(other, ..)| other == key).map(|(_, layers, images)| (Arc::clone(layers), *images))
    }

    fn put(&self, key: Key, layers: Arc<Vec<LayerSensitivity>>, images: usize) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.remove(0);
        }
        known.push((key, layers, images));
    }
}

/// A search that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Searching {
    phase: Phase,
    key: Key,
    /// On how many images sensitivity was measured.
    images: usize,
    /// Layers with weights.
    layers: usize,
    /// Bytes of the packed model beside them.
    rest: usize,
    budget: Budget,
    measured: Arc<Memory>,
    /// Steps of the phases before.
    done: usize,
}

/// Where a search stands.
#[derive(Debug)]
enum Phase {
    /// Each layer's losses are measured.
    Measuring(Box<Sensitivity>, Box<Setup>),
    /// They are known.
    Known(Arc<Vec<LayerSensitivity>>, Box<Setup>),
    /// Allocations are run.
    Refining(Box<Refining>),
    /// A step failed.
    Failed,
}

/// What trials need.
#[derive(Debug)]
struct Setup {
    float: Arc<Graph>,
    variants: Vec<Variant>,
    unbiased: bool,
    images: TrialImages,
    backend: Backend,
}

impl Quantized {
    /// Starts to search for widths of the weights of each layer under a budget, for a recipe like this model's. What was
    /// measured before is used again; what is found is run.
    ///
    /// # Errors
    /// [`LabError::FixedWidth`] if the recipe's format has but one width, [`LabError::Images`] if the images do not fit
    /// the model, [`LabError::NoCalibration`] if there are none.
    pub fn search(&self, images: &Arc<crate::Images>, budget: Budget) -> Result<Searching, LabError> {
        let recipe = without_widths(self.recipe());
        let fixed = |format: Format| format.width().is_some();
        if fixed(recipe.weights.format) || recipe.layers.values().filter_map(|l| l.weights?.format).any(fixed) {
            return Err(LabError::FixedWidth);
        }
        let key = Key { recipe, images: images.fingerprint() };
        let shifts = |c: &Correction| !matches!(c, Correction::Cle | Correction::Smooth);
        let unbiased = self.recipe().corrections.iter().any(shifts);
        let (input, count, labels) = self.inputs(images, TRIAL_IMAGES)?;
        let setup = Box::new(Setup {
            float: Arc::clone(self.float()),
            variants: variants(self.float(), self.recipe(), self.ranges())?,
            unbiased,
            images: TrialImages { input, count, labels },
            backend: self.backend(),
        });
        let (phase, images) = match self.measured().get(&key) {
            Some((layers, images)) => (Phase::Known(layers, setup), images),
            None => {
                let (input, count, _) = self.inputs(images, SENSITIVITY_IMAGES)?;
                let variants = variants(self.float(), &key.recipe, None)?;
                let work = Sensitivity::new(Arc::clone(self.float()), variants, unbiased, input, count, self.backend())?;
                (Phase::Measuring(Box::new(work), setup), count)
            }
        };
        let weighted = || self.graph().nodes.iter().filter(|node| has_weights(node));
        let bytes: usize = weighted().map(packed::node_bytes).sum();
        let rest = packed::write(self.graph()).len().saturating_sub(bytes);
        let layers = weighted().count();
        Ok(Searching { phase, key, images, layers, rest, budget, measured: Arc::clone(self.measured()), done: 0 })
    }
}

impl Searching {
    /// How far it is: widths of layers on batches of images, then runs, of which it may need fewer.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let runs = 1 + Refining::most_steps(self.layers);
        let (done, total) = match &self.phase {
            Phase::Measuring(work, _) => {
                let (done, total) = work.progress();
                (done, total + runs)
            }
            Phase::Known(..) => (0, runs),
            Phase::Refining(work) => work.progress(),
            Phase::Failed => (0, 0),
        };
        Progress { done: self.done + done, total: self.done + total }
    }

    /// Does one more step.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the model cannot run; the search is of no use then.
    pub fn step(&mut self) -> Result<Progress, LabError> {
        self.phase = match mem::replace(&mut self.phase, Phase::Failed) {
            Phase::Measuring(mut work, setup) => {
                if work.step()? {
                    Phase::Measuring(work, setup)
                } else {
                    self.done = work.progress().0;
                    let layers = Arc::new(work.finish()?);
                    self.measured.put(self.key.clone(), Arc::clone(&layers), self.images);
                    Phase::Known(layers, setup)
                }
            }
            Phase::Known(layers, setup) => {
                let Setup { float, variants, unbiased, images, backend } = *setup;
                let scouts = Trials::new(&float, variants.clone(), unbiased, images.first(SCOUT_IMAGES), backend)?;
                let trials = Trials::new(&float, variants, unbiased, images, backend)?;
                self.done += 1;
                Phase::Refining(Box::new(Refining::new(layers, self.rest, self.budget, trials, scouts)))
            }
            Phase::Refining(mut work) => {
                work.step()?;
                Phase::Refining(work)
            }
            Phase::Failed => Phase::Failed,
        };
        Ok(self.progress())
    }

    /// Does what is left, and gives the best widths and their frontier.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(mut self) -> Result<Frontier, LabError> {
        while !self.progress().is_done() {
            self.step()?;
        }
        match self.phase {
            Phase::Refining(work) => Ok(work.finish(self.images)?),
            Phase::Measuring(..) | Phase::Known(..) | Phase::Failed => Err(LabError::NoCalibration),
        }
    }
}

fn has_weights(node: &Node) -> bool {
    bitdial_engine::describe::weights(node).is_some()
}

/// A recipe that says nothing of widths, nor of activations.
fn without_widths(recipe: &Recipe) -> Recipe {
    let mut recipe = Recipe { activations: None, accumulator: None, ..recipe.clone() };
    recipe.weights.bits = Bits::MAX;
    for layer in recipe.layers.values_mut() {
        layer.activations = None;
        if let Some(weights) = &mut layer.weights {
            weights.bits = None;
        }
        layer.weights = layer.weights.filter(|weights| *weights != WeightOverride::default());
    }
    recipe.layers.retain(|_, layer| *layer != LayerOverride::default());
    recipe
}

/// The model with its weights at every width that their format has; no correction is made.
fn variants(float: &Graph, recipe: &Recipe, ranges: Option<&Ranges>) -> Result<Vec<Variant>, LabError> {
    let mut variants = Vec::new();
    let mut refused = None;
    for bits in Bits::all() {
        let mut recipe = Recipe { corrections: Vec::new(), ..recipe.clone() };
        recipe.weights.bits = bits;
        recipe.layers.values_mut().filter_map(|layer| layer.weights.as_mut()).for_each(|weights| weights.bits = None);
        match quantize(float, &recipe, ranges) {
            Ok(graph) => variants.push(Variant { bits: bits.get(), graph }),
            // Not every format has every width.
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if variants.is_empty() => Err(error.into()),
        _ => Ok(variants),
    }
}
