//! What is left to chance in a layer's weights, by the recipe's seed.

use bitdial_numerics as numerics;
use bitdial_protocol::Rounding;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random numbers of one layer: the same on every machine.
#[derive(Clone, Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// Those of the layer at position `layer` of the graph, by the recipe's `seed`.
    #[must_use]
    pub fn new(seed: u32, layer: usize) -> Self {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        bytes[4..12].copy_from_slice(&(layer as u64 + 1).to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number in `0..1` with 53 bits.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How the next value is rounded.
    pub(super) fn rounding(&mut self, rounding: Rounding) -> numerics::Rounding {
        match rounding {
            Rounding::Nearest => numerics::Rounding::Nearest,
            Rounding::Floor => numerics::Rounding::Floor,
            Rounding::Stochastic => numerics::Rounding::Stochastic((self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32),
        }
    }
}
