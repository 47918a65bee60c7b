//! Mixed precision: widths of layers from their measured sensitivity, under a budget.

mod sensitivity;

use bitdial_protocol::{Budget, Frontier, FrontierPoint, LayerSensitivity, WidthOption};

use crate::allocate::{Allocation, Choice, allocate, frontier};

pub use sensitivity::{SENSITIVITY_IMAGES, Sensitivity, Variant};

/// Limits for which the best allocation is found.
const POINTS: usize = 48;

/// The best allocation within a budget, and the frontier of best allocations.
///
/// `rest` is what the packed model has beside the layers with weights, bytes; `images` on how many sensitivity was
/// measured.
#[must_use]
pub fn search(layers: Vec<LayerSensitivity>, rest: usize, images: usize, budget: Budget) -> Frontier {
    let choices = |choice: &dyn Fn(&LayerSensitivity, &WidthOption) -> Choice| -> Vec<Vec<Choice>> {
        layers.iter().map(|layer| layer.options.iter().map(|option| choice(layer, option)).collect()).collect()
    };
    let loss = |option: &WidthOption| f64::from(option.loss);
    let bytes = choices(&|_, option| Choice { cost: option.bytes as f64, loss: loss(option) });
    let weights: usize = layers.iter().map(|layer| layer.weights).sum();
    let chosen = match budget {
        Budget::Bytes(limit) => limit.checked_sub(rest).and_then(|limit| allocate(&bytes, limit as f64)),
        Budget::Bits(limit) => {
            let bits = choices(&|layer, option| Choice { cost: layer.weights as f64 * f64::from(option.bits), loss: loss(option) });
            allocate(&bits, f64::from(limit) * weights as f64)
        }
        Budget::Loss(limit) => allocate(&choices(&|_, option| Choice { cost: loss(option), loss: option.bytes as f64 }), f64::from(limit)),
    };
    let point = |allocation: Allocation| {
        let picked = || layers.iter().zip(&allocation.picks).map(|(layer, &pick)| (layer.weights, layer.options[pick]));
        let bits: u64 = picked().map(|(weights, option)| weights as u64 * u64::from(option.bits)).sum();
        FrontierPoint {
            bytes: rest + picked().map(|(_, option)| option.bytes).sum::<usize>(),
            bits: (bits as f64 / weights.max(1) as f64) as f32,
            loss: picked().map(|(_, option)| loss(&option)).sum::<f64>() as f32,
            widths: picked().map(|(_, option)| option.bits).collect(),
        }
    };
    let points = frontier(&bytes, POINTS).into_iter().map(point).collect();
    let chosen = chosen.map(point);
    Frontier { images, layers, points, chosen }
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
            (Budget::Loss(0.0), Some([8, 8])),
            (Budget::Loss(0.4), Some([4, 2])),
            (Budget::Loss(9.0), Some([2, 2])),
            (Budget::Loss(-1.0), None),
        ] {
            let found = search(layers(), 50, 7, budget).chosen;
            assert_eq!(found.map(|point| point.widths), widths.map(Vec::from), "{budget:?}");
        }
    }

    #[test]
    fn the_frontier_says_what_its_points_cost() {
        let found = search(layers(), 50, 7, Budget::Bits(4.0));
        assert_eq!(found.chosen, Some(FrontierPoint { bytes: 225, bits: 3.5, loss: 0.125, widths: vec![8, 2] }));
        let (first, last) = (&found.points[0], &found.points[found.points.len() - 1]);
        assert_eq!((first.bytes, first.bits, first.loss), (150, 2.0, 1.125));
        assert_eq!((last.bytes, last.bits, last.loss), (450, 8.0, 0.0));
        assert!(found.points.is_sorted_by(|a, b| a.bytes < b.bytes && a.loss > b.loss));
        assert!(found.points.contains(found.chosen.as_ref().unwrap()));
        let nothing = search(Vec::new(), 50, 7, Budget::Bits(4.0));
        assert_eq!(nothing.points, [FrontierPoint { bytes: 50, bits: 0.0, loss: 0.0, widths: vec![] }]);
    }
}
