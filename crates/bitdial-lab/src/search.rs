//! Mixed precision: measures what each layer loses at each width, once for each kind of recipe, and allocates widths.

use std::sync::{Arc, Mutex, PoisonError};

use bitdial_ir::{Graph, Node, packed};
use bitdial_protocol::{Bits, Budget, Correction, Format, Frontier, LayerOverride, LayerSensitivity, Recipe, WeightOverride};
use bitdial_quant::{SENSITIVITY_IMAGES, Sensitivity, Variant, quantize, search};

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
pub(crate) struct Measured(Mutex<Vec<Entry>>);

/// What was measured, of what, and on how many images.
type Entry = (Key, Arc<Vec<LayerSensitivity>>, usize);

impl Measured {
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
    work: Option<Sensitivity>,
    key: Key,
    images: usize,
    /// Bytes of the packed model beside its layers with weights.
    rest: usize,
    budget: Budget,
    measured: Arc<Measured>,
}

impl Quantized {
    /// Starts to search for widths of the weights of each layer under a budget, for a recipe like this model's. What was
    /// measured before is used again.
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
        let (input, count) = self.inputs(images, SENSITIVITY_IMAGES)?;
        let key = Key { recipe, images: images.fingerprint() };
        let work = match self.measured().get(&key) {
            Some(_) => None,
            None => {
                let shifts = |c: &Correction| !matches!(c, Correction::Cle | Correction::Smooth);
                let unbiased = self.recipe().corrections.iter().any(shifts);
                let variants = variants(self.float(), &key.recipe)?;
                Some(Sensitivity::new(Arc::clone(self.float()), variants, unbiased, input, count, self.backend())?)
            }
        };
        let layers: usize = self.graph().nodes.iter().filter(|node| has_weights(node)).map(packed::node_bytes).sum();
        let rest = packed::write(self.graph()).len().saturating_sub(layers);
        Ok(Searching { work, key, images: count, rest, budget, measured: Arc::clone(self.measured()) })
    }
}

impl Searching {
    /// How far it is: widths of layers, on batches of images. Nothing is left to do where all was measured before.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (done, total) = self.work.as_ref().map_or((0, 0), Sensitivity::progress);
        Progress { done, total }
    }

    /// Does one more step.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the model cannot run.
    pub fn step(&mut self) -> Result<Progress, LabError> {
        if let Some(work) = &mut self.work {
            work.step()?;
        }
        Ok(self.progress())
    }

    /// Does what is left, and gives the best widths and their frontier.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(self) -> Result<Frontier, LabError> {
        let (layers, images) = match self.work {
            Some(work) => {
                let layers = Arc::new(work.finish()?);
                self.measured.put(self.key, Arc::clone(&layers), self.images);
                (layers, self.images)
            }
            None => self.measured.get(&self.key).unwrap_or_default(),
        };
        Ok(search(layers.to_vec(), self.rest, images, self.budget))
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
fn variants(float: &Graph, recipe: &Recipe) -> Result<Vec<Variant>, LabError> {
    let mut variants = Vec::new();
    let mut refused = None;
    for bits in Bits::all() {
        let mut recipe = Recipe { corrections: Vec::new(), ..recipe.clone() };
        recipe.weights.bits = bits;
        match quantize(float, &recipe, None) {
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
