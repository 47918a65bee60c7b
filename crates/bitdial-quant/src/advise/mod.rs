//! What to try next, from what a diagnosis has measured: rules, each with a threshold and its reason.
//!
//! Rules stand in the order in which causes hide each other, that of the debugging workflow of Nagel et al. 2021, 'A white
//! paper on neural network quantization', section 3.6: shared ranges first, then single layers and ranges, then what a
//! correction can win.

mod edit;
mod rules;
#[cfg(test)]
mod tests;

use bitdial_protocol::{Advice, Diagnosis, Recipe};

/// What is known of a quantized model.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// How it was quantized.
    pub recipe: &'a Recipe,
    /// What that did to it.
    pub diagnosis: &'a Diagnosis,
    /// Accuracy lost against f32, points, if it was measured.
    pub lost: Option<f64>,
}

/// Accuracy that is as good as not lost, points: less than chance moves it by on 10,000 images.
const NOTHING: f64 = 0.2;
/// Noise at the output that is as good as none where no accuracy is known, dB. Of 2,000 predictions of the small models
/// with weights of 5 to 8 bits, 0.6 % changed at 25 and at 28 dB, 1 % at 21 dB, 2 % at 19 dB.
const QUIET: f32 = 25.0;

/// What to try next, the most basic first; nothing where no rule applies.
#[must_use]
pub fn advise(facts: &Facts) -> Vec<Advice> {
    let quiet = match facts.lost {
        Some(lost) => lost <= NOTHING,
        None => facts.diagnosis.output.is_none_or(|db| db >= QUIET),
    };
    if quiet { rules::fewer_bits(facts).into_iter().collect() } else { rules::REPAIRS.iter().filter_map(|rule| rule(facts)).collect() }
}
