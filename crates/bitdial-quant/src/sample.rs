//! Which calibration images are looked at.

use std::collections::BTreeSet;

use bitdial_protocol::Calibration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Indices of the calibration images, ascending: all `available` if there are not more than `calibration.samples`,
/// else as many drawn without replacement, each subset equally likely, by `ChaCha8` from `calibration.seed`.
///
/// Source of the draw: Bentley and Floyd 1987, 'A sample of brilliance', algorithm F2.
#[must_use]
pub fn draw_samples(available: usize, calibration: &Calibration) -> Vec<usize> {
    let samples = (calibration.samples as usize).max(1);
    if samples >= available {
        return (0..available).collect();
    }
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&calibration.seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(seed);
    let mut drawn = BTreeSet::new();
    for last in available - samples..available {
        if !drawn.insert(below(last as u64 + 1, &mut random) as usize) {
            drawn.insert(last);
        }
    }
    drawn.into_iter().collect()
}

/// A number in `0..n`, each equally likely: those that would favour small ones are drawn again.
pub(crate) fn below(n: u64, random: &mut impl Rng) -> u64 {
    let fair = u64::MAX - u64::MAX % n;
    loop {
        let x = random.next_u64();
        if x < fair {
            return x % n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draw(available: usize, samples: u32, seed: u32) -> Vec<usize> {
        draw_samples(available, &Calibration { samples, seed, ..Calibration::default() })
    }

    proptest! {
        #[test]
        fn samples_are_distinct_ascending_and_in_range(available in 0usize..600, samples in 0u32..600, seed: u32) {
            let drawn = draw(available, samples, seed);
            prop_assert_eq!(drawn.len(), available.min(samples.max(1) as usize));
            prop_assert!(drawn.is_sorted_by(|a, b| a < b));
            prop_assert!(drawn.last().is_none_or(|&last| last < available));
            prop_assert_eq!(drawn, draw(available, samples, seed));
        }
    }

    #[test]
    fn a_seed_means_the_same_images_everywhere() {
        // The same indices came from a ChaCha8 written from its definition in another language.
        assert_eq!(draw(512, 8, 0), [10, 24, 153, 312, 325, 371, 409, 447]);
        assert_ne!(draw(512, 8, 1), draw(512, 8, 0));
        assert_eq!(draw(5, 9, 7), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_image_is_drawn_equally_often() {
        let mut counts = [0; 20];
        for seed in 0..10_000 {
            draw(20, 5, seed).into_iter().for_each(|i| counts[i] += 1);
        }
        // 2500 expected; five standard deviations are 217.
        assert!(counts.iter().all(|c| (2283..=2717).contains(c)), "{counts:?}");
    }
}
