//! A and B: one recipe is pinned as A, the one in force is B, and the page shows both.

use super::bench::Run;
use super::rules::{Way, way};
use bitdial_protocol::Recipe;

use super::{Action, Bench, Edit, RunReport, State};

/// What becomes of the pinned recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The recipe in force becomes A.
    Current,
    /// There is no A any more.
    Remove,
    /// A is put in force, and what was in force becomes A.
    Swap,
    /// A is put in force, and stays A.
    Restore,
}

impl Bench {
    /// A, and what it gave, while one is pinned.
    pub fn pinned(&self) -> Option<&Run> {
        let recipe = self.pinned.as_ref()?;
        self.runs.iter().find(|run| run.recipe == *recipe)
    }

    /// A, where it is not the recipe in force.
    pub fn a(&self) -> Option<&Run> {
        self.pinned().filter(|run| run.recipe != self.run().recipe)
    }

    /// A, where figures of it are missing: it was pinned before they were there, on another backend, or before a reload. What
    /// could not be measured then is not asked for again.
    pub fn unmeasured(&self) -> Option<&Run> {
        let counted = |a: &Run| a.predictions.n() >= self.images() && a.latency.is_some() && a.profiles.is_some();
        let diagnosed = |a: &Run| a.diagnosis.is_some() || !self.entry.is_diagnosed() || way(&a.recipe) == Way::Float;
        self.a().filter(|a| self.spent.as_ref() != Some(&a.recipe) && !(counted(a) && diagnosed(a)))
    }

    /// Makes a recipe A, without putting it in force.
    pub fn pin(&mut self, recipe: Recipe) {
        if !self.runs.iter().any(|run| run.recipe == recipe) {
            self.runs.insert(0, Run { recipe: recipe.clone(), ..Run::default() });
            self.current += 1;
        }
        self.pinned = Some(recipe);
    }

    /// Whether a run is A.
    pub fn is_pinned(&self, run: usize) -> bool {
        self.pinned.as_ref() == Some(&self.runs[run].recipe)
    }

    /// Takes A over from another backend: its classes are the same here, its times are not.
    pub(super) fn pin_from(&mut self, other: &Self) {
        let Some(a) = other.pinned().filter(|_| other.entry.id == self.entry.id) else { return };
        if !self.runs.iter().any(|run| run.recipe == a.recipe) {
            self.runs.insert(0, a.moved());
            self.current += 1;
        }
        self.pinned = Some(a.recipe.clone());
    }
}

impl State {
    /// Takes what A gave while another recipe was in force.
    pub(super) fn take_beside(&mut self, recipe: &Recipe, report: RunReport) {
        let known = self.bench.runs.iter().position(|run| run.recipe == *recipe);
        let Some(at) = known.filter(|at| *at != self.bench.current) else { return };
        if matches!(report, RunReport::Over) {
            self.bench.spent = Some(recipe.clone());
            return;
        }
        use RunReport::{Diagnosed, Evaluated, Profiled, Quantized, Timed};
        if matches!(report, Quantized(_) | Evaluated(_) | Timed(_) | Profiled(_) | Diagnosed(..)) {
            let now = std::mem::replace(&mut self.bench.current, at);
            self.take_run(report);
            self.bench.current = now;
        }
    }

