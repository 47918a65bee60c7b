//! A link that promises figures: whether they come out here.

use bitdial_protocol::{Expected, Link};

use super::bench::Bench;
use super::predictions::{Goal, Share};
use super::{Phase, State};
use crate::format::{count, time};

/// What became of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another recipe or model is in force.
    Left,
    /// Not everything is counted yet.
    Open,
    /// Everything that must be equal is equal.
    Reproduced,
    /// What is not, a sentence each.
    Differs(Vec<String>),
}

/// What the model in force gave, as far as a link can promise it: hits only where images are counted without a gap from
/// the first one on.
pub fn figures(bench: &Bench) -> Expected {
    let run = bench.run();
    let hits = [bench.images(), bench.first()].into_iter().find_map(|n| hits(bench, n));
    let number = |n: usize| u32::try_from(n).ok();
    let hits = hits.and_then(|share| number(share.hits).zip(number(share.n)));
    let size = run.info.as_ref().and_then(|info| number(info.size));
    let latency = run.latency.map(|latency| (latency.quantized.median * 1e3).round() as u32);
    Expected { hits, size, latency }
}

/// Hits on the first `n` images, once all of them are counted.
fn hits(bench: &Bench, n: usize) -> Option<Share> {
    let known = match bench.goal() {
        Goal::Accuracy => bench.truth.len() >= n,
        Goal::Agreement => bench.baseline.covers(0..n),
    };
    let predictions = &bench.run().predictions;
    (n > 0 && known && predictions.covers(0..n)).then(|| bench.share(predictions, n))
}

impl State {
    /// Takes over what a link promises.
    pub(super) fn hear(&mut self, link: &Link) {
        if link.expected.is_promise() {
            self.shared = Some(link.clone());
        }
    }

    /// What was promised of a link's recipe is promised of this one.
    pub(super) fn rewrite(&mut self, link: &Link) {
        if let Some(shared) = self.shared.as_mut().filter(|shared| shared.recipe == self.link.recipe) {
            shared.recipe = link.recipe.clone();
        }
    }

    /// Nothing is promised any longer.
    pub(super) fn forgive(&mut self) {
        self.shared = None;
        self.link.expected = Expected::default();
        // The address says it wrongly now.
        self.mend += 1;
    }

    /// What was promised of a recipe.
    pub(super) fn promise(&self, link: &Link) -> Expected {
        let shared = self.shared.as_ref().filter(|shared| shared.model == link.model && shared.recipe == link.recipe);
        shared.map(|shared| shared.expected).unwrap_or_default()
    }

