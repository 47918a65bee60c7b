//! The stages that every recipe has: ranges are found, weights are rounded.

use std::sync::Arc;

use super::{Count, Report, State, Work};
use crate::calibrate::Calibrator;
use crate::error::QuantError;
use crate::quantize::quantize;

/// A calibration of the f32 model.
#[derive(Debug)]
pub(crate) struct Calibrating {
    calibrator: Calibrator,
    next: usize,
}

impl Calibrating {
    pub fn begin(state: &State) -> Result<Box<dyn Work>, QuantError> {
        let calibrator = Calibrator::for_method(&state.float, state.backend, state.recipe.calibration.method)?;
        Ok(Box::new(Self { calibrator, next: 0 }))
    }
}

impl Work for Calibrating {
    fn step(&mut self, state: &mut State, images: usize) -> Result<Count, QuantError> {
        let total = state.images();
        let count = images.min(total - self.next);
        self.calibrator.feed(&state.batch(self.next, count), count)?;
        self.next += count;
        Ok(Count { done: self.next, total })
    }

    fn finish(self: Box<Self>, state: &mut State) -> Result<Option<Report>, QuantError> {
        state.ranges = Some(Arc::new(self.calibrator.finish()));
        Ok(None)
    }
}

/// The rounding of all weights.
#[derive(Debug)]
pub(crate) struct Quantizing;

impl Work for Quantizing {
    fn step(&mut self, state: &mut State, _images: usize) -> Result<Count, QuantError> {
        state.quantized = Some(quantize(&state.float, &state.recipe, state.ranges.as_deref())?);
        Ok(Count { done: 1, total: 1 })
    }

    fn finish(self: Box<Self>, _state: &mut State) -> Result<Option<Report>, QuantError> {
        Ok(None)
    }
}
