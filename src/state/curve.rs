//! Curves of accuracy along the bits of weights or of activations, put together from recipes tried and from sweeps.

use bitdial_protocol::{Bits, Correction, Recipe};

use super::bench::{Bench, SweepPoint};
use super::numbers::Numbers;
use super::settings::serves_activations;
use super::view::Axis;

/// Schemes that are looked through for a curve, the latest first.
const SCHEMES: usize = 8;
/// A curve has at least so many points.
const FEWEST: usize = 2;

/// Points by bits, with everything else as it is.
pub type Curve = Vec<(Bits, SweepPoint)>;

/// A recipe with another width along an axis, in its family of formats; as it is if that has no such width.
pub fn along(recipe: &Recipe, axis: Axis, bits: Bits) -> Recipe {
    let mut recipe = recipe.clone();
    match axis {
        Axis::Weights => {
            if let Some(numbers) = Numbers::of_weights(&recipe.weights).at(bits) {
                recipe.weights = numbers.weights(recipe.weights);
            }
        }
        Axis::Activations => {
            let scheme = recipe.activations.unwrap_or_default();
            if let Some(numbers) = Numbers::of_activations(&scheme).at(bits).filter(|numbers| serves_activations(*numbers)) {
                recipe.activations = Some(numbers.activations(scheme));
            }
        }
    }
    recipe
}

/// The width of a recipe along an axis; 32 where it is f32.
pub fn width(recipe: &Recipe, axis: Axis) -> u8 {
    match axis {
        Axis::Weights => recipe.weights.width(),
        Axis::Activations => recipe.activations.map_or(32, |scheme| Numbers::of_activations(&scheme).width()),
    }
}

/// What all recipes of a curve have in common, as the one of them with the most bits.
pub fn scheme(recipe: &Recipe, axis: Axis) -> Recipe {
    let made = Bits::all().map(|bits| (bits, along(recipe, axis, bits)));
    let widest = made.rev().find(|(bits, made)| width(made, axis) == bits.get());
    widest.map_or_else(|| recipe.clone(), |(_, made)| made)
}

impl Bench {
    /// What is known of a recipe on the first images, from a trial or from a sweep.
    fn point(&self, recipe: &Recipe) -> Option<SweepPoint> {
        let first = self.first();
        let tried = self.runs.iter().find(|run| run.recipe == *recipe && run.predictions.n() >= first);
        let tried = tried.and_then(|run| Some(SweepPoint { share: self.share(&run.predictions, first), size: run.info.as_ref()?.size }));
        tried.or_else(|| self.swept.iter().find(|swept| swept.recipe == *recipe).map(|swept| swept.point))
    }

    /// Accuracy and size on the first images at every width along an axis, with everything else as a recipe has it, as
    /// far as known.
    pub fn curve_of(&self, recipe: &Recipe, axis: Axis) -> Curve {
        let widths = Bits::all().map(|bits| (bits, along(recipe, axis, bits)));
        let widths = widths.filter(|(bits, wanted)| width(wanted, axis) == bits.get());
        widths.filter_map(|(bits, wanted)| Some((bits, self.point(&wanted)?))).collect()
    }

    /// The curve of the recipe in force.
    pub fn curve(&self, axis: Axis) -> Curve {
        self.curve_of(&self.run().recipe, axis)
    }

    /// Curves of other schemes that were tried, at most `most`, the latest first but A's before all of them. Each with
    /// its scheme.
    pub fn other_curves(&self, axis: Axis, most: usize) -> Vec<(Recipe, Curve)> {
        let mut schemes = vec![scheme(&self.run().recipe, axis)];
        let mut curves = Vec::new();
        for recipe in self.pinned.iter().chain(self.runs.iter().rev().map(|run| &run.recipe)) {
            let of = scheme(recipe, axis);
            if schemes.len() > SCHEMES || curves.len() == most || schemes.contains(&of) {
                continue;
            }
            let curve = self.curve_of(&of, axis);
            // A is shown as soon as anything is known of it.
            let fewest = if self.pinned.as_ref() == Some(recipe) { 1 } else { FEWEST };
            if curve.len() >= fewest {
                curves.push((of.clone(), curve));
            }
            schemes.push(of);
        }
        curves
    }

    /// Recipes that the curve lacks, other than the one in force, from few bits to many; none where each would take long.
    pub fn missing(&self, axis: Axis) -> Vec<Recipe> {
        let (curve, recipe) = (self.curve(axis), &self.run().recipe);
        if recipe.corrections.iter().any(|correction| matches!(correction, Correction::Adaround | Correction::Gptq)) {
            return Vec::new();
        }
        let now = width(recipe, axis);
        let lacks = |bits: &Bits| bits.get() != now && curve.iter().all(|(known, _)| known != bits);
        let made = Bits::all().filter(lacks).map(|bits| (bits, along(recipe, axis, bits)));
        made.filter(|(bits, made)| width(made, axis) == bits.get()).map(|(_, made)| made).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn recipe(json: &str) -> Recipe {
        Recipe::from_json(json).unwrap()
    }

    #[test]
    fn a_curve_stays_in_its_family_of_formats() {
        let widths = |bench: &Bench, axis| bench.missing(axis).iter().map(|recipe| width(recipe, axis)).collect::<Vec<_>>();
        for (json, axis, expected) in [
            (r#"{"weights":{"format":"mxfp4","bits":4}}"#, Axis::Weights, vec![6, 8]),
            (r#"{"weights":{"bits":4}}"#, Axis::Weights, vec![1, 2, 3, 5, 6, 7, 8]),
            ("{}", Axis::Activations, vec![1, 2, 3, 4, 5, 6, 7]),
            (r#"{"activations":null}"#, Axis::Activations, vec![1, 2, 3, 4, 5, 6, 7, 8]),
            (r#"{"corrections":["gptq"]}"#, Axis::Weights, vec![]),
        ] {
            assert_eq!(widths(&Bench::new(&catalogue::all()[0], &recipe(json)), axis), expected, "{json} {axis:?}");
        }
    }

    #[test]
    fn curves_of_schemes_stay_and_a_comes_first() {
        let all = [r#"{"corrections":["cle"]}"#, r#"{"weights":{"granularity":"tensor"}}"#, "{}"].map(recipe);
        let mut bench = Bench::new(&catalogue::all()[0], &all[0]);
        for recipe in &all {
            bench.select(recipe);
            std::rc::Rc::make_mut(&mut bench.run_mut().predictions).put(0, &[1], &[]);
            for missing in bench.missing(Axis::Weights).into_iter().take(3) {
                bench.add_swept(&missing, 9, &[1]);
            }
        }
        let schemes = |bench: &Bench| bench.other_curves(Axis::Weights, 2).into_iter().map(|(scheme, _)| scheme).collect::<Vec<_>>();
        assert_eq!(schemes(&bench), [all[1].clone(), all[0].clone()]);
        bench.pinned = Some(all[0].clone());
        assert_eq!(schemes(&bench), [all[0].clone(), all[1].clone()]);
        assert_eq!((bench.curve(Axis::Weights).len(), bench.curve(Axis::Activations).len()), (3, 0));
        // One point is enough for A, and for no other.
        bench.swept = std::rc::Rc::default();
        for recipe in &all[..2] {
            bench.add_swept(recipe, 9, &[1]);
        }
        assert_eq!(schemes(&bench), [all[0].clone()]);
    }
}
