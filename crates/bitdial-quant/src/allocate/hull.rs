//! What the last layers need at least, and what they can surely do with: from the relaxed problem, in which a layer may
//! take a mixture of two of its options.

use super::Choice;

/// The layers from some layer on. Their relaxed problem begins with the cheapest option of each and takes steps along the
/// lower convex hulls of all, the one that gains most for its cost first.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    /// The cheapest options, together.
    cost: f64,
    loss: f64,
    /// After each step: cost and loss beyond (below) those of the cheapest options.
    steps: Vec<(f64, f64)>,
}

/// A step from one corner of a hull to the next.
#[derive(Clone, Copy, Debug)]
struct Step {
    cost: f64,
    gain: f64,
}

impl Rest {
    /// For each layer those from it on, and at last none. `None` if a layer has no option. Options come cheapest first,
    /// none beaten by another.
    pub(super) fn all(layers: &[&[(usize, Choice)]]) -> Option<Vec<Self>> {
        let mut rests = Vec::with_capacity(layers.len() + 1);
        let (mut cost, mut loss, mut steps) = (0.0, 0.0, Vec::new());
        rests.push(Self { cost, loss, steps: Vec::new() });
        for layer in layers.iter().rev() {
            let hull = hull(layer);
            let first = hull.first()?;
            (cost, loss) = (cost + first.cost, loss + first.loss);
            steps.extend(hull.windows(2).map(|pair| Step { cost: pair[1].cost - pair[0].cost, gain: pair[0].loss - pair[1].loss }));
            steps.sort_by(|a, b| (b.gain * a.cost).total_cmp(&(a.gain * b.cost)));
            let sums = steps.iter().scan((0.0, 0.0), |sum, step| {
                *sum = (sum.0 + step.cost, sum.1 + step.gain);
                Some(*sum)
            });
            rests.push(Self { cost, loss, steps: sums.collect() });
        }
        rests.reverse();
        Some(rests)
    }

    /// A loss that no choice within `room` goes below; `None` if none fits.
    pub(super) fn least(&self, room: f64) -> Option<f64> {
        let (whole, part) = self.within(room)?;
        Some(self.loss - whole - part)
    }

    /// The loss of a choice that fits into `room`; `None` if none fits.
    pub(super) fn rounded(&self, room: f64) -> Option<f64> {
        Some(self.loss - self.within(room)?.0)
    }

    /// What the steps that fit gain, and the part of the next one that fits.
    fn within(&self, room: f64) -> Option<(f64, f64)> {
        // A room that is no number has no room.
        if room < self.cost || room.is_nan() {
            return None;
        }
        let spare = room - self.cost;
        let fitting = self.steps.partition_point(|step| step.0 <= spare);
        let (cost, gain) = if fitting == 0 { (0.0, 0.0) } else { self.steps[fitting - 1] };
        let part = self.steps.get(fitting).map_or(0.0, |next| (next.1 - gain) * (spare - cost) / (next.0 - cost));
        Some((gain, part))
    }
}

/// The corners of the lower convex hull.
fn hull(options: &[(usize, Choice)]) -> Vec<Choice> {
    let mut corners: Vec<Choice> = Vec::with_capacity(options.len());
    for &(_, c) in options {
        while let [.., a, b] = corners[..] {
            // Whether b lies on or above the line from a to c.
            if (b.loss - a.loss) * (c.cost - a.cost) >= (c.loss - a.loss) * (b.cost - a.cost) {
                corners.pop();
            } else {
                break;
            }
        }
        corners.push(c);
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_a_known_problem() {
        let option = |&(cost, loss): &(f64, f64)| (0, Choice { cost, loss });
        let a: Vec<_> = [(1.0, 9.0), (2.0, 8.0), (3.0, 1.0)].iter().map(option).collect();
        let b: Vec<_> = [(10.0, 5.0), (20.0, 0.0)].iter().map(option).collect();
        let rests = Rest::all(&[&a, &b]).unwrap();
        for (from, room, least, rounded) in [
            (0, 10.0, None, None),
            (0, 11.0, Some(14.0), Some(14.0)),
            // The second option of the first layer is no corner of its hull: half the step to the third is.
            (0, 12.0, Some(10.0), Some(14.0)),
            (0, 13.0, Some(6.0), Some(6.0)),
            (0, 15.0, Some(5.0), Some(6.0)),
            (0, 99.0, Some(1.0), Some(1.0)),
            (1, 12.0, Some(4.0), Some(5.0)),
            (2, 0.0, Some(0.0), Some(0.0)),
            (2, -0.1, None, None),
        ] {
            assert_eq!((rests[from].least(room), rests[from].rounded(room)), (least, rounded), "layers from {from}, room {room}");
        }
        assert!(Rest::all(&[&a, &[]]).is_none());
    }
}
