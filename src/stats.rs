//! The statistics behind an accuracy: an interval for a share, and a test for a difference.

/// 97.5 % quantile of the normal distribution: two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval at 95 % of a share of `hits` in `n`; `(0, 1)` without observations.
///
/// Source: Wilson 1927; Brown, Cai, Das Gupta 2001, equation 4.
pub fn wilson(hits: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The two-sided mid-p value of McNemar's exact test: how likely a split at least as uneven as `lost` to `gained` is,
/// if images change sides by the toss of a coin. 1 without changes.
///
/// Source: Fagerland, Lydersen, Laake 2013 (mid-p keeps the level and loses less power than the exact test).
pub fn mcnemar_mid_p(lost: usize, gained: usize) -> f64 {
    let n = lost + gained;
    let few = lost.min(gained);
    if n == 0 || lost == gained {
        return 1.0;
    }
    // Terms of the binomial distribution with p = 1/2, in logarithms: n may be thousands.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..few {
        tail += log_term.exp();
        log_term += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * (tail + 0.5 * log_term.exp())).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_gives_the_published_intervals() {
        // Brown, Cai, DasGupta's formula in R: prop.test(hits, n, correct = FALSE)$conf.int.
        for (hits, n, low, high) in [
            (0, 10, 0.0, 0.277_532_8),
            (10, 10, 0.722_467_2, 1.0),
            (5, 10, 0.236_593_1, 0.763_406_9),
            (9_334, 10_000, 0.928_344_9, 0.938_122_2),
        ] {
            let (l, h) = wilson(hits, n);
            assert!((l - low).abs() < 1e-6 && (h - high).abs() < 1e-6, "{hits}/{n}: {l} {h}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn mcnemar_gives_the_binomial_tail() {
        // By hand from the binomial distribution: (1, 9): 2 * (1 + 10 / 2) / 1024; (0, 5): 2 * 0.5 / 32; (2, 2): no lean.
        for (lost, gained, p) in [(0, 0, 1.0), (2, 2, 1.0), (0, 5, 1.0 / 32.0), (1, 9, 12.0 / 1024.0), (9, 1, 12.0 / 1024.0)] {
            assert!((mcnemar_mid_p(lost, gained) - p).abs() < 1e-12, "{lost} {gained}");
        }
        assert!(mcnemar_mid_p(4_000, 3_000) < 1e-30);
        assert!(mcnemar_mid_p(3_510, 3_490) > 0.5);
    }
}
