//! What a person asks for beside the figures of the recipe in force: one thing at a time, with progress, to be given up.

use std::rc::Rc;

use bitdial_protocol::{Budget, Frontier, FrontierPoint, LayerAccuracy, Recipe};

use super::{Severity, State};
use crate::client::Progress;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Errand {
    /// The best widths of the layers under a budget.
    Search(Budget),
    /// Accuracy with a layer set apart.
    Accuracy(String),
}

/// What it gave.
#[derive(Clone, Debug)]
pub enum Found {
    /// How far it is.
    Progress(Progress),
    /// Widths, for recipes like this one.
    Widths(Recipe, Rc<Frontier>),
    /// Accuracies.
    Accuracy(LayerAccuracy),
    /// Nothing, and why.
    Nothing(String),
}

/// The last search, and for recipes like which.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// The recipe that was in force.
    pub base: Recipe,
    /// Under which budget.
    pub budget: Budget,
    /// What was found.
    pub frontier: Rc<Frontier>,
}

impl State {
    /// Begins one, in the place of another.
    pub(super) fn begin_errand(&mut self, errand: Errand) {
        self.errand = Some((errand, Progress { stage: String::new(), done: 0, total: 1 }));
    }

    /// Takes what one gave. It is of the recipe in force: another one ends what was asked for.
    pub(super) fn take_found(&mut self, found: Found) {
        let Some((errand, progress)) = &mut self.errand else { return };
        match found {
            Found::Progress(now) => {
                *progress = now;
                return;
            }
            Found::Widths(base, frontier) => {
                if let Errand::Search(budget) = *errand {
                    self.bench.searched = Some(Searched { base, budget, frontier });
                }
            }
            Found::Accuracy(accuracy) => {
                let run = self.bench.run_mut();
                run.isolated.retain(|known| known.name != accuracy.name);
                run.isolated.push(accuracy);
            }
            Found::Nothing(why) => self.tell(Severity::Warning, why, false),
        }
        self.errand = None;
    }
}

impl Searched {
    /// A recipe with the widths of a point: the one in force, or if its weights are of another format, the one that was
    /// searched for.
    pub fn recipe(&self, point: &FrontierPoint, now: &Recipe) -> Recipe {
        let like = now.weights.format == self.base.weights.format;
        self.frontier.recipe(point, if like { now } else { &self.base })
    }

    /// Bits on average and predicted loss of a recipe that differs from the one that was searched for by its widths alone;
    /// `None` for any other, and for widths that were not measured.
    pub fn place(&self, recipe: &Recipe) -> Option<(f32, f32)> {
        let widths: Vec<u8> = self.frontier.layers.iter().map(|layer| recipe.weights_of(&layer.name).width()).collect();
        let point = FrontierPoint { bytes: 0, bits: 0.0, loss: 0.0, widths, measured: None };
        let mut base = self.base.clone();
        base.weights.bits = recipe.weights.bits;
        if self.frontier.recipe(&point, &base) != self.frontier.recipe(&point, recipe) {
            return None;
        }
        let (mut weights, mut bits, mut loss) = (0, 0, 0.0);
        for (layer, width) in self.frontier.layers.iter().zip(&point.widths) {
            loss += layer.options.iter().find(|option| option.bits == *width)?.loss;
            weights += layer.weights;
            bits += layer.weights * usize::from(*width);
        }
        (weights > 0).then(|| (bits as f32 / weights as f32, loss))
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Bits, LayerSensitivity, Link, WidthOption};

    use super::*;
    use crate::catalogue;
    use crate::state::{Action, edit::Edit};

    fn state() -> State {
        let entry = &catalogue::all()[0];
        State::new(Link::new(&entry.id), entry)
    }

    fn progress(done: u32) -> Progress {
        Progress { stage: "layers".into(), done, total: 9 }
    }

