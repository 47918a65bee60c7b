//! What is known about one model on one backend: its f32 run, the recipes tried, the sweeps.

use std::rc::Rc;

use bitdial_protocol::{Advice, BackendCheck, Diagnosis, LayerAccuracy, ModelInfo, Profile, QuantizedInfo, Recipe, Timing};
use yew::AttrValue;

use super::compared::Compared;
use super::errand::Searched;
use super::overflows::Overflows;
use super::predictions::{Goal, Pairs, Predictions, Share, share};
use super::tried::Tried;
use crate::catalogue::Entry;

/// Fewer images than this are no accuracy yet.
pub const ENOUGH: usize = 500;
/// Recipes kept; the oldest go first.
const MOST_RUNS: usize = 64;

/// A loaded model.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What the engine says of it.
    pub info: ModelInfo,
    /// Names of its classes.
    pub labels: Vec<AttrValue>,
    /// Titles of its images, where they have any.
    pub titles: Vec<AttrValue>,
    /// How many images there are to run, in the end.
    pub images: usize,
    /// How many of them come first.
    pub first: usize,
}

/// Latencies of one inference, measured in turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The f32 model.
    pub float: Timing,
    /// The quantized one.
    pub quantized: Timing,
}

/// Where the time of one inference goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    /// In f32.
    pub float: Profile,
    /// Quantized.
    pub quantized: Profile,
}

/// One recipe, and what it gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// The recipe.
    pub recipe: Recipe,
    /// The quantized model.
    pub info: Option<Rc<QuantizedInfo>>,
    /// What it said.
    pub predictions: Rc<Predictions>,
    /// What narrow sums did.
    pub overflows: Overflows,
    /// How long it takes.
    pub latency: Option<Latency>,
    /// Where that goes.
    pub profiles: Option<Rc<Profiles>>,
    /// What quantization broke.
    pub diagnosis: Option<Rc<Diagnosis>>,
    /// What to try next.
    pub advice: Rc<Vec<Advice>>,
    /// Accuracy with a layer set apart, of layers that were asked for.
    pub isolated: Vec<LayerAccuracy>,
    /// What each backend does with it, as far as they were measured.
    pub compared: Rc<Vec<Compared>>,
    /// Whether the backends agree on it.
    pub checks: Option<Rc<Vec<BackendCheck>>>,
}

impl Run {
    /// What holds on another backend as well: recipe and classes, not times.
    pub fn moved(&self) -> Self {
        Self { latency: None, profiles: None, checks: None, info: None, ..self.clone() }
    }
}

/// A recipe that a sweep ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// The recipe.
    pub recipe: Recipe,
    /// What it gave.
    pub point: SweepPoint,
    /// What it said about the first images.
    pub predictions: Rc<Predictions>,
}

/// What a sweep finds out about a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweepPoint {
    /// Hits on the first images.
    pub share: Share,
    /// Bytes of the model.
    pub size: usize,
}

/// Everything known about one model on one backend.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The catalogue's entry.
    pub entry: &'static Entry,
    /// The model, once it is loaded.
    pub loaded: Option<Rc<Loaded>>,
    /// Labels of the images, as far as they are loaded.
    pub truth: Rc<Vec<u16>>,
    /// What the f32 model said.
    pub baseline: Rc<Predictions>,
    /// Recipes, in the order in which they were tried.
    pub runs: Vec<Run>,
    /// The one in force.
    pub current: usize,
    /// Recipes of this model that were tried on this visit and before, by this version of the page.
    pub tried: Rc<Vec<Tried>>,
    /// What the last search for widths found.
    pub searched: Option<Searched>,
    /// What sweeps gave.
    pub swept: Rc<Vec<Swept>>,
    /// The recipe that is A, of those in `runs`.
    pub pinned: Option<Recipe>,
    /// An A that was measured as far as it can be.
    pub spent: Option<Recipe>,
}

impl Bench {
    /// Nothing is known yet.
    pub fn new(entry: &'static Entry, recipe: &Recipe) -> Self {
        Self {
            entry,
            loaded: None,
            truth: Rc::default(),
            baseline: Rc::default(),
            runs: vec![Run { recipe: recipe.clone(), ..Run::default() }],
            current: 0,
            tried: Rc::default(),
            searched: None,
            swept: Rc::default(),
            pinned: None,
            spent: None,
        }
    }

