//! Mixed precision: measures what each layer loses at each width, once for each kind of recipe, and allocates widths.

use std::sync::{Arc, Mutex, PoisonError};

use bitdial_ir::{Graph, Node, packed};
use bitdial_protocol::{
    Bits, Budget, Correction, Format, Frontier, FrontierPoint, LayerOverride, LayerSensitivity, Recipe, WeightOverride,
};
use bitdial_quant::{Measured, Ranges, SENSITIVITY_IMAGES, Sensitivity, TRIAL_IMAGES, Trials, Variant, quantize};

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
    work: Option<Sensitivity>,
    key: Key,
    images: usize,
    /// Bytes of the packed model beside its layers with weights.
    rest: usize,
    budget: Budget,
    trials: Trials,
    measured: Arc<Memory>,
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
        let (input, count, _) = self.inputs(images, SENSITIVITY_IMAGES)?;
        let key = Key { recipe, images: images.fingerprint() };
        let shifts = |c: &Correction| !matches!(c, Correction::Cle | Correction::Smooth);
        let unbiased = self.recipe().corrections.iter().any(shifts);
        let work = match self.measured().get(&key) {
            Some(_) => None,
            None => {
                let variants = variants(self.float(), &key.recipe, None)?;
                Some(Sensitivity::new(Arc::clone(self.float()), variants, unbiased, input, count, self.backend())?)
            }
        };
        let layers: usize = self.graph().nodes.iter().filter(|node| has_weights(node)).map(packed::node_bytes).sum();
        let rest = packed::write(self.graph()).len().saturating_sub(layers);
        let (input, run, labels) = self.inputs(images, TRIAL_IMAGES)?;
        let all = variants(self.float(), self.recipe(), self.ranges())?;
        let trials = Trials::new(self.float(), all, unbiased, input, run, &labels, self.backend())?;
        Ok(Searching { work, key, images: count, rest, budget, trials, measured: Arc::clone(self.measured()) })
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
        let Self { work, key, images, rest, budget, trials, measured } = self;
        let (layers, images) = match work {
            Some(work) => {
                let layers = Arc::new(work.finish()?);
                measured.put(key, Arc::clone(&layers), images);
                (layers, images)
            }
            None => measured.get(&key).unwrap_or_default(),
        };
        let known = Measured { layers: &layers, rest };
        let run = |mut point: FrontierPoint| {
            point.measured = Some(trials.run(&point.widths)?);
            Ok::<_, LabError>(point)
        };
        let mut points = known.frontier();
        let mut uniform = None;
        let widths: Vec<u8> = layers.first().map(|layer| layer.options.iter().map(|option| option.bits).collect()).unwrap_or_default();
        let is_drop = matches!(budget, Budget::Drop(_));
        for point in widths.iter().filter_map(|&bits| known.uniform(bits)) {
            let point = if is_drop { run(point)? } else { point };
            if known.fits(&point, budget) && !(is_drop && uniform.is_some()) {
                uniform = Some(point);
            }
        }
        let mut uniform = uniform.map(run).transpose()?;
        let mut chosen = known.allocate(budget).map(run).transpose()?;
        if is_drop {
            // The narrowest point that keeps the budget: by bisection, as if losses fell all along the frontier.
            let (mut low, mut high) = (0, points.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                points[middle] = run(points[middle].clone())?;
                if known.fits(&points[middle], budget) { high = middle } else { low = middle + 1 }
            }
            chosen = points.get(high).cloned();
        }
        let loss = |point: &FrontierPoint| point.measured.map_or(f32::INFINITY, |measured| measured.loss);
        let better = |a: &FrontierPoint, b: &FrontierPoint| if is_drop { a.bytes < b.bytes } else { loss(a) < loss(b) };
        if let Some(uniform) = &mut uniform
            && chosen.as_ref().is_none_or(|chosen| better(uniform, chosen))
        {
            chosen = Some(uniform.clone());
        }
        Ok(Frontier { images, run_images: trials.images(), layers: layers.to_vec(), points, uniform, chosen })
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
