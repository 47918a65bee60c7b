//! From what was seen of a value to the range that a method keeps.

use bitdial_ir::ValueId;
use bitdial_protocol::{Calibration, CalibrationMethod};

use super::entropy;
use super::mse::{self, Quantizer};
use super::seen::{Detail, Seen};

/// What calibration methods must know of a value, besides its extremes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// Nothing else: min-max.
    Extremes,
    /// The moving average of the extremes of batches.
    MovingAverage,
    /// Mean and variance: outliers by their distance from the mean.
    Moments,
    /// How often which numbers come: percentiles, the mean squared error, entropy.
    Histogram,
}

impl Statistics {
    /// What a method needs.
    #[must_use]
    pub fn of(method: CalibrationMethod) -> Self {
        match method {
            CalibrationMethod::MinMax => Self::Extremes,
            CalibrationMethod::MovingAverage => Self::MovingAverage,
            CalibrationMethod::ZScore => Self::Moments,
            CalibrationMethod::Percentile99
            | CalibrationMethod::Percentile999
            | CalibrationMethod::Percentile9999
            | CalibrationMethod::Percentile99999
            | CalibrationMethod::Mse
            | CalibrationMethod::Entropy => Self::Histogram,
        }
    }
}

/// What was seen of each value.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    statistics: Statistics,
    of: Vec<Seen>,
}

impl Ranges {
    pub(super) fn new(statistics: Statistics, of: Vec<Seen>) -> Self {
        Self { statistics, of }
    }

    /// What these ranges are made of: they serve every method that needs the same, and min-max.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Whether a method finds here what it needs.
    #[must_use]
    pub fn serve(&self, method: CalibrationMethod) -> bool {
        let needed = Statistics::of(method);
        needed == Statistics::Extremes || needed == self.statistics
    }

    /// Smallest and largest number of a value; `None` if none was seen, or not all were finite.
    #[must_use]
    pub fn get(&self, value: ValueId) -> Option<(f32, f32)> {
        let (min, max) = self.of.get(value.0)?.extremes;
        (min <= max && min.is_finite() && max.is_finite()).then_some((min, max))
    }

    /// The range of a value that a method keeps, never wider than [`Ranges::get`]; `None` where that is, or where other
    /// statistics were collected than the method needs.
    ///
    /// `symmetric` says that the larger end counts for both. `quantizer(low, high)` is what becomes of numbers with that
    /// range, for [`CalibrationMethod::Mse`] only.
    pub(crate) fn choose(
        &self,
        value: ValueId,
        calibration: &Calibration,
        symmetric: bool,
        quantizer: &dyn Fn(f32, f32) -> Quantizer,
    ) -> Option<(f32, f32)> {
        let (min, max) = self.get(value)?;
        let percentile = |share| match &self.of.get(value.0)?.detail {
            Detail::Histogram(histogram) => Some(histogram.percentile(share, symmetric)),
            _ => None,
        };
        let detail = &self.of.get(value.0)?.detail;
        let (low, high) = match (calibration.method, detail) {
            (CalibrationMethod::MinMax, _) => return Some((min, max)),
            (CalibrationMethod::MovingAverage, Detail::Average(average)) => narrow(average.range()?),
            (CalibrationMethod::ZScore, Detail::Moments(moments)) => {
                let (mean, deviation) = moments.mean_and_deviation();
                let reach = f64::from(calibration.deviations.get()) * deviation;
                narrow((mean - reach, mean + reach))
            }
            (CalibrationMethod::Percentile99, _) => percentile(0.99)?,
            (CalibrationMethod::Percentile999, _) => percentile(0.999)?,
            (CalibrationMethod::Percentile9999, _) => percentile(0.9999)?,
            (CalibrationMethod::Percentile99999, _) => percentile(0.99999)?,
            (CalibrationMethod::Entropy, Detail::Histogram(histogram)) => entropy::range(histogram),
            (CalibrationMethod::Mse, Detail::Histogram(histogram)) => {
                return Some(mse::range(histogram, (min, max), symmetric, quantizer));
            }
            _ => return None,
        };
        let (low, high) = (low.clamp(min, max), high.clamp(min, max));
        // A range of nothing would lose everything, where all but a few numbers are 0.
        Some(if low.min(0.0) < high.max(0.0) { (low, high) } else { (min, max) })
    }
}

fn narrow((low, high): (f64, f64)) -> (f32, f32) {
    (low as f32, high as f32)
}