    /// What holds on another backend as well: recipes and classes, not times.
    pub fn moved(self) -> Self {
        Self { loaded: None, spent: None, runs: self.runs.iter().map(Run::moved).collect(), ..self }
    }

    /// Takes a point of a sweep.
    pub fn add_swept(&mut self, recipe: &Recipe, size: usize, classes: &[u16]) {
        let mut predictions = Predictions::default();
        predictions.put(0, classes, &[]);
        let point = SweepPoint { share: self.share(&predictions, classes.len()), size };
        Rc::make_mut(&mut self.swept).push(Swept { recipe: recipe.clone(), point, predictions: Rc::new(predictions) });
    }

    /// The recipe in force, and what it gave so far.
    pub fn run(&self) -> &Run {
        &self.runs[self.current]
    }

    /// As [`Self::run`].
    pub fn run_mut(&mut self) -> &mut Run {
        &mut self.runs[self.current]
    }

    /// Puts a recipe in force. What is known of it stays known; one that was passed over without a result is dropped.
    pub fn select(&mut self, recipe: &Recipe) {
        if self.run().recipe == *recipe {
            return;
        }
        let empty = self.run().predictions.n() == 0 && !self.is_pinned(self.current);
        let oldest = (0..self.runs.len()).find(|run| self.runs.len() > MOST_RUNS && !self.is_pinned(*run));
        if let Some(gone) = empty.then_some(self.current).or(oldest) {
            self.runs.remove(gone);
        }
        self.current = self.runs.iter().position(|run| run.recipe == *recipe).unwrap_or_else(|| {
            self.runs.push(Run { recipe: recipe.clone(), ..Run::default() });
            self.runs.len() - 1
        });
    }

    /// Labels, or agreement with f32 where there are none.
    pub fn goal(&self) -> Goal {
        if self.entry.test.is_some() { Goal::Accuracy } else { Goal::Agreement }
    }

    /// Images there are to run; before the model is loaded, what the catalogue says.
    pub fn images(&self) -> usize {
        let listed = self.entry.test.as_ref().map_or(0, |test| test.count);
        self.loaded.as_ref().map_or(listed, |loaded| loaded.images)
    }

    /// Images that make an accuracy: 500, or all where there are fewer.
    pub fn enough(&self) -> usize {
        self.images().clamp(1, ENOUGH)
    }

    /// Hits of a quantized model on the first `limit` images.
    pub fn share(&self, model: &Predictions, limit: usize) -> Share {
        share(model, &self.truth, &self.baseline, self.goal(), limit)
    }

    /// Hits of the f32 model on the first `limit` images.
    pub fn float_share(&self, limit: usize) -> Share {
        self.share(&self.baseline, limit)
    }

    /// A quantized model against the f32 one.
    pub fn pairs(&self, model: &Predictions) -> Pairs {
        Pairs::of(model, &self.baseline, &self.truth)
    }

    /// Images that come first, and that a sweep counts.
    pub fn first(&self) -> usize {
        let listed = self.entry.test.as_ref().map_or(usize::MAX, |test| test.first_count);
        self.loaded.as_ref().map_or(listed, |loaded| loaded.first)
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::Bits;

    use super::super::curve::along;
    use super::super::view::Axis;
    use super::*;
    use crate::catalogue;

    fn recipe(bits: u8) -> Recipe {
        along(&Recipe::default(), Axis::Weights, Bits::new(bits).unwrap())
    }

    fn bits(bench: &Bench) -> Vec<u8> {
        bench.runs.iter().map(|run| run.recipe.weights.bits.get()).collect()
    }

    #[test]
    fn a_recipe_passed_over_leaves_no_trace_and_one_that_ran_stays() {
        let mut bench = Bench::new(&catalogue::all()[0], &recipe(8));
        Rc::make_mut(&mut bench.run_mut().predictions).put(0, &[1, 2], &[]);
        for b in [7, 6, 5] {
            bench.select(&recipe(b));
        }
        assert_eq!((bits(&bench), bench.current), (vec![8, 5], 1));
        bench.select(&recipe(8));
        assert_eq!((bits(&bench), bench.run().predictions.n()), (vec![8], 2));
        bench.add_swept(&recipe(4), 100, &[1, 0]);
        assert_eq!((bench.swept.len(), bench.curve(Axis::Weights).len(), bench.missing(Axis::Weights).len()), (1, 1, 6));
    }
}
