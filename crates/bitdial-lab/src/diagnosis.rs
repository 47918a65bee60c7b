//! What quantization broke in a model, and what to try next.

use std::sync::Arc;

use bitdial_ir::packed;
use bitdial_protocol::{Advice, Diagnosis, Isolation};
use bitdial_quant::{DIAGNOSIS_IMAGES, Diagnoser, Facts, Samples, advise, isolate};

use crate::Progress;
use crate::calibration::Inputs;
use crate::error::LabError;
use crate::quantized::Quantized;

/// A diagnosis that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Diagnosing(Diagnoser);

impl Diagnosing {
    /// How far it is: layers of batches of images.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (done, total) = self.0.progress();
        Progress { done, total }
    }

    /// Does one more step.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the model cannot run.
    pub fn step(&mut self) -> Result<Progress, LabError> {
        self.0.step()?;
        Ok(self.progress())
    }

    /// Does what is left, and gives what was found.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(self) -> Result<Diagnosis, LabError> {
        Ok(self.0.finish()?)
    }
}

impl Quantized {
    /// Starts to compare the model with f32, on the first of the images that its recipe calibrates with.
    ///
    /// # Errors
    /// [`LabError::Images`] if the images do not fit the model, [`LabError::NoCalibration`] if there are none.
    pub fn diagnose(&self, images: &Arc<crate::Images>) -> Result<Diagnosing, LabError> {
        let (input, count, _) = self.inputs(images, DIAGNOSIS_IMAGES)?;
        let diagnoser = Diagnoser::new(Arc::clone(self.float()), Arc::clone(self.shared_graph()), input, count, self.backend())?;
        Ok(Diagnosing(diagnoser))
    }

    /// What to try next, by what a diagnosis of this model has found; `lost` is the accuracy lost against f32, points, if
    /// it is known.
    #[must_use]
    pub fn advise(&self, diagnosis: &Diagnosis, lost: Option<f64>) -> Vec<Advice> {
        advise(&Facts { recipe: self.recipe(), diagnosis, lost })
    }

    /// The packed model with one layer set apart.
    ///
    /// # Errors
    /// [`LabError::Quant`] if there is no such layer.
    pub fn isolated(&self, layer: &str, isolation: Isolation) -> Result<Vec<u8>, LabError> {
        Ok(packed::write(&isolate(self.float(), self.graph(), layer, isolation)?))
    }

    /// The first of the images that the recipe calibrates with, as one input, how many, and their labels, if they
    /// have any.
    pub(crate) fn inputs(&self, images: &Arc<crate::Images>, most: usize) -> Result<(Vec<f32>, usize, Vec<u16>), LabError> {
        if let [input] = self.float().inputs[..] {
            images.check_fit(&self.float().value(input).dims)?;
        }
        let inputs = Inputs::drawn(Arc::clone(images), &self.recipe().calibration);
        let count = inputs.count().min(most);
        if count == 0 {
            return Err(LabError::NoCalibration);
        }
        let mut labels = inputs.labels();
        labels.truncate(count);
        Ok((inputs.batch(0, count), count, labels))
    }
}
