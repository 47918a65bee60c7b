//! The range that loses least information when numbers outside of it are taken to its ends and those inside to a few
//! levels.
//!
//! Source: Migacz 2017, '8-bit inference with TensorRT', as onnxruntime 1.31's `get_entropy_threshold` has it: symmetric
//! ranges, 128 levels, whole counts after spreading a level over its bins; levels are of equally many bins, and what that
//! leaves over at the right end is given to the last level but not spread. The divergence is computed from sums over
//! levels instead of bin by bin.

use super::histogram::Histogram;

/// Levels that a range is cut into.
const LEVELS: usize = 128;
/// What a probability of nothing counts as, in numbers: onnxruntime's smoothing.
const EPSILON: f64 = 1e-4;

/// Sums over the first bins.
struct Prefix {
    counts: Vec<u64>,
    used: Vec<u64>,
    /// Of `n ln n`.
    logs: Vec<f64>,
}

impl Prefix {
    fn new(counts: &[u64]) -> Self {
        let mut prefix = Self { counts: vec![0], used: vec![0], logs: vec![0.0] };
        let (mut count, mut used, mut log) = (0, 0, 0.0);
        for &n in counts {
            (count, used, log) = (count + n, used + u64::from(n > 0), log + n_ln_n(n));
            prefix.counts.push(count);
            prefix.used.push(used);
            prefix.logs.push(log);
        }
        prefix
    }
}

fn n_ln_n(n: u64) -> f64 {
    if n == 0 { 0.0 } else { n as f64 * libm::log(n as f64) }
}

/// The range, starts of bins.
pub(super) fn range(histogram: &Histogram) -> (f32, f32) {
    let counts = histogram.counts();
    let prefix = Prefix::new(&counts);
    let zero = counts.len() / 2;
    let mut best = (f64::INFINITY, 0, counts.len());
    for reach in LEVELS / 2..=zero {
        let (start, end) = (zero - reach, (zero + reach + 1).min(counts.len()));
        let divergence = divergence(&counts, &prefix, start, end);
        if divergence < best.0 {
            best = (divergence, start, end);
        }
    }
    (histogram.start(best.1), histogram.start(best.2))
}

/// Kullback and Leibler's divergence of the levels in `start..end` from the numbers there, with those outside at its ends.
fn divergence(counts: &[u64], prefix: &Prefix, start: usize, end: usize) -> f64 {
    let (left, right) = (prefix.counts[start], prefix.counts[counts.len()] - prefix.counts[end]);
    let per_level = (end - start) / LEVELS;
    let mut cross = 0.0;
    let mut spread = 0.0;
    for level in 0..LEVELS {
        let first = start + level * per_level;
        let last = first + per_level;
        let mut inside = prefix.counts[last] - prefix.counts[first];
        let mut used = prefix.used[last] - prefix.used[first];
        let mut real = inside;
        // Numbers from outside make an empty bin at an end a used one, but do not count in its level.
        if level == 0 {
            real += left;
            used += u64::from(left > 0 && counts[start] == 0);
        }
        if level + 1 == LEVELS {
            if last == end {
                real += right;
                used += u64::from(right > 0 && counts[end - 1] == 0);
            }
            inside += prefix.counts[end] - prefix.counts[last];
        }
        let Some(each) = inside.checked_div(used) else { continue };
        let each = if each == 0 { EPSILON } else { each as f64 };
        cross += real as f64 * libm::log(each);
        spread += each * per_level as f64;
    }
    let covered = start + LEVELS * per_level;
    if covered < end {
        let beyond = prefix.counts[end] - prefix.counts[covered] + right;
        cross += beyond as f64 * libm::log(EPSILON);
        spread += EPSILON * (end - covered) as f64;
    }
    let total = prefix.counts[counts.len()] as f64;
    let ends = |n: u64, more: u64| n_ln_n(n + more) - n_ln_n(n);
    let logs = prefix.logs[end] - prefix.logs[start] + ends(counts[start], left) + ends(counts[end - 1], right);
    (logs - cross) / total - libm::log(total) + libm::log(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, bin by bin, as onnxruntime writes it.
    fn plain(counts: &[u64], start: usize, end: usize) -> f64 {
        let inside = &counts[start..end];
        let mut p = inside.to_vec();
        p[0] += counts[..start].iter().sum::<u64>();
        *p.last_mut().unwrap() += counts[end..].iter().sum::<u64>();
        let per_level = inside.len() / LEVELS;
        let mut levels: Vec<u64> = (0..LEVELS).map(|level| inside[level * per_level..][..per_level].iter().sum()).collect();
        levels[LEVELS - 1] += inside[LEVELS * per_level..].iter().sum::<u64>();
        let mut q = vec![0; p.len()];
        for (level, q) in q.chunks_exact_mut(per_level).take(LEVELS).enumerate() {
            let used = p[level * per_level..][..per_level].iter().filter(|n| **n > 0).count() as u64;
            if let Some(each) = levels[level].checked_div(used) {
                q.fill(each);
            }
        }
        let smooth = |x: &[u64]| -> Vec<f64> { x.iter().map(|&n| if n == 0 { EPSILON } else { n as f64 }).collect() };
        let (p, q) = (smooth(&p), smooth(&q));
        let (p_sum, q_sum): (f64, f64) = (p.iter().sum(), q.iter().sum());
        p.iter().zip(&q).map(|(p, q)| p / p_sum * ((p / p_sum) / (q / q_sum)).ln()).sum()
    }

    #[test]
    fn sums_over_levels_are_sums_over_bins() {
        let mut dice = 1u64;
        let mut random = move |n: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % n
        };
        for used in [1, 3, 30] {
            let counts: Vec<u64> =
                (0..600).map(|i: i64| if random(used) == 0 { 100_000 / (1 + (i - 300).unsigned_abs()) } else { 0 }).collect();
            let prefix = Prefix::new(&counts);
            for reach in 64..=300 {
                let (start, end) = (300 - reach, (301 + reach).min(600));
                let (fast, plain) = (divergence(&counts, &prefix, start, end), plain(&counts, start, end));
                // What smoothing takes from the bins in use is left out here.
                assert!((fast - plain).abs() < 1e-4 * plain.abs().max(1.0), "{used} {reach}: {fast} and {plain}");
            }
        }
    }

    #[test]
    fn a_far_outlier_is_cut_off() {
        let mut numbers: Vec<f32> = (0..20_000).map(|i| ((i % 200) as f32 / 100.0 - 1.0) * ((i / 200) as f32 / 100.0)).collect();
        numbers.push(30.0);
        let mut histogram = Histogram::default();
        histogram.take(&numbers, 30.0);
        let (low, high) = range(&histogram);
        assert!(low < 0.0 && high > 0.5 && high < 15.0, "{low} {high}");
    }
}
