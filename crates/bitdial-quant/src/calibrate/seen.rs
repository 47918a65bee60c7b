//! What is kept of one value, image by image.

use super::histogram::Histogram;
use super::ranges::Statistics;

/// Images of a batch of the moving average.
const BATCH: usize = 16;
/// How much the latest batch counts in the moving average: more than is usual in training, where there are thousands of
/// batches. Here there are some dozens, of which the first must not stay the largest part.
const LATEST: f64 = 0.1;

/// What was seen of one value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The smallest and the largest number; infinity and its negative before any.
    pub extremes: (f32, f32),
    pub detail: Detail,
}

/// What else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Detail {
    Nothing,
    Average(Average),
    Moments(Moments),
    Histogram(Histogram),
}

impl Seen {
    /// Nothing yet.
    pub(crate) fn new(statistics: Statistics) -> Self {
        let detail = match statistics {
            Statistics::Extremes => Detail::Nothing,
            Statistics::MovingAverage => Detail::Average(Average::default()),
            Statistics::Moments => Detail::Moments(Moments::default()),
            Statistics::Histogram => Detail::Histogram(Histogram::default()),
        };
        Self { extremes: (f32::INFINITY, f32::NEG_INFINITY), detail }
    }

    /// Takes the value of one more image, of which this is the range.
    pub(crate) fn take(&mut self, image: &[f32], (min, max): (f32, f32)) {
        self.extremes = wider(self.extremes, (min, max));
        // A value that is not finite has no range, whatever the method.
        if !(min.is_finite() && max.is_finite()) {
            return;
        }
        match &mut self.detail {
            Detail::Nothing => {}
            Detail::Average(average) => average.take((min, max)),
            Detail::Moments(moments) => moments.take(image),
            Detail::Histogram(histogram) => histogram.take(image, min.abs().max(max.abs())),
        }
    }
}

fn wider(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0.min(b.0), a.1.max(b.1))
}

/// The moving average of the extremes of batches.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Average {
    /// Over the batches that are whole.
    mean: Option<(f64, f64)>,
    /// Of the batch that is not.
    batch: Option<(f32, f32)>,
    images: usize,
}

impl Average {
    fn take(&mut self, range: (f32, f32)) {
        self.batch = Some(self.batch.map_or(range, |batch| wider(batch, range)));
        self.images += 1;
        if self.images == BATCH {
            self.mean = self.range();
            (self.batch, self.images) = (None, 0);
        }
    }

    /// The average, a last batch of fewer images included.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let batch = self.batch.map(|(min, max)| (f64::from(min), f64::from(max)));
        let step = |mean: f64, latest: f64| mean + LATEST * (latest - mean);
        match (self.mean, batch) {
            (Some(mean), Some(batch)) => Some((step(mean.0, batch.0), step(mean.1, batch.1))),
            (mean, batch) => mean.or(batch),
        }
    }
}

/// Sums for mean and variance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    count: u64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn take(&mut self, image: &[f32]) {
        self.count += image.len() as u64;
        for &x in image {
            let x = f64::from(x);
            self.sum += x;
            self.squares += x * x;
        }
    }

    /// Mean and standard deviation (of the whole, not of a sample).
    pub(crate) fn mean_and_deviation(&self) -> (f64, f64) {
        let n = self.count.max(1) as f64;
        let mean = self.sum / n;
        (mean, (self.squares / n - mean * mean).max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_averages_of_known_batches() {
        for (images, expected) in [
            (vec![], None),
            (vec![(-1.0, 2.0), (0.0, 4.0)], Some((-1.0, 4.0))),
            (vec![(0.0, 1.0); 16], Some((0.0, 1.0))),
            ([vec![(0.0, 1.0); 16], vec![(-10.0, 11.0)]].concat(), Some((-1.0, 2.0))),
            ([vec![(0.0, 1.0); 16], vec![(0.0, 11.0); 16], vec![(0.0, 12.0); 3]].concat(), Some((0.0, 3.0))),
        ] {
            let mut average = Average::default();
            images.iter().for_each(|&range| average.take(range));
            let close = |(a, b): ((f64, f64), (f64, f64))| (a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12;
            assert!(average.range() == expected || average.range().zip(expected).is_some_and(close), "{images:?}: {average:?}");
        }
    }

    #[test]
    fn moments_of_known_numbers() {
        let mut moments = Moments::default();
        moments.take(&[2.0, 4.0, 4.0, 4.0]);
        moments.take(&[5.0, 5.0, 7.0, 9.0]);
        assert_eq!(moments.mean_and_deviation(), (5.0, 2.0));
        assert_eq!(Moments::default().mean_and_deviation(), (0.0, 0.0));
    }
}
