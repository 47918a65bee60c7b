//! What a grid does to the values of a tensor.

use bitdial_protocol::{Histogram, TensorDiagnosis};

use super::noise::Noise;

/// Bins of a histogram.
const BINS: usize = 64;
/// Values of a grid that are worth showing.
const GRID: usize = 256;

/// One value and what became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// In f32.
    pub real: f32,
    /// On the grid.
    pub grid: f32,
    /// Where the grid begins and ends, half a step further.
    pub ends: (f32, f32),
}

/// Statistics of a tensor whose values come bit by bit, between two known ends.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    low: f32,
    high: f32,
    counts: Vec<u32>,
    noise: Noise,
    values: u64,
    clipped: u64,
    /// Values other than 0, and those of them that became 0.
    nonzero: u64,
    zeroed: u64,
}

impl Tensor {
    /// For values between `low` and `high`.
    pub(crate) fn new((low, high): (f32, f32)) -> Self {
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        Self { low, high, counts: vec![0; BINS], noise: Noise::default(), values: 0, clipped: 0, nonzero: 0, zeroed: 0 }
    }

    /// Counts a value that is finite.
    pub(crate) fn add(&mut self, Pair { real, grid, ends }: Pair) {
        if !real.is_finite() {
            return;
        }
        // In f64, where the distance of two finite f32 is finite.
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let bin = if high > low { (f64::from(real) - low) / (high - low) * BINS as f64 } else { 0.0 };
        self.counts[(bin as usize).min(BINS - 1)] += 1;
        self.noise.add(grid, real);
        self.values += 1;
        self.clipped += u64::from(real < ends.0 || real > ends.1);
        self.nonzero += u64::from(real != 0.0);
        self.zeroed += u64::from(real != 0.0 && grid == 0.0);
    }

    /// What was counted. `grid` holds the values of the widest grid, ascending, `maxima` the largest absolute value of
    /// each channel.
    pub(crate) fn finish(self, grid: Vec<f32>, maxima: &[f32]) -> TensorDiagnosis {
        let share = |part: u64, all: u64| if all == 0 { 0.0 } else { (part as f64 / all as f64) as f32 };
        TensorDiagnosis {
            sqnr: self.noise.db(),
            clipped: share(self.clipped, self.values),
            zeroed: share(self.zeroed, self.nonzero),
            range_ratio: ratio(maxima),
            low: grid.first().copied().unwrap_or(self.low),
            high: grid.last().copied().unwrap_or(self.high),
            grid: if grid.len() > GRID { Vec::new() } else { grid },
            histogram: Histogram { low: self.low, high: self.high, counts: self.counts },
        }
    }
}

/// Where a grid begins and ends, half a step further. One of two values has no ends: a sign clips nothing.
pub(crate) fn ends(grid: &[f32]) -> (f32, f32) {
    // A little more than half: what lies in the middle between two steps, as computed, is not clipped.
    const HALF: f32 = 0.5001;
    match grid {
        [first, second, .., before, last] => (first - HALF * (second - first), last + HALF * (last - before)),
        &[first, middle, last] => (first - HALF * (middle - first), last + HALF * (last - middle)),
        _ => (f32::NEG_INFINITY, f32::INFINITY),
    }
}

/// The largest maximum divided by the smallest that is not 0; 1 if all are.
pub(crate) fn ratio(maxima: &[f32]) -> f32 {
    let some = || maxima.iter().copied().filter(|&m| m > 0.0 && m.is_finite());
    let (low, high) = some().fold((f32::INFINITY, 0.0f32), |(low, high), m| (low.min(m), high.max(m)));
    if low <= high { (high / low).min(f32::MAX) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_where_they_go() {
        let mut tensor = Tensor::new((-1.0, 3.0));
        for (real, grid) in [(-1.0, -0.5), (0.2, 0.0), (-0.0, 0.0), (1.0, 1.0), (3.0, 1.0), (f32::NAN, 0.0)] {
            tensor.add(Pair { real, grid, ends: (-0.75, 1.25) });
        }
        let found = tensor.finish(vec![-0.5, 0.0, 0.5, 1.0], &[0.5, 0.0, 4.0]);
        assert_eq!((found.clipped, found.zeroed, found.range_ratio), (0.4, 0.25, 8.0));
        assert_eq!((found.low, found.high, found.grid.len()), (-0.5, 1.0, 4));
        let counts = &found.histogram.counts;
        assert_eq!((counts[0], counts[16], counts[19], counts[32], counts[63]), (1, 1, 1, 1, 1));
        // 11.04 of signal, 4.29 of noise.
        assert!((found.sqnr.unwrap() - 4.105).abs() < 0.001, "{:?}", found.sqnr);
        let nothing = Tensor::new((f32::INFINITY, f32::NEG_INFINITY)).finish(Vec::new(), &[]);
        assert_eq!((nothing.sqnr, nothing.clipped, nothing.zeroed, nothing.range_ratio), (None, 0.0, 0.0, 1.0));
    }
}
