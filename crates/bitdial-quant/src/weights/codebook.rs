//! Codebooks: k-means of numbers.

use super::{Chance, exact};

/// The best codebook is found where numbers times values are not more: up to a tenth of a second.
const EXACT: usize = 1 << 21;
/// Beginnings that are tried; the best end counts.
const RESTARTS: usize = 10;
/// Rounds of Lloyd's algorithm at most; most stop after a few dozens.
const ROUNDS: usize = 500;

/// The `2^bits` values, ascending, that have the least sum of squared distances to weights: exactly for few weights, for
/// many as far as k-means++ and Lloyd's algorithm find them. Fewer different weights than values are all of them, the
/// largest repeated.
///
/// Sources: Arthur and Vassilvitskii 2007, 'k-means++', with the greedy draws of its section 7; Lloyd 1982. Numbers on a line are sorted once, and a cluster is a
/// stretch of them: sums come from sums of all before, so that a round takes no longer for more weights.
pub(super) fn codebook(weights: &[f32], bits: u8, chance: &mut Chance) -> Vec<f32> {
    let size = 1usize << bits;
    let mut sorted: Vec<f32> = weights.iter().copied().filter(|w| w.is_finite()).collect();
    // 0.0 and -0.0 are one value.
    sorted.iter_mut().for_each(|w| *w += 0.0);
    sorted.sort_unstable_by(f32::total_cmp);
    let mut values = sorted.clone();
    values.dedup();
    if values.len() > size {
        let line = Line::new(sorted);
        let best = if line.len().saturating_mul(size) <= EXACT {
            exact::centres(&line, size)
        } else {
            let ends = (0..RESTARTS).map(|_| line.lloyd(line.seeds(size, chance)));
            ends.min_by(|a, b| a.0.total_cmp(&b.0)).map_or_else(Vec::new, |(_, centres)| centres)
        };
        values = best.into_iter().map(|c| c as f32).collect();
    }
    let last = values.last().copied().unwrap_or(0.0);
    values.resize(size, last);
    values
}

/// Sorted numbers.
pub(super) struct Line {
    numbers: Vec<f32>,
    /// Sums of the numbers, and of their squares, before each.
    sums: Vec<(f64, f64)>,
}

/// A stretch of the line that has one centre nearest to it.
#[derive(Clone, Copy)]
struct Cell {
    centre: f64,
    first: usize,
    end: usize,
}

/// A number that may become a centre.
struct Split {
    /// The cell it lies in.
    at: usize,
    centre: f64,
    /// How much the costs change.
    change: f64,
}

