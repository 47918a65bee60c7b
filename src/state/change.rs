//! What the last change did to the figures, in a few words.

use bitdial_protocol::Timing;

use super::predictions::Goal;
use super::{Bench, Control, State};
use crate::format::{bytes, percent, time};

/// Figures of a recipe, as far as they are complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    goal: Goal,
    share: Option<f64>,
    size: Option<usize>,
    latency: Option<Timing>,
}

impl Figures {
    /// Those of the recipe in force.
    pub fn of(bench: &Bench) -> Self {
        let run = bench.run();
        let share = bench.share(&run.predictions, usize::MAX);
        Self {
            goal: bench.goal(),
            share: share.value().filter(|_| share.n == bench.images()),
            size: run.info.as_ref().map(|info| info.size),
            latency: run.latency.map(|latency| latency.quantized),
        }
    }

    /// What differs now: `92.8 → 92.4 %, 80.8 kB → 39.8 kB`. Times differ if each is outside the spread of the other, or
    /// where kernels were changed, which is what times are about.
    fn to(&self, now: &Self, control: &Control) -> String {
        let mut parts = Vec::new();
        let mut add = |before: Option<String>, now: Option<String>, unit: &str| {
            if let (Some(before), Some(now)) = (before, now)
                && before != now
            {
                parts.push(format!("{before} \u{2192} {now}{unit}"));
            }
        };
        if self.goal == now.goal {
            let [before, now] = [self, now].map(|figures| figures.share.map(|share| percent(share, 1)));
            add(before, now, "\u{a0}%");
        }
        let [before, after] = [self, now].map(|figures| figures.size.map(|size| bytes(size).to_string()));
        add(before, after, "");
        let apart = |a: Timing, b: Timing| !(b.p10..=b.p90).contains(&a.median) && !(a.p10..=a.p90).contains(&b.median);
        if let (Some(a), Some(b)) = (self.latency, now.latency)
            && (matches!(control, Control::Backend | Control::Model) || apart(a, b))
        {
            add(Some(time(a.median).to_string()), Some(time(b.median).to_string()), "");
        }
        parts.join(", ")
    }
}

impl State {
    /// Figures that the last change changed, before and now; empty where there are none or none is known yet.
    pub fn changed(&self) -> String {
        let now = || Figures::of(&self.bench);
        self.before.as_ref().map_or(String::new(), |before| before.figures.to(&now(), &before.control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_said_and_nothing_else() {
        let timing = |median: f64| Some(Timing { median, p10: median * 0.8, p90: median * 1.5, runs: 9 });
        let before = Figures { goal: Goal::Accuracy, share: Some(0.928), size: Some(80_800), latency: timing(0.4) };
        let agreement = Figures { goal: Goal::Agreement, share: Some(1.0), ..before.clone() };
        let share = |share| Figures { share, ..before.clone() };
        let latency = |ms| Figures { latency: timing(ms), ..before.clone() };
        let size = Figures { size: Some(39_800), latency: None, ..share(Some(0.924)) };
        let bits = Control::WeightBits;
        for (now, control, words) in [
            (before.clone(), &bits, ""),
            (share(None), &bits, ""),
            (share(Some(0.92804)), &bits, ""),
            (size.clone(), &bits, "92.8 \u{2192} 92.4\u{a0}%, 80.8\u{a0}kB \u{2192} 39.8\u{a0}kB"),
            (agreement, &Control::Model, ""),
            (latency(0.5), &bits, ""),
            (latency(0.5), &Control::Backend, "400\u{a0}\u{b5}s \u{2192} 500\u{a0}\u{b5}s"),
            (latency(1.2), &bits, "400\u{a0}\u{b5}s \u{2192} 1.20\u{a0}ms"),
        ] {
            assert_eq!(before.to(&now, control).replace(' ', "\u{a0}"), words.replace(' ', "\u{a0}"), "{now:?}");
        }
    }
}
