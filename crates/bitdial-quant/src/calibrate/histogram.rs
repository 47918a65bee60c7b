//! How often a value takes which numbers: bins of one width around 0, more of them as larger numbers come.
//!
//! As onnxruntime 1.31's `HistogramCollector.collect_value` and `merge_histogram` do it, called image by image, but that 0
//! always lies right of the middle. There it may by rounding lie left of it, which moves the entropy of a range, as often as
//! an activation is 0.

/// Bins of the first image.
const BINS: usize = 2048;
/// Most bins: beyond, two become one.
const MOST: usize = 1 << 14;

/// Counts of numbers in `-edge..=edge`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram {
    /// The far end of the outermost bins; 0 if there was nothing but zeros.
    edge: f32,
    /// An even number of bins, exact zeros left out.
    counts: Vec<u64>,
    /// Exact zeros, which are in the bin right of the middle.
    zeros: u64,
}

impl Histogram {
    /// Takes finite numbers, the largest magnitude of which is `largest`.
    pub(crate) fn take(&mut self, image: &[f32], largest: f32) {
        if self.counts.is_empty() {
            self.counts = vec![0; BINS];
        }
        self.reach(largest);
        let (n, last) = (self.counts.len(), self.counts.len() - 1);
        let (edge, width, per_range) = (self.edge, self.width(), n as f32 / (2.0 * self.edge));
        let start = |i: usize| i as f32 * width - edge;
        let mut zeros = 0;
        for &x in image {
            if x == 0.0 {
                zeros += 1;
                continue;
            }
            let mut bin = (((x + edge) * per_range) as usize).min(last);
            if x < start(bin) {
                bin = bin.saturating_sub(1);
            } else if bin < last && x >= start(bin + 1) {
                bin += 1;
            }
            self.counts[bin] += 1;
        }
        self.zeros += zeros;
    }

    /// Adds bins of the same width on both sides until they reach `largest`.
    fn reach(&mut self, largest: f32) {
        if largest <= self.edge {
            return;
        }
        if self.edge == 0.0 {
            // All numbers so far were 0. A bin must have a width.
            self.edge = largest.max(f32::MIN_POSITIVE * BINS as f32);
            return;
        }
        loop {
            let more = ((largest - self.edge) / self.width()).floor() + 1.0;
            if more <= ((MOST - self.counts.len()) / 2) as f32 {
                return self.pad(more as usize);
            }
            // Two neighbours become one, from the middle outwards.
            if !self.counts.len().is_multiple_of(4) {
                self.pad(1);
            }
            self.counts = self.counts.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect();
        }
    }

    fn pad(&mut self, bins: usize) {
        self.edge = (bins as f32 * self.width() + self.edge).min(f32::MAX / 2.0);
        let side = || std::iter::repeat_n(0, bins);
        self.counts = side().chain(self.counts.iter().copied()).chain(side()).collect();
    }

    /// Width of a bin.
    fn width(&self) -> f32 {
        2.0 * self.edge / self.counts.len().max(1) as f32
    }

    /// The counts, from the smallest numbers on.
    pub(crate) fn counts(&self) -> Vec<u64> {
        let mut counts = self.counts.clone();
        let middle = counts.len() / 2;
        if let Some(right) = counts.get_mut(middle) {
            *right += self.zeros;
        }
        counts
    }

    /// Where bin `i` starts, and the one before it ends.
    pub(crate) fn start(&self, i: usize) -> f32 {
        if i == self.counts.len() { self.edge } else { i as f32 * self.width() - self.edge }
    }