    /// What became of the promise, if there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        let shared = self.shared.as_ref()?;
        if shared.model != self.link.model || shared.recipe != self.link.recipe {
            return Some(Verdict::Left);
        }
        let (bench, expected) = (&self.bench, shared.expected);
        let mut differs = Vec::new();
        let mut open = false;
        if let Some((there, n)) = expected.hits.map(|(hits, n)| (hits as usize, n as usize)) {
            let what = if bench.goal() == Goal::Accuracy { "predictions are right" } else { "predictions are those of f32" };
            match hits(bench, n) {
                Some(here) if here.hits == there => {}
                Some(here) => differs.push(format!("{} of {} {what}, the link says {}.", count(here.hits), count(n), count(there))),
                None if bench.loaded.is_some() && n > bench.images() => {
                    differs.push(format!("The link counts {} images, there are {} here.", count(n), count(bench.images())));
                }
                None => open = true,
            }
        }
        if let Some(there) = expected.size.map(|size| size as usize) {
            match bench.run().info.as_ref().map(|info| info.size) {
                Some(here) if here == there => {}
                Some(here) => differs.push(format!("The model has {} bytes, the link says {}.", count(here), count(there))),
                None => open = true,
            }
        }
        Some(match (differs.is_empty(), open) {
            (true, true) => Verdict::Open,
            (true, false) => Verdict::Reproduced,
            (false, _) => Verdict::Differs(differs),
        })
    }

    /// The latency that was promised beside the one here: told, never judged.
    pub fn latencies(&self) -> Option<String> {
        let there = time(f64::from(self.promise(&self.link).latency?) / 1e3);
        Some(match self.bench.run().latency {
            Some(here) => format!("Latency: {there} there, {} here.", time(here.quantized.median)),
            None if self.phase == Phase::Idle => format!("Latency: {there} there."),
            None => format!("Latency: {there} there, not timed here yet."),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use bitdial_protocol::{Energy, MemoryUse, QuantizedInfo};

    use super::*;
    use crate::catalogue;
    use crate::state::{Action, Edit, Predictions};

    fn state(fragment: &str) -> State {
        let (link, issues) = Link::from_fragment(fragment, &catalogue::ids());
        assert_eq!(issues, []);
        State::new(link.clone(), catalogue::Entry::find(&link.model).unwrap())
    }

    /// Counts `n` images, of which the first `right` are right, and makes the model as large as `size`.
    fn run(state: &mut State, n: usize, right: usize, size: usize) {
        state.bench.truth = Rc::new(vec![1; n]);
        let mut predictions = Predictions::default();
        predictions.put(0, &(0..n).map(|i| u16::from(i < right)).collect::<Vec<_>>(), &[]);
        let (energy, memory) = (Energy::default(), MemoryUse::default());
        let info = QuantizedInfo { size, layers: Vec::new(), energy, memory, corrections: Vec::new() };
        let run = state.bench.run_mut();
        (run.predictions, run.info) = (Rc::new(predictions), Some(Rc::new(info)));
    }

    #[test]
    fn a_promise_is_kept_or_what_differs_is_named() {
        for (promise, n, right, size, verdict) in [
            ("accuracy=800/1000&size=5&latency=9us", 1_000, 800, 5, Verdict::Reproduced),
            ("accuracy=800/1000", 10_000, 800, 5, Verdict::Reproduced),
            ("size=5", 0, 0, 5, Verdict::Reproduced),
            ("accuracy=800/1000&size=5", 999, 800, 5, Verdict::Open),
            (
                "accuracy=800/1000&size=5",
                1_000,
                801,
                5,
                Verdict::Differs(vec!["801 of 1,000 predictions are right, the link says 800.".to_owned()]),
            ),
            ("accuracy=800/1000&size=5", 10, 1, 6, Verdict::Differs(vec!["The model has 6 bytes, the link says 5.".to_owned()])),
        ] {
            let mut state = state(&format!("model=digits&w=4&{promise}"));
            assert_eq!(state.verdict(), Some(Verdict::Open), "{promise}");
            run(&mut state, n, right, size);
            assert_eq!(state.verdict(), Some(verdict), "{promise} {n} {right} {size}");
        }
        assert_eq!((state("model=digits").verdict(), state("model=digits&latency=9us").verdict()), (None, None));
    }

    #[test]
    fn a_promise_belongs_to_its_recipe() {
        let mut state = state("model=digits&w=4&size=5");
        let bits = |n| Edit::WeightBits(bitdial_protocol::Bits::new(n).unwrap());
        state.take(Action::Edit { edit: bits(3), dragging: false });
        assert_eq!((state.verdict(), state.link.to_fragment().as_str()), (Some(Verdict::Left), "v=1&model=digits&w=3"));
        state.take(Action::Edit { edit: bits(4), dragging: false });
        assert_eq!((state.verdict(), state.link.to_fragment().as_str()), (Some(Verdict::Open), "v=1&model=digits&w=4&size=5"));
        state.take(Action::Forgive);
        assert_eq!((state.verdict(), state.link.to_fragment().as_str()), (None, "v=1&model=digits&w=4"));
    }

    #[test]
    fn what_is_promised_is_what_is_counted_without_a_gap() {
        let mut state = state("model=digits");
        run(&mut state, 1_500, 900, 7);
        assert_eq!(figures(&state.bench), Expected { hits: Some((900, 1_000)), size: Some(7), latency: None });
        run(&mut state, 10_000, 9_000, 7);
        assert_eq!(figures(&state.bench).hits, Some((9_000, 10_000)));
        run(&mut state, 400, 90, 7);
        assert_eq!(figures(&state.bench).hits, None);
    }
}
