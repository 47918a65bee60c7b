//! The best codebook there is, for numbers that are not too many.

use super::codebook::Line;

/// The `count` centres with the least sum of squared distances to their numbers, of which there must be as many at
/// least; ascending.
///
/// Source: Wang and Song 2011, 'Ckmeans.1d.dp': clusters are stretches of sorted numbers, and the best `k` of the first `j`
/// end with a stretch whose beginning moves right as `j` does, so that halving `j` halves what is searched.
pub(super) fn centres(line: &Line, count: usize) -> Vec<f64> {
    let n = line.len();
    let mut costs: Vec<f64> = (0..=n).map(|end| line.spread(0, end)).collect();
    // For each number of clusters but the first, where the last one begins.
    let mut begins: Vec<Vec<u32>> = Vec::with_capacity(count);
    for clusters in 2..=count {
        let mut step = Step { line, before: &costs, costs: vec![f64::INFINITY; n + 1], begins: vec![0; n + 1] };
        step.search((clusters, n), (clusters - 1, n - 1));
        let Step { costs: now, begins: here, .. } = step;
        costs = now;
        begins.push(here);
    }
    let mut centres = Vec::with_capacity(count);
    let mut end = n;
    for begins in begins.iter().rev() {
        let first = begins[end] as usize;
        centres.push(line.mean(first, end));
        end = first;
    }
    centres.push(line.mean(0, end));
    centres.reverse();
    centres
}

/// One more cluster.
struct Step<'a> {
    line: &'a Line,
    /// The least cost of the first `j` numbers with one cluster less.
    before: &'a [f64],
    costs: Vec<f64>,
    begins: Vec<u32>,
}

impl Step<'_> {
    /// Finds the costs of the first `j` numbers for all `j` of a range, whose last cluster begins within another; both with
    /// their ends.
    fn search(&mut self, (low, high): (usize, usize), (first, last): (usize, usize)) {
        if low > high {
            return;
        }
        let middle = low.midpoint(high);
        let mut best = (f64::INFINITY, first);
        for begin in first..=last.min(middle - 1) {
            let cost = self.before[begin] + self.line.spread(begin, middle);
            if cost < best.0 {
                best = (cost, begin);
            }
        }
        (self.costs[middle], self.begins[middle]) = (best.0, best.1 as u32);
        self.search((low, middle - 1), (first, best.1));
        self.search((middle + 1, high), (best.1, last));
    }
}
