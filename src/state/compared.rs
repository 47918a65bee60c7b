//! What the backends of this device do with one recipe, measured one after the other.

use bitdial_protocol::{BackendCheck, BackendChoice, Capabilities, Timing};

/// A backend, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Which was asked for.
    pub backend: BackendChoice,
    /// Its figures, or a sentence why there are none.
    pub outcome: Result<Measured, String>,
}

/// The figures of a backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What it says of itself.
    pub capabilities: Capabilities,
    /// The f32 model.
    pub float: Figures,
    /// The quantized model; `None` where it runs as on another backend that is listed.
    pub quantized: Option<Figures>,
    /// How it compares with the scalar reference; `None` for the reference.
    pub check: Option<BackendCheck>,
}

/// Figures of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Classes of the first images.
    pub classes: Vec<u16>,
    /// One image at a time.
    pub latency: Timing,
    /// Images a second, many at a time.
    pub rate: Rate,
}

/// The spread of a rate over several rounds, in images a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Median.
    pub median: f64,
    /// Tenth percentile.
    pub p10: f64,
    /// Ninetieth percentile.
    pub p90: f64,
}

impl Rate {
    /// Of rounds of so many images each, and the milliseconds that they took; no rounds are no rate.
    pub fn of(images: usize, rounds: &[f64]) -> Self {
        // By rank, as they are few: the library's sort takes 4 kB of the page. The longest time is the lowest rate.
        let longer = |ms: f64| rounds.iter().filter(|other| **other > ms).count();
        let as_long = |ms: f64| rounds.iter().filter(|other| **other >= ms).count();
        let at = |share: f64| {
            let rank = (share * (rounds.len().max(1) - 1) as f64).round() as usize;
            let ms = rounds.iter().find(|ms| (longer(**ms)..as_long(**ms)).contains(&rank));
            ms.map_or(0.0, |ms| 1e3 * images as f64 / ms.max(1e-3))
        };
        Self { median: at(0.5), p10: at(0.1), p90: at(0.9) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_the_spread_of_its_rounds() {
        for (rounds, expected) in [
            (vec![], [0.0, 0.0, 0.0]),
            (vec![10.0], [1_000.0; 3]),
            (vec![20.0, 5.0, 10.0], [500.0, 1_000.0, 2_000.0]),
            (vec![10.0, 5.0, 10.0], [1_000.0, 1_000.0, 2_000.0]),
            ((1..=11).map(|n| 10.0 / f64::from(n)).collect(), [2_000.0, 6_000.0, 10_000.0]),
        ] {
            let Rate { median, p10, p90 } = Rate::of(10, &rounds);
            assert!([p10, median, p90].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{rounds:?}: {p10} {median} {p90}");
        }
    }
}
