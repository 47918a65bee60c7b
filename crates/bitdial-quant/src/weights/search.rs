//! Ranges that clip a few weights to serve the many better.

use bitdial_protocol::WeightRange;

/// What the range is shrunk to, percent: first these, then single ones around the best.
const COARSE: usize = 5;

/// The grid with the least error: that of the whole range ([`WeightRange::MinMax`]), or of the range times a ratio, which
/// is searched for.
///
/// `fit` makes a grid from a ratio, `round` takes a weight to it. The error is the sum of `|w - round(w)|^p`, p = 2 for
/// [`WeightRange::Mse`] and 2.4 for [`WeightRange::Lp`]. Ratios are 100 %, 95 %, ... 5 %, then up to 4 % more or less than
/// the best, one by one. Of equal errors the one that was tried first counts, larger ratios first.
///
/// Sources: Choukroun et al. 2019, 'Low-bit quantization of neural networks for efficient inference', for p = 2; p = 2.4 is
/// that of Li et al. 2021, 'BRECQ'.
pub(super) fn range<G>(range: WeightRange, weights: &[f32], fit: impl Fn(f32) -> G, round: impl Fn(&G, f32) -> f32) -> G {
    let power: fn(f32) -> f32 = match range {
        WeightRange::MinMax => return fit(1.0),
        WeightRange::Mse => |error| error * error,
        WeightRange::Lp => |error| libm::powf(error, 2.4),
    };
    let mut best = (f64::INFINITY, 100, fit(1.0));
    let attempt = |percent: usize, best: &mut (f64, usize, G)| {
        let grid = fit(percent as f32 / 100.0);
        let mut sum = 0.0f64;
        for &w in weights {
            sum += f64::from(power((w - round(&grid, w)).abs()));
            if sum >= best.0 {
                return;
            }
        }
        *best = (sum, percent, grid);
    };
    for step in (1..=100 / COARSE).rev() {
        attempt(step * COARSE, &mut best);
    }
    let middle = best.1;
    for percent in (middle.saturating_sub(COARSE - 1).max(1)..(middle + COARSE).min(100)).rev().filter(|&p| p != middle) {
        attempt(percent, &mut best);
    }
    best.2
}
