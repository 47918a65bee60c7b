//! Medians, and ratios between what was measured in the same round.

/// One measurement of a case: milliseconds a call, over many samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub median: f64,
    pub p10: f64,
    pub p90: f64,
    /// Cores that other processes used meanwhile; 0 where that is not known.
    pub other: f64,
}

/// The median; `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// More of other processes' work than this disturbs a measurement, in cores.
pub const QUIET: f64 = 0.2;

/// Disturbed rounds do not count where there are so many others.
const ENOUGH: usize = 3;

/// The rounds that count.
fn counted<T>(rounds: Vec<T>, other: impl Fn(&T) -> f64) -> Vec<T> {
    let quiet = |round: &T| other(round) <= QUIET;
    let enough = rounds.iter().filter(|round| quiet(round)).count() >= ENOUGH;
    rounds.into_iter().filter(|round| !enough || quiet(round)).collect()
}

/// The medians over the rounds of what was measured in each, `other` included.
pub fn summary(rounds: &[Option<Sample>]) -> Option<Sample> {
    let rounds = counted(rounds.iter().flatten().collect(), |sample| sample.other);
    let over = |part: fn(&Sample) -> f64| median(rounds.iter().map(|sample| part(sample)));
    Some(Sample { median: over(|s| s.median)?, p10: over(|s| s.p10)?, p90: over(|s| s.p90)?, other: over(|s| s.other)? })
}

/// How many times as fast `a` is as `b`: the median over the rounds that have both.
pub fn times_as_fast(a: &[Option<Sample>], b: &[Option<Sample>]) -> Option<f64> {
    let pairs = a.iter().zip(b).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?))).collect();
    let pairs = counted(pairs, |(a, b)| a.other.max(b.other));
    median(pairs.into_iter().map(|(a, b)| b.median / a.median))
}

/// What the least disturbed round shows: the smallest tenth percentile.
pub fn best(rounds: &[Option<Sample>]) -> Option<f64> {
    rounds.iter().flatten().map(|sample| sample.p10).min_by(f64::total_cmp)
}

/// How many times as fast `a` is as `b`, each at its best.
pub fn times_as_fast_at_best(a: &[Option<Sample>], b: &[Option<Sample>]) -> Option<f64> {
    Some(best(b)? / best(a)?)
}

/// The cosine of the angle between two vectors.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(medians: &[f64]) -> Vec<Option<Sample>> {
        let sample = |&median: &f64| Sample { median, p10: median - 0.5, p90: median + 1.0, other: median / 100.0 };
        medians.iter().map(|median| Some(sample(median)).filter(|sample| !sample.median.is_nan())).collect()
    }

    #[test]
    fn medians() {
        for (values, expected) in [(vec![], None), (vec![3.0], Some(3.0)), (vec![4.0, 1.0], Some(2.5)), (vec![9.0, 1.0, 2.0], Some(2.0))] {
            assert_eq!(median(values), expected);
        }
    }

    #[test]
    fn a_summary_is_the_median_round() {
        let found = summary(&rounds(&[5.0, f64::NAN, 9.0, 4.0])).expect("three rounds");
        assert_eq!(found, Sample { median: 5.0, p10: 4.5, p90: 6.0, other: 0.05 });
        assert_eq!(summary(&rounds(&[f64::NAN])), None);
    }

    #[test]
    fn disturbed_rounds_count_where_there_are_few_others() {
        for (medians, expected) in [([1.0, 30.0, 40.0, 50.0, 2.0], 30.0), ([1.0, 3.0, 40.0, 50.0, 2.0], 2.0)] {
            let found = summary(&rounds(&medians)).expect("five rounds");
            assert_eq!(found.median, expected, "{medians:?}");
            assert_eq!(times_as_fast(&rounds(&medians), &rounds(&medians.map(|m| 2.0 * m))), Some(2.0));
        }
        // The third round of `b` was disturbed.
        let (a, b) = (rounds(&[1.0, 1.0, 1.0, 1.0]), rounds(&[2.0, 3.0, 99.0, 4.0]));
        assert_eq!(times_as_fast(&a, &b), Some(3.0));
        assert_eq!(times_as_fast_at_best(&a, &b), Some(3.0));
        assert_eq!(times_as_fast_at_best(&a, &[]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // A machine that is twice as slow in the second round and lacks a figure in the third.
        let (a, b) = (rounds(&[1.0, 2.0, f64::NAN, 1.0]), rounds(&[3.0, 6.0, 9.0, 4.0]));
        assert_eq!(times_as_fast(&a, &b), Some(3.0));
        assert_eq!(times_as_fast(&b, &a), Some(1.0 / 3.0));
        assert_eq!(times_as_fast(&a, &rounds(&[])), None);
    }

    #[test]
    fn cosines() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(near(cosine(&[1.0, 2.0], &[2.0, 4.0]), 1.0));
        assert!(near(cosine(&[1.0, 0.0], &[0.0, 3.0]), 0.0));
        assert!(near(cosine(&[1.0, 1.0], &[-1.0, -1.0]), -1.0));
    }
}
