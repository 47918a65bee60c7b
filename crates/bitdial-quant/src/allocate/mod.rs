//! Which of several options each layer takes, so that the sum of one quantity is least while that of another stays
//! within a limit: a multiple-choice knapsack, solved exactly.
//!
//! A dynamic programme over the layers keeps the partial choices that no other beats in both sums (Pareto), and of these
//! only those that could still become better than a choice already known: what the rest of the layers need at least
//! follows from the relaxed problem, in which a layer may take a mixture of two options (Sinha and Zoltners 1979). The gap
//! between both is so small that a few hundred partial choices stay, whatever the sizes of the layers.

mod hull;

use hull::Rest;

/// One option of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// What it takes from the limit; at least 0.
    pub cost: f64,
    /// What is to be as small as possible.
    pub loss: f64,
}

/// Chosen options, one for each layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// Which option each layer takes.
    pub picks: Vec<usize>,
    /// Sum of their costs.
    pub cost: f64,
    /// Sum of their losses.
    pub loss: f64,
}

/// Differences of sums that are rounding and nothing else, relative to the sums.
const ROUNDING: f64 = 1e-9;

/// A partial choice: options of the layers so far.
#[derive(Clone, Copy, Debug)]
struct Partial {
    cost: f64,
    loss: f64,
    /// Which partial choice of the layers before it continues, and with which option.
    from: usize,
    pick: usize,
}

/// The choice with the least loss whose cost is not above `limit`, and among these one with the least cost. `None` if
/// there is none: a layer has no option, or the cheapest ones cost more.
///
/// Options that are not finite, or cost less than 0, are left out.
#[must_use]
pub fn allocate(layers: &[Vec<Choice>], limit: f64) -> Option<Allocation> {
    let options: Vec<Vec<(usize, Choice)>> = layers.iter().map(|layer| undominated(layer)).collect();
    // Large layers first: what is left then fits any gap, and bounds are tight early.
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by(|&a, &b| span(&options[b]).total_cmp(&span(&options[a])));
    let rests = Rest::all(&order.iter().map(|&layer| &options[layer][..]).collect::<Vec<_>>())?;
    let room = limit + ROUNDING * limit.abs();
    let mut known = rests[0].rounded(room)?;
    let mut stages: Vec<Vec<Partial>> = vec![vec![Partial { cost: 0.0, loss: 0.0, from: 0, pick: 0 }]];
    for (&layer, rest) in order.iter().zip(&rests[1..]) {
        let mut next = Vec::new();
        for (from, partial) in stages[stages.len() - 1].iter().enumerate() {
            for &(pick, choice) in &options[layer] {
                let (cost, loss) = (partial.cost + choice.cost, partial.loss + choice.loss);
                let Some(more) = rest.rounded(room - cost) else { continue };
                known = known.min(loss + more);
                next.push(Partial { cost, loss, from, pick });
            }
        }
        let worth = |p: &Partial| rest.least(room - p.cost).is_some_and(|more| p.loss + more <= known + ROUNDING * known.abs());
        next.retain(worth);
        stages.push(pareto(next));
    }
    // Sorted by cost, and losses fall: the last one has the least loss.
    let mut at = stages[stages.len() - 1].len().checked_sub(1)?;
    let mut picks = vec![0; layers.len()];
    for (&layer, stage) in order.iter().zip(&stages[1..]).rev() {
        (picks[layer], at) = (stage[at].pick, stage[at].from);
    }
    let chosen = || layers.iter().zip(&picks).map(|(layer, &pick)| layer[pick]);
    Some(Allocation { cost: chosen().map(|c| c.cost).sum(), loss: chosen().map(|c| c.loss).sum(), picks })
}

/// Best choices over the whole range of limits, cheapest first: the exact one for each of `count` limits, evenly spaced
/// from the cheapest choice to the one without which nothing is lost. No two are alike.
#[must_use]
pub fn frontier(layers: &[Vec<Choice>], count: usize) -> Vec<Allocation> {
    let mut ends = layers.iter().map(|layer| {
        let options = undominated(layer);
        options.first().zip(options.last()).map(|((_, first), (_, last))| (first.cost, last.cost))
    });
    let sum = ends.try_fold((0.0, 0.0), |sum, ends| ends.map(|(first, last)| (sum.0 + first, sum.1 + last)));
    let Some((least, most)) = sum else { return Vec::new() };
    let steps = count.max(2) - 1;
    let mut points: Vec<Allocation> = Vec::with_capacity(count);
    for step in 0..=steps {
        let limit = least + (most - least) * step as f64 / steps as f64;
        if let Some(best) = allocate(layers, limit)
            && points.last() != Some(&best)
        {
            points.push(best);
        }
    }
    points
}

/// Options of which none is beaten by another in cost and loss, cheapest first, each with its index.
fn undominated(layer: &[Choice]) -> Vec<(usize, Choice)> {
    let sound = |c: &Choice| c.cost.is_finite() && c.cost >= 0.0 && c.loss.is_finite();
    let mut options: Vec<(usize, Choice)> = layer.iter().copied().enumerate().filter(|(_, c)| sound(c)).collect();
    options.sort_by(|(_, a), (_, b)| a.cost.total_cmp(&b.cost).then(a.loss.total_cmp(&b.loss)));
    let mut best = f64::INFINITY;
    options.retain(|(_, c)| {
        c.loss < best && {
            best = c.loss;
            true
        }
    });
    options
}

