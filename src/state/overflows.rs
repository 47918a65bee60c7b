//! What narrow sums did, layer by layer.

use bitdial_protocol::LayerOverflows;

/// Counts of every layer with a narrow accumulator, over all images so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overflows(Vec<LayerOverflows>);

impl Overflows {
    /// Counts more images.
    pub fn add(&mut self, more: &[LayerOverflows]) {
        for layer in more {
            match self.0.iter_mut().find(|known| known.name == layer.name) {
                Some(known) => {
                    known.additions += layer.additions;
                    known.overflows += layer.overflows;
                }
                None => self.0.push(layer.clone()),
            }
        }
    }

    /// The share of a layer's sums that overflowed; `None` for one without a narrow accumulator.
    pub fn of(&self, layer: &str) -> Option<f64> {
        self.0.iter().find(|known| known.name == layer).map(share)
    }

    /// The share of all sums that overflowed; `None` before there is one.
    pub fn share(&self) -> Option<f64> {
        let sum = |of: fn(&LayerOverflows) -> u64| self.0.iter().map(of).sum::<u64>();
        let additions = sum(|layer| layer.additions);
        (additions > 0).then(|| sum(|layer| layer.overflows) as f64 / additions as f64)
    }

    /// The layer with the largest share.
    pub fn worst(&self) -> Option<(&str, f64)> {
        let shares = self.0.iter().map(|layer| (layer.name.as_str(), share(layer)));
        shares.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, share)| *share > 0.0)
    }
}

fn share(layer: &LayerOverflows) -> f64 {
    layer.overflows as f64 / layer.additions.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_add_up() {
        let layer = |name: &str, additions, overflows| LayerOverflows { name: name.into(), additions, overflows };
        let mut all = Overflows::default();
        assert_eq!((all.share(), all.worst()), (None, None));
        all.add(&[layer("a", 100, 0), layer("b", 300, 0)]);
        assert_eq!((all.share(), all.worst(), all.of("a"), all.of("c")), (Some(0.0), None, Some(0.0), None));
        all.add(&[layer("a", 100, 10), layer("b", 300, 6)]);
        assert_eq!((all.share(), all.worst(), all.of("b")), (Some(0.02), Some(("a", 0.05)), Some(0.01)));
    }
}