    #[test]
    fn an_errand_has_progress_and_ends_with_what_it_found() {
        let mut state = state();
        let accuracy = |only| LayerAccuracy { name: "fc".into(), count: 1_000, only, except: 900 };
        state.take(Action::Found(0, Found::Progress(progress(3))));
        assert_eq!(state.errand, None);
        for hits in [800, 850] {
            state.take(Action::Begin(state.generation, Errand::Accuracy("fc".into())));
            state.take(Action::Found(0, Found::Progress(progress(3))));
            assert_eq!(state.errand, Some((Errand::Accuracy("fc".into()), progress(3))));
            state.take(Action::Found(0, Found::Accuracy(accuracy(hits))));
            assert_eq!((&state.errand, &state.bench.run().isolated), (&None, &vec![accuracy(hits)]));
        }
        state.take(Action::Begin(state.generation, Errand::Accuracy("fc".into())));
        state.take(Action::Found(0, Found::Nothing("no".into())));
        assert_eq!((&state.errand, state.notices.len()), (&None, 1));
    }

    #[test]
    fn another_recipe_or_a_person_ends_it() {
        let mut state = state();
        let search = || Errand::Search(Budget::Bits(3.0));
        state.take(Action::Begin(state.generation, search()));
        state.take(Action::GiveUp);
        assert_eq!(state.errand, None);
        state.take(Action::Begin(state.generation, search()));
        state.take(Action::Edit { edit: Edit::WeightBits(Bits::MIN), dragging: false });
        assert_eq!(state.errand, None);
        state.take(Action::Begin(state.generation, search()));
        state.take(Action::Found(0, Found::Nothing("late".into())));
        assert!(state.errand.is_some() && state.notices.is_empty());
        // One that was asked for under another recipe does not begin.
        state.take(Action::GiveUp);
        state.take(Action::Begin(state.generation - 1, search()));
        assert_eq!(state.errand, None);
    }

    #[test]
    fn widths_that_were_found_become_exceptions_of_the_recipe_in_force() {
        let mut state = state();
        let layers = ["a", "b"].map(|name| LayerSensitivity { name: name.into(), weights: 1, options: Vec::new() });
        let point = FrontierPoint { bytes: 9, bits: 3.0, loss: 0.1, widths: vec![4, 8], measured: None };
        let frontier = Frontier {
            images: 1,
            run_images: 1,
            layers: layers.into(),
            points: vec![point.clone()],
            uniform: None,
            chosen: Some(point.clone()),
        };
        state.take(Action::Begin(state.generation, Errand::Search(Budget::Bytes(10))));
        state.take(Action::Found(0, Found::Widths(state.link.recipe.clone(), Rc::new(frontier))));
        let searched = state.bench.searched.clone().unwrap();
        assert_eq!(searched.budget, Budget::Bytes(10));
        let mut now = Recipe::from_json(r#"{"weights":{"bits":4},"corrections":["bias"]}"#).unwrap();
        let made = searched.recipe(&point, &now);
        assert_eq!((made.corrections.len(), made.layers.len(), made.weights_of("b").bits.get()), (1, 1, 8));
        // A recipe of other widths has its place by the losses that were measured; any other recipe has none.
        let option = |bits, loss| WidthOption { bits, bytes: 1, loss };
        let layer =
            |name: &str, weights, loss| LayerSensitivity { name: name.into(), weights, options: vec![option(3, loss), option(8, 0.0)] };
        let frontier = Frontier { layers: vec![layer("a", 3, 0.5), layer("b", 1, 0.25)], ..(*searched.frontier).clone() };
        let known = Searched { frontier: Rc::new(frontier), ..searched.clone() };
        for (json, expected) in [
            (r#"{"weights":{"bits":3}}"#, Some((3.0, 0.75))),
            (r#"{"weights":{"bits":3},"layers":{"a":{"weights":{"bits":8}}}}"#, Some((6.75, 0.25))),
            (r#"{"weights":{"bits":4}}"#, None),
            (r#"{"weights":{"bits":3,"granularity":"tensor"}}"#, None),
        ] {
            assert_eq!(known.place(&Recipe::from_json(json).unwrap()), expected, "{json}");
        }
        now.weights.format = bitdial_protocol::Format::Nf4;
        assert_eq!(searched.recipe(&point, &now).weights.format, searched.base.weights.format);
    }
}
