//! Mixed precision: widths of layers from their measured sensitivity, under a budget.

mod refine;
mod sensitivity;
mod superpose;
mod trial;

use bitdial_protocol::{Budget, FrontierPoint, LayerSensitivity, WidthOption};

use crate::allocate::{Allocation, Choice, allocate, frontier};

pub use refine::Refining;
pub use sensitivity::{SENSITIVITY_IMAGES, Sensitivity, Variant};
pub use trial::{SCOUT_IMAGES, TRIAL_IMAGES, TrialImages, Trials};

/// Limits for which the best allocation is found.
const POINTS: usize = 48;

/// What a model's layers lose and take, and what follows for the whole model.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// Layers with weights, in order of execution.
    pub layers: &'a [LayerSensitivity],
    /// What the packed model has beside them, bytes.
    pub rest: usize,
}

impl Measured<'_> {
    fn choices(&self, choice: impl Fn(&LayerSensitivity, &WidthOption) -> Choice) -> Vec<Vec<Choice>> {
        self.layers.iter().map(|layer| layer.options.iter().map(|option| choice(layer, option)).collect()).collect()
    }

    fn weights(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights).sum()
    }

    /// The allocation with the least predicted loss within a budget of size; `None` if there is none, or the budget is
    /// none of size.
    #[must_use]
    pub fn allocate(&self, budget: Budget) -> Option<FrontierPoint> {
        let bytes = |_: &LayerSensitivity, option: &WidthOption| option.bytes as f64;
        let bits = |layer: &LayerSensitivity, option: &WidthOption| layer.weights as f64 * f64::from(option.bits);
        let best = match budget {
            Budget::Bytes(limit) => allocate(&self.choices(|l, o| choice(bytes(l, o), o)), limit.checked_sub(self.rest)? as f64),
            Budget::Bits(limit) => allocate(&self.choices(|l, o| choice(bits(l, o), o)), f64::from(limit) * self.weights() as f64),
            Budget::Drop(_) => None,
        };
        best.map(|best| self.allocated(&best))
    }

    /// The frontier of best allocations by size, smallest first.
    #[must_use]
    pub fn frontier(&self) -> Vec<FrontierPoint> {
        let bytes = self.choices(|_, option| choice(option.bytes as f64, option));
        frontier(&bytes, POINTS).iter().map(|best| self.allocated(best)).collect()
    }

    /// All layers at one width; `None` if a layer has not got it.
    #[must_use]
    pub fn uniform(&self, bits: u8) -> Option<FrontierPoint> {
        self.widths(&vec![bits; self.layers.len()])
    }

    /// Each layer at a width, in bits; `None` if a layer has not got it.
    #[must_use]
    pub fn widths(&self, widths: &[u8]) -> Option<FrontierPoint> {
        let position = |(layer, &bits): (&LayerSensitivity, &u8)| layer.options.iter().position(|option| option.bits == bits);
        Some(self.point(&self.layers.iter().zip(widths).map(position).collect::<Option<Vec<_>>>()?))
    }

    /// Whether an allocation keeps a budget; one of accuracy only if it was run.
    #[must_use]
    pub fn fits(&self, point: &FrontierPoint, budget: Budget) -> bool {
        match budget {
            Budget::Bytes(limit) => point.bytes <= limit,
            Budget::Bits(limit) => point.bits <= limit,
            Budget::Drop(limit) => point.measured.is_some_and(|measured| measured.drop <= limit),
        }
    }

    fn allocated(&self, allocation: &Allocation) -> FrontierPoint {
        self.point(&allocation.picks)
    }

    /// What an allocation costs: the option that each layer takes.
    fn point(&self, picks: &[usize]) -> FrontierPoint {
        let picked = || self.layers.iter().zip(picks).map(|(layer, &pick)| (layer.weights, layer.options[pick]));
        let bits: u64 = picked().map(|(weights, option)| weights as u64 * u64::from(option.bits)).sum();
        FrontierPoint {
            bytes: self.rest + picked().map(|(_, option)| option.bytes).sum::<usize>(),
            bits: (bits as f64 / self.weights().max(1) as f64) as f32,
            loss: picked().map(|(_, option)| f64::from(option.loss)).sum::<f64>() as f32,
            widths: picked().map(|(_, option)| option.bits).collect(),
            measured: None,
        }
    }
}

fn choice(cost: f64, option: &WidthOption) -> Choice {
    Choice { cost, loss: f64::from(option.loss) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 and 300 weights at 2, 4 and 8 bits; narrow widths of the second cost little.
    fn layers() -> Vec<LayerSensitivity> {
        let layer = |name: &str, weights: usize, losses: [f32; 3]| LayerSensitivity {
            name: name.into(),
            weights,
            options: [2u8, 4, 8]
                .iter()
                .zip(losses)
                .map(|(&bits, loss)| WidthOption { bits, bytes: weights * usize::from(bits) / 8, loss })
                .collect(),
        };
        vec![layer("a", 100, [1.0, 0.25, 0.0]), layer("b", 300, [0.125, 0.0625, 0.0])]
    }

    fn chosen(budget: Budget) -> Option<FrontierPoint> {
        Measured { layers: &layers(), rest: 50 }.allocate(budget)
    }

    #[test]
    fn budgets_are_kept() {
        for (budget, widths) in [
            (Budget::Bits(4.0), Some([8, 2])),
            (Budget::Bits(2.5), Some([4, 2])),
            (Budget::Bits(2.0), Some([2, 2])),
            (Budget::Bits(1.9), None),
            (Budget::Bits(f32::NAN), None),
            (Budget::Bytes(50 + 100 + 75), Some([8, 2])),
            (Budget::Bytes(50), None),
            (Budget::Bytes(49), None),
        ] {
            assert_eq!(chosen(budget).map(|point| point.widths), widths.map(Vec::from), "{budget:?}");
        }
    }

    #[test]
    fn the_frontier_says_what_its_points_cost() {
        let layers = layers();
        let measured = Measured { layers: &layers, rest: 50 };
        let (points, chosen) = (measured.frontier(), chosen(Budget::Bits(4.0)).unwrap());
        assert_eq!(chosen, FrontierPoint { bytes: 225, bits: 3.5, loss: 0.125, widths: vec![8, 2], measured: None });
        let (first, last) = (&points[0], &points[points.len() - 1]);
        assert_eq!((first.bytes, first.bits, first.loss), (150, 2.0, 1.125));
        assert_eq!((last.bytes, last.bits, last.loss), (450, 8.0, 0.0));
        assert!(points.is_sorted_by(|a, b| a.bytes < b.bytes && a.loss > b.loss) && points.contains(&chosen));
        let nothing = Measured { layers: &[], rest: 50 }.frontier();
        assert_eq!(nothing, [FrontierPoint { bytes: 50, bits: 0.0, loss: 0.0, widths: vec![], measured: None }]);
    }
}