    /// The middle of each bin that is not empty, and its numbers, exact zeros left out.
    pub(crate) fn without_zeros(&self) -> impl Iterator<Item = (f32, u64)> + '_ {
        let half = 0.5 * self.width();
        self.counts.iter().enumerate().filter(|(_, n)| **n > 0).map(move |(i, &n)| (self.start(i) + half, n))
    }

    /// The range without the outermost `1 - share` of all numbers, half of them on each side; with `symmetric` without the
    /// largest magnitudes. As onnxruntime's `compute_percentile`: starts of bins.
    pub(crate) fn percentile(&self, share: f64, symmetric: bool) -> (f32, f32) {
        let counts = self.counts();
        if symmetric {
            let (left, right) = counts.split_at(counts.len() / 2);
            let magnitudes: Vec<u64> = left.iter().rev().zip(right).map(|(a, b)| a + b).collect();
            let end = reached(&magnitudes, share) as f32 * self.width();
            return (-end, end);
        }
        let cut = 0.5 * (1.0 - share);
        (self.start(reached(&counts, cut)), self.start(reached(&counts, 1.0 - cut)))
    }
}

/// The first bin with which the counts up to it are at least `share` of all.
fn reached(counts: &[u64], share: f64) -> usize {
    let total = counts.iter().sum::<u64>() as f64;
    let mut sum = 0;
    let found = counts.iter().position(|&n| {
        sum += n;
        sum as f64 >= share * total
    });
    found.unwrap_or(counts.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(images: &[Vec<f32>]) -> Histogram {
        let mut histogram = Histogram::default();
        for image in images {
            histogram.take(image, image.iter().fold(0.0, |m, x| m.max(x.abs())));
        }
        histogram
    }

    #[test]
    fn bins_start_at_zero_and_keep_their_width() {
        let h = of(&[vec![0.0, 1.0, -1.0, 0.25]]);
        assert_eq!((h.counts.len(), h.edge, h.zeros), (BINS, 1.0, 1));
        assert_eq!([0, 1024, 1280, 2047].map(|i| h.counts()[i]), [1; 4]);
        assert_eq!((h.start(0), h.start(1024), h.start(1280), h.start(2048)), (-1.0, 0.0, 0.25, 1.0));
        // Twice as far: as many bins again, and one for the end.
        let h = of(&[vec![0.0, 1.0, -1.0, 0.25], vec![2.0, 0.25]]);
        assert_eq!((h.counts.len(), h.width()), (2 * BINS + 2, 1.0 / 1024.0));
        assert_eq!((h.counts[2049 + 256], h.counts[2049 + 2048], h.counts().iter().sum::<u64>()), (2, 1, 6));
        // Zeros have no width of their own.
        let h = of(&[vec![0.0; 3], vec![4.0]]);
        assert_eq!((h.edge, h.counts()[1024], h.counts[2047]), (4.0, 3, 1));
        assert_eq!(h.without_zeros().map(|(_, n)| n).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn percentiles_of_known_numbers() {
        // 0 to 999 in bins of 999/1024: almost one each.
        let numbers: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        for (share, symmetric, low, high) in [(0.99, false, 4.0, 994.0), (0.9, false, 49.0, 949.0), (0.99, true, -989.0, 989.0)] {
            let (found_low, found_high) = of(std::slice::from_ref(&numbers)).percentile(share, symmetric);
            assert!((found_low - low).abs() <= 1.5 && (found_high - high).abs() <= 1.5, "{share}: {found_low} {found_high}");
        }
    }

    proptest! {
        #[test]
        fn every_number_is_counted_whatever_came_before(images in prop::collection::vec(prop::collection::vec(
            prop_oneof![Just(0.0f32), -3.0f32..3.0, -1e37f32..1e37, -1e-37f32..1e-37], 1..40), 1..6)) {
            let h = of(&images);
            let numbers = images.concat();
            prop_assert!(h.counts.len() <= MOST && h.counts.len().is_multiple_of(2));
            prop_assert_eq!(h.counts().iter().sum::<u64>(), numbers.len() as u64);
            prop_assert_eq!(h.zeros, numbers.iter().filter(|x| **x == 0.0).count() as u64);
            prop_assert!(numbers.iter().all(|x| x.abs() <= h.edge * (1.0 + 1e-5)));
        }
    }
}