    pub(super) fn pin(&mut self, pin: Pin) {
        let a = self.bench.pinned.clone();
        match pin {
            Pin::Current => self.bench.pinned = Some(self.link.recipe.clone()),
            Pin::Remove => self.bench.pinned = None,
            Pin::Swap if a.is_some() => self.bench.pinned = Some(self.link.recipe.clone()),
            Pin::Swap | Pin::Restore => {}
        }
        if let (Pin::Swap | Pin::Restore, Some(a)) = (pin, a) {
            self.take(Action::Edit { edit: Edit::Recipe(a), dragging: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{BackendChoice, Bits, Link};

    use super::*;
    use crate::catalogue;
    use crate::state::{Evaluated, RunReport};

    fn state() -> State {
        let entry = &catalogue::all()[0];
        State::new(Link::new(&entry.id), entry)
    }

    fn turn(state: &mut State, bits: u8) {
        state.take(Action::Edit { edit: Edit::WeightBits(Bits::new(bits).unwrap()), dragging: false });
    }

    fn evaluated(state: &mut State, classes: &[u16]) {
        let report = RunReport::Evaluated(Evaluated { top1: classes.to_vec(), ..Evaluated::default() });
        state.take(Action::Run(state.generation, report));
    }

    fn bits(state: &State) -> (Option<u8>, u8) {
        (state.bench.pinned().map(|run| run.recipe.weights.bits.get()), state.link.recipe.weights.bits.get())
    }

    #[test]
    fn a_stays_while_b_changes_and_both_change_places() {
        let mut state = state();
        state.take(Action::Pin(Pin::Current));
        assert!(state.bench.a().is_none(), "A is in force");
        // Pinned before anything is known of it, and not passed over for that.
        turn(&mut state, 4);
        evaluated(&mut state, &[1, 2]);
        assert_eq!(bits(&state), (Some(8), 4));
        for (pin, expected) in [
            (Pin::Swap, (Some(4), 8)),
            (Pin::Swap, (Some(8), 4)),
            (Pin::Restore, (Some(8), 8)),
            (Pin::Remove, (None, 8)),
            (Pin::Swap, (None, 8)),
            (Pin::Restore, (None, 8)),
        ] {
            state.take(Action::Pin(pin));
            assert_eq!(bits(&state), expected, "{pin:?}");
        }
    }

    #[test]
    fn a_belongs_to_a_model_and_goes_to_another_backend() {
        let mut state = state();
        evaluated(&mut state, &[1, 2]);
        state.take(Action::Pin(Pin::Current));
        turn(&mut state, 3);
        state.take(Action::Edit { edit: Edit::Backend(BackendChoice::Scalar), dragging: false });
        assert_eq!((bits(&state), state.bench.a().map(|a| a.predictions.n())), ((Some(8), 3), Some(2)));
        state.take(Action::Edit { edit: Edit::Model(catalogue::all()[1].id.clone()), dragging: false });
        assert_eq!(bits(&state).0, None);
        state.take(Action::Edit { edit: Edit::Model(catalogue::all()[0].id.clone()), dragging: false });
        assert_eq!(bits(&state).0, Some(8));
    }

    #[test]
    fn a_that_lacks_figures_gets_them_while_b_is_in_force() {
        let mut state = state();
        let a = state.link.recipe.clone();
        turn(&mut state, 4);
        evaluated(&mut state, &[1, 2]);
        // As after a reload: nothing but the recipe is known.
        state.bench.pin(a.clone());
        assert_eq!((bits(&state), state.bench.unmeasured().map(|a| a.recipe.clone())), ((Some(8), 4), Some(a.clone())));
        let report = |classes: &[u16]| RunReport::Evaluated(Evaluated { top1: classes.to_vec(), ..Evaluated::default() });
        state.take(Action::Beside(state.epoch, a.clone(), report(&[3])));
        state.take(Action::Beside(state.epoch, a.clone(), RunReport::Failed { message: "no".into(), retry: false }));
        state.take(Action::Beside(state.epoch + 1, a.clone(), report(&[3, 3])));
        let known = state.bench.a().map(|a| (a.predictions.n(), a.predictions.class(0)));
        assert_eq!((known, state.bench.run().predictions.n(), bits(&state).1, state.notices.len()), (Some((1, Some(3))), 2, 4, 0));
        // What is still missing is not asked for without end.
        assert!(state.bench.unmeasured().is_some());
        state.take(Action::Beside(state.epoch, a, RunReport::Over));
        assert!(state.bench.unmeasured().is_none() && state.bench.a().is_some());
    }

    #[test]
    fn a_is_kept_however_many_recipes_are_tried() {
        let mut state = state();
        evaluated(&mut state, &[1]);
        state.take(Action::Pin(Pin::Current));
        for samples in 1..200 {
            let mut recipe = state.link.recipe.clone();
            recipe.calibration.samples = samples;
            state.take(Action::Edit { edit: Edit::Recipe(recipe), dragging: false });
            evaluated(&mut state, &[1]);
        }
        assert!(state.bench.runs.len() < 100 && state.bench.pinned().is_some(), "{}", state.bench.runs.len());
    }
}