impl Line {
    fn new(numbers: Vec<f32>) -> Self {
        let mut sums = Vec::with_capacity(numbers.len() + 1);
        let mut sum = (0.0f64, 0.0f64);
        sums.push(sum);
        for &x in &numbers {
            let x = f64::from(x);
            sum = (sum.0 + x, sum.1 + x * x);
            sums.push(sum);
        }
        Self { numbers, sums }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The mean of a stretch that is not empty.
    pub(super) fn mean(&self, first: usize, end: usize) -> f64 {
        (self.sums[end].0 - self.sums[first].0) / (end - first) as f64
    }

    /// The sum of squared distances of a stretch to its mean.
    pub(super) fn spread(&self, first: usize, end: usize) -> f64 {
        if first == end {
            return 0.0;
        }
        let (sum, squares) = (self.sums[end].0 - self.sums[first].0, self.sums[end].1 - self.sums[first].1);
        (squares - sum * sum / (end - first) as f64).max(0.0)
    }

    /// The sum of squared distances of a cell's numbers to its centre.
    fn cost(&self, cell: Cell) -> f64 {
        let (from, to) = (self.sums[cell.first], self.sums[cell.end]);
        let count = (cell.end - cell.first) as f64;
        ((to.1 - from.1) - 2.0 * cell.centre * (to.0 - from.0) + cell.centre * cell.centre * count).max(0.0)
    }

    /// The first number that is nearer to `right` than to `left`.
    fn border(&self, left: f64, right: f64) -> usize {
        let middle = (left + right) / 2.0;
        self.numbers.partition_point(|&x| f64::from(x) <= middle)
    }

    /// `count` numbers, each drawn with a chance that grows with its squared distance to those before: the best of a few
    /// draws, as scikit-learn does it. Ascending; fewer if no distance is left.
    fn seeds(&self, count: usize, chance: &mut Chance) -> Vec<f64> {
        let n = self.numbers.len();
        let trials = 2 + count.ilog2() as usize;
        let first = ((chance.uniform() * n as f64) as usize).min(n - 1);
        let mut centres = vec![f64::from(self.numbers[first])];
        let mut costs = vec![self.cost(Cell { centre: centres[0], first: 0, end: n })];
        while centres.len() < count && costs.iter().any(|&cost| cost > 0.0) {
            let total: f64 = costs.iter().sum();
            let draws = (0..trials).map(|_| self.split(&centres, &costs, chance.uniform() * total));
            let Some(best) = draws.min_by(|a, b| a.change.total_cmp(&b.change)) else { break };
            if best.centre == centres[best.at] {
                // Rounding has led to a number that is a centre: what its cell costs is next to nothing.
                costs[best.at] = 0.0;
                continue;
            }
            let place = best.at + usize::from(best.centre > centres[best.at]);
            centres.insert(place, best.centre);
            costs.insert(place, 0.0);
            let near = place.saturating_sub(1)..(place + 2).min(centres.len());
            near.for_each(|i| costs[i] = self.cost(self.cell(&centres, i)));
        }
        centres
    }

    /// The cell of centre `i`.
    fn cell(&self, centres: &[f64], i: usize) -> Cell {
        let first = if i == 0 { 0 } else { self.border(centres[i - 1], centres[i]) };
        let end = if i + 1 == centres.len() { self.numbers.len() } else { self.border(centres[i], centres[i + 1]) };
        Cell { centre: centres[i], first, end }
    }

    /// What becomes of the costs if the number at which they add up to `left` becomes a centre.
    fn split(&self, centres: &[f64], costs: &[f64], mut left: f64) -> Split {
        let mut at = costs.iter().rposition(|&cost| cost > 0.0).unwrap_or(0);
        for (i, &cost) in costs.iter().enumerate() {
            if left < cost {
                at = i;
                break;
            }
            left -= cost;
        }
        let cell = self.cell(centres, at);
        let (mut low, mut high) = (cell.first, (cell.end - 1).max(cell.first));
        while low < high {
            let middle = low.midpoint(high);
            if self.cost(Cell { end: middle + 1, ..cell }) > left { high = middle } else { low = middle + 1 }
        }
        let centre = f64::from(self.numbers[low]);
        if centre == centres[at] {
            return Split { at, centre, change: 0.0 };
        }
        // The new centre and the two around it.
        let place = at + usize::from(centre > centres[at]);
        let from = place.saturating_sub(2);
        let mut near = centres[from..(place + 2).min(centres.len())].to_vec();
        near.insert(place - from, centre);
        let changed = place.saturating_sub(1)..(place + 1).min(centres.len());
        let before: f64 = costs[changed].iter().sum();
        let mut after = 0.0;
        for i in place.saturating_sub(1)..(place + 2).min(centres.len() + 1) {
            let mut cell = self.cell(&near, i - from);
            // Beyond those that are near there may be others.
            if i == from && from > 0 {
                cell.first = self.border(centres[from - 1], centres[from]);
            }
            if i + 1 - from == near.len() && i < centres.len() {
                cell.end = self.border(centres[i - 1], centres[i]);
            }
            after += self.cost(cell);
        }
        Split { at, centre, change: after - before }
    }

    /// Moves every centre to the mean of its numbers until none changes; the sum of squared distances, and the centres.
    fn lloyd(&self, mut centres: Vec<f64>) -> (f64, Vec<f64>) {
        let n = self.numbers.len();
        let mut borders: Vec<usize> = Vec::new();
        for _ in 0..ROUNDS {
            let inner = centres.windows(2).map(|pair| self.border(pair[0], pair[1]));
            let now: Vec<usize> = std::iter::once(0).chain(inner).chain([n]).collect();
            if now == borders {
                break;
            }
            borders = now;
            for (centre, ends) in centres.iter_mut().zip(borders.windows(2)) {
                if ends[0] < ends[1] {
                    *centre = self.mean(ends[0], ends[1]);
                }
            }
        }
        let cells = centres.iter().zip(borders.windows(2)).map(|(&centre, ends)| Cell { centre, first: ends[0], end: ends[1] });
        (cells.map(|cell| self.cost(cell)).sum(), centres)
    }
}
