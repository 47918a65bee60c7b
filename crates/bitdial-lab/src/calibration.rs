//! The inputs of a calibration, and the ranges that calibrations of a model have found.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use bitdial_protocol::Calibration;
use bitdial_quant::{Ranges, Samples, Statistics, draw_samples};

use crate::Images;

/// Calibrations that a model remembers.
const REMEMBERED: usize = 16;

/// Inputs that a calibration looks at, in order.
#[derive(Debug)]
pub enum Inputs {
    /// Images of a set, with these indices.
    Drawn {
        /// The set.
        images: Arc<Images>,
        /// Which.
        indices: Vec<usize>,
    },
    /// Inputs of the caller's, of `len` numbers each.
    Given {
        /// NCHW.
        inputs: Vec<f32>,
        /// Numbers of one input.
        len: usize,
    },
}

impl Inputs {
    /// Those that the recipe's seed draws.
    #[must_use]
    pub fn drawn(images: Arc<Images>, calibration: &Calibration) -> Self {
        let indices = draw_samples(images.count(), calibration);
        Self::Drawn { images, indices }
    }

    /// Those of a list of inputs, `len` numbers each, that the recipe's seed draws: the same as from a set.
    #[must_use]
    pub fn given(mut inputs: Vec<f32>, len: usize, calibration: &Calibration) -> Self {
        let drawn = draw_samples(inputs.len() / len, calibration);
        // Ascending, so that none is written over before it was moved.
        for (to, &from) in drawn.iter().enumerate() {
            inputs.copy_within(from * len..(from + 1) * len, to * len);
        }
        inputs.truncate(drawn.len() * len);
        Self::Given { inputs, len }
    }

    /// Their labels in order; empty if they have none.
    #[must_use]
    pub fn labels(&self) -> Vec<u16> {
        match self {
            Self::Drawn { images, indices } => indices.iter().filter_map(|&index| images.labels().get(index).copied()).collect(),
            Self::Given { .. } => Vec::new(),
        }
    }

    /// What tells these inputs from others.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Drawn { images, indices } => (images.fingerprint(), indices).hash(&mut hasher),
            Self::Given { inputs, .. } => inputs.iter().for_each(|x| hasher.write_u32(x.to_bits())),
        }
        hasher.finish()
    }
}

impl Samples for Inputs {
    fn count(&self) -> usize {
        match self {
            Self::Drawn { indices, .. } => indices.len(),
            Self::Given { inputs, len } => inputs.len() / len,
        }
    }

    fn batch(&self, first: usize, count: usize) -> Vec<f32> {
        match self {
            // Drawn from the set, so that there are all of them.
            Self::Drawn { images, indices } => images.inputs_at(&indices[first..first + count]).unwrap_or_default(),
            Self::Given { inputs, len } => inputs[first * len..(first + count) * len].to_vec(),
        }
    }
}

/// What the ranges of a model depend on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Key {
    statistics: Statistics,
    inputs: u64,
}

impl Key {
    pub(crate) fn new(calibration: &Calibration, inputs: &Inputs) -> Self {
        Self { statistics: Statistics::of(calibration.method), inputs: inputs.fingerprint() }
    }
}

/// The ranges that the latest calibrations of one model have found, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RangeCache(Mutex<Vec<(Key, Arc<Ranges>)>>);

impl RangeCache {
    pub(crate) fn get(&self, key: Key) -> Option<Arc<Ranges>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(known, _)| *known == key).map(|(_, ranges)| Arc::clone(ranges))
    }

    pub(crate) fn put(&self, key: Key, ranges: Arc<Ranges>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.remove(0);
        }
        if !known.iter().any(|(other, _)| *other == key) {
            known.push((key, ranges));
        }
    }
}