/// How far the costs of a layer's options lie apart.
fn span(options: &[(usize, Choice)]) -> f64 {
    options.first().zip(options.last()).map_or(0.0, |((_, first), (_, last))| last.cost - first.cost)
}

/// Those of which none is beaten by another in cost and loss, cheapest first.
fn pareto(mut all: Vec<Partial>) -> Vec<Partial> {
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.loss.total_cmp(&b.loss)));
    let mut best = f64::INFINITY;
    all.retain(|p| {
        p.loss < best && {
            best = p.loss;
            true
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choices(of: &[&[(f64, f64)]]) -> Vec<Vec<Choice>> {
        of.iter().map(|layer| layer.iter().map(|&(cost, loss)| Choice { cost, loss }).collect()).collect()
    }

    /// The least loss, and the least cost with it, by trying every choice.
    fn brute_force(layers: &[Vec<Choice>], limit: f64) -> Option<(f64, f64)> {
        let mut all = vec![(0.0, 0.0)];
        for layer in layers {
            all = all.iter().flat_map(|&(cost, loss)| layer.iter().map(move |c| (cost + c.cost, loss + c.loss))).collect();
        }
        all.into_iter().filter(|(cost, _)| *cost <= limit).map(|(cost, loss)| (loss, cost)).min_by(|a, b| a.partial_cmp(b).unwrap())
    }

    #[test]
    fn known_problems() {
        let two = choices(&[&[(1.0, 9.0), (2.0, 4.0), (4.0, 1.0)], &[(10.0, 5.0), (20.0, 1.0)]]);
        for (limit, picks) in [
            (10.9, None),
            (11.0, Some([0, 0])),
            (13.0, Some([1, 0])),
            (14.0, Some([2, 0])),
            (21.0, Some([2, 0])),
            // What the first layer gives back lets the second one take its step.
            (22.0, Some([1, 1])),
            (1e9, Some([2, 1])),
        ] {
            assert_eq!(allocate(&two, limit).map(|a| a.picks), picks.map(Vec::from), "{limit}");
        }
        assert_eq!(allocate(&[], 0.0), Some(Allocation { picks: vec![], cost: 0.0, loss: 0.0 }));
        assert_eq!(allocate(&[vec![]], 1.0), None);
        assert_eq!(allocate(&choices(&[&[(f64::NAN, 0.0), (1.0, f64::INFINITY), (-1.0, 0.0)]]), 9.0), None);
        assert_eq!(allocate(&two, f64::NAN), None);
    }

    #[test]
    fn sixty_layers_of_a_million_weights_take_no_time() {
        let layer = |i: usize| {
            let weights = 1e3 + (i * i * 7919 % 100_003) as f64 * 30.0;
            let option =
                |bits: usize| Choice { cost: weights * bits as f64, loss: (1.0 + (i * 31 % 17) as f64) * 0.25f64.powi(bits as i32) };
            (1..=8).map(option).collect::<Vec<_>>()
        };
        let layers: Vec<_> = (0..60).map(layer).collect();
        let points = frontier(&layers, 64);
        assert!(points.len() > 60 && points.is_sorted_by(|a, b| a.cost < b.cost && a.loss > b.loss));
        for bits in 1..8 {
            let uniform = |f: fn(&Choice) -> f64| layers.iter().map(|layer| f(&layer[bits - 1])).sum::<f64>();
            let best = allocate(&layers, uniform(|c| c.cost)).unwrap();
            assert!(best.loss <= uniform(|c| c.loss) && best.cost <= uniform(|c| c.cost) * (1.0 + 1e-9), "{bits}");
        }
    }

    proptest! {
        #[test]
        fn no_choice_is_better(
            layers in prop::collection::vec(prop::collection::vec((0u16..50, 0u16..50), 1..5), 0..6),
            limit in 0u16..200,
            grain in prop::sample::select(vec![1.0, 0.1, 1e6]),
        ) {
            let layers: Vec<Vec<Choice>> = layers.iter().map(|l| {
                l.iter().map(|&(c, l)| Choice { cost: f64::from(c), loss: f64::from(l) * grain }).collect()
            }).collect();
            let limit = f64::from(limit);
            match (allocate(&layers, limit), brute_force(&layers, limit)) {
                (None, None) => {}
                (Some(ours), Some((loss, cost))) => {
                    prop_assert!(ours.cost <= limit);
                    prop_assert!((ours.loss - loss).abs() <= 1e-9 * (1.0 + loss), "{} and {loss}", ours.loss);
                    prop_assert!(grain != 1.0 || ours.cost == cost, "{} and {cost}", ours.cost);
                }
                (ours, best) => prop_assert!(false, "{ours:?} and {best:?}"),
            }
        }

        #[test]
        fn a_frontier_is_made_of_best_choices(layers in prop::collection::vec(prop::collection::vec((0u16..50, 0u16..50), 1..5), 1..5)) {
            let layers: Vec<Vec<Choice>> = layers.iter().map(|l| {
                l.iter().map(|&(c, l)| Choice { cost: f64::from(c), loss: f64::from(l) }).collect()
            }).collect();
            let points = frontier(&layers, 20);
            prop_assert!(!points.is_empty());
            prop_assert!(points.is_sorted_by(|a, b| a.cost < b.cost && a.loss > b.loss));
            for point in &points {
                prop_assert_eq!(brute_force(&layers, point.cost), Some((point.loss, point.cost)));
            }
            let least = brute_force(&layers, f64::MAX).unwrap();
            prop_assert_eq!(points.last().map(|p| (p.loss, p.cost)), Some(least));
        }
    }
}
