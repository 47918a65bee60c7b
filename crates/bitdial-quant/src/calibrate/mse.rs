//! The range with the least mean squared error, by trying.

use super::histogram::Histogram;

/// Ranges tried along one direction: hundredths of the largest.
const STEPS: usize = 100;

/// What becomes of a number.
pub(crate) type Quantizer = Box<dyn Fn(f32) -> f32>;

/// The range within `min..=max` with which `quantizer(low, high)` has the least squared error over the numbers of a
/// histogram, each at the middle of its bin; exact zeros, which have no error, left out. First both ends are moved
/// together, then, if there are numbers on both sides of 0 and the ends are free (not `symmetric`), each alone.
pub(super) fn range(
    histogram: &Histogram,
    (min, max): (f32, f32),
    symmetric: bool,
    quantizer: &dyn Fn(f32, f32) -> Quantizer,
) -> (f32, f32) {
    let numbers: Vec<(f32, f64)> = histogram.without_zeros().map(|(x, n)| (x, n as f64)).collect();
    let error = |low: f32, high: f32| {
        let quantize = quantizer(low, high);
        let square = |x: f64| x * x;
        numbers.iter().map(|&(x, n)| n * square(f64::from(quantize(x)) - f64::from(x))).sum::<f64>()
    };
    let mut best = (error(min, max), min, max);
    let attempt = |low: f32, high: f32, best: &mut (f64, f32, f32)| {
        let error = error(low, high);
        if error < best.0 {
            *best = (error, low, high);
        }
    };
    let part = |k: usize| k as f32 / STEPS as f32;
    for k in (1..STEPS).rev() {
        attempt(part(k) * min, part(k) * max, &mut best);
    }
    if min < 0.0 && max > 0.0 && !symmetric {
        for k in (1..=STEPS).rev() {
            attempt(part(k) * min, best.2, &mut best);
        }
        for k in (1..=STEPS).rev() {
            attempt(best.1, part(k) * max, &mut best);
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use bitdial_numerics::ActivationParams;

    use super::*;

    fn grid(bits: u8) -> impl Fn(f32, f32) -> Quantizer {
        move |low, high| {
            let grid = ActivationParams::affine(low, high, bits);
            Box::new(move |x| grid.dequantize(grid.quantize(x)))
        }
    }

    #[test]
    fn few_levels_cut_off_what_is_rare() {
        // 1000 numbers up to 1, one at 4.
        let mut numbers: Vec<f32> = (1..=1000).map(|i| i as f32 / 1000.0).collect();
        numbers.push(4.0);
        let mut histogram = Histogram::default();
        histogram.take(&numbers, 4.0);
        for (bits, low, high) in [(2, 0.8, 1.0), (8, 3.7, 4.0)] {
            let (zero, found) = range(&histogram, (0.0, 4.0), false, &grid(bits));
            assert!(zero == 0.0 && (low..=high).contains(&found), "{bits} bits: {found}");
        }
    }

    #[test]
    fn ends_move_alone_where_they_may() {
        let mut numbers: Vec<f32> = (1..=1000).map(|i| i as f32 / 1000.0).collect();
        numbers.extend([-4.0, -0.1, -0.1]);
        let mut histogram = Histogram::default();
        histogram.take(&numbers, 4.0);
        let (low, high) = range(&histogram, (-4.0, 1.0), false, &grid(3));
        assert!(low > -1.5 && high > 0.85, "{low} {high}");
        let (low, high) = range(&histogram, (-4.0, 1.0), true, &grid(3));
        assert!((low + 4.0 * high).abs() < 1e-6, "{low} {high}");
    }
}
