//! What the lab keeps, and how each request is answered with it.

use std::collections::HashMap;
use std::sync::Arc;

use bitdial_kernels::Backend;
use bitdial_lab::{Images, Model, Quantized, Quantizer};
use bitdial_protocol::{Budget, Diagnosis, ImagesHandle, LabRequest, LabResponse, ModelHandle, QuantizedHandle};
use js_sys::ArrayBuffer;

use crate::session::{Answer, Session, buffer, done, floats, gone};
use crate::turn::{Stop, Turn, now};
use crate::wire;

/// Everything one lab keeps.
#[derive(Default)]
pub struct Lab {
    models: HashMap<ModelHandle, Model>,
    quantized: HashMap<QuantizedHandle, (ModelHandle, Quantized)>,
    /// What was found in quantized models.
    diagnoses: HashMap<QuantizedHandle, Diagnosis>,
    images: HashMap<ImagesHandle, Arc<Images>>,
    handles: u32,
}

impl Session for Lab {
    type Request = LabRequest;
    type Response = LabResponse;

    async fn answer(&mut self, request: LabRequest, buffers: &[ArrayBuffer], turn: &mut Turn<'_>) -> Result<Answer<LabResponse>, Stop> {
        let response = match request {
            LabRequest::Load {} => return self.load(buffer(buffers, 0, "a model")?),
            LabRequest::AddIdx { normalize } => {
                let (images, labels) = (buffer(buffers, 0, "images")?, buffer(buffers, 1, "labels")?);
                self.keep(Images::from_idx(&wire::bytes(images), &wire::bytes(labels), normalize)?)
            }
            LabRequest::AddPixels { count, height, width, channels, normalize } => {
                let pixels = wire::bytes(buffer(buffers, 0, "pixels")?);
                self.keep(Images::from_pixels(pixels, count, [height, width, channels], normalize)?)
            }
            LabRequest::Quantize { model, recipe, calibration } => {
                let images = calibration.map(|images| self.kept(images).cloned()).transpose()?;
                let quantizer = self.model(model)?.quantizer(&recipe, images)?;
                return self.quantize(model, quantizer, turn).await;
            }
            LabRequest::QuantizeWith { model, recipe } => {
                let inputs = floats(buffers, "calibration inputs")?;
                let quantizer = self.model(model)?.quantizer_with(&recipe, inputs)?;
                return self.quantize(model, quantizer, turn).await;
            }
            LabRequest::Layer { quantized, layer } => LabResponse::Layer { detail: self.made(quantized)?.layer_detail(&layer)? },
            LabRequest::Maps { quantized, layer, shape, normalize } => {
                let image = Images::from_pixels(wire::bytes(buffer(buffers, 0, "pixels")?), 1, shape, normalize)?;
                let (maps, pictures) = self.made(quantized)?.maps(&image, &layer)?;
                return Ok((LabResponse::Mapped { maps }, pictures.iter().map(|picture| wire::from_bytes(picture)).collect()));
            }
            LabRequest::Diagnose { quantized, images } => self.diagnose(quantized, images, turn).await?,
            LabRequest::Advise { quantized, lost } => {
                let (model, diagnosis) = (self.made(quantized)?, self.diagnoses.get(&quantized));
                let diagnosis = diagnosis.ok_or_else(|| Stop::because("there is no advice without a diagnosis"))?;
                LabResponse::Advised { advice: model.advise(diagnosis, lost) }
            }
            LabRequest::Export { quantized } => {
                return Ok((LabResponse::Exported {}, vec![wire::from_bytes(&self.made(quantized)?.onnx()?)]));
            }
            LabRequest::Isolate { quantized, layer, isolation } => {
                let packed = self.made(quantized)?.isolated(&layer, isolation)?;
                return Ok((LabResponse::Isolated {}, vec![wire::from_bytes(&packed)]));
            }
            LabRequest::Search { quantized, images, budget } => self.search(quantized, images, budget, turn).await?,
            LabRequest::DisposeModel { model } => {
                self.quantized.retain(|_, (of, _)| *of != model);
                self.diagnoses.retain(|quantized, _| self.quantized.contains_key(quantized));
                done(self.models.remove(&model), "model", LabResponse::Done {})?
            }
            LabRequest::DisposeQuantized { quantized } => {
                self.diagnoses.remove(&quantized);
                done(self.quantized.remove(&quantized), "quantized model", LabResponse::Done {})?
            }
            LabRequest::DisposeImages { images } => done(self.images.remove(&images), "set of images", LabResponse::Done {})?,
        };
        Ok((response, Vec::new()))
    }
}

impl Lab {
    fn load(&mut self, onnx: &ArrayBuffer) -> Result<Answer<LabResponse>, Stop> {
        let model = Model::load(&wire::bytes(onnx), Backend::best())?;
        let packed = wire::from_bytes(&model.packed());
        let handle = ModelHandle(self.handle());
        self.models.insert(handle, model);
        Ok((LabResponse::Loaded { model: handle }, vec![packed]))
    }

    fn keep(&mut self, images: Images) -> LabResponse {
        let handle = ImagesHandle(self.handle());
        let response = LabResponse::Images { images: handle, count: images.count() };
        self.images.insert(handle, Arc::new(images));
        response
    }

    async fn quantize(&mut self, model: ModelHandle, mut quantizer: Quantizer, turn: &mut Turn<'_>) -> Result<Answer<LabResponse>, Stop> {
        while !quantizer.is_done() {
            quantizer.step(turn.images(), &now)?;
            turn.rest_in(quantizer.stage(), quantizer.progress()).await?;
        }
        let quantized = quantizer.finish()?;
        let (making, packed) = (quantized.making().clone(), wire::from_bytes(&quantized.packed()));
        let handle = QuantizedHandle(self.handle());
        self.quantized.insert(handle, (model, quantized));
        Ok((LabResponse::Quantized { quantized: handle, making }, vec![packed]))
    }

    async fn diagnose(&mut self, quantized: QuantizedHandle, images: ImagesHandle, turn: &mut Turn<'_>) -> Result<LabResponse, Stop> {
        let mut diagnosing = self.made(quantized)?.diagnose(self.kept(images)?)?;
        while !diagnosing.progress().is_done() {
            let progress = diagnosing.step()?;
            turn.rest_in("diagnosing", progress).await?;
        }
        let diagnosis = diagnosing.finish()?;
        let advice = self.made(quantized)?.advise(&diagnosis, None);
        self.diagnoses.insert(quantized, diagnosis.clone());
        Ok(LabResponse::Diagnosed { diagnosis, advice })
    }

    async fn search(
        &mut self,
        quantized: QuantizedHandle,
        images: ImagesHandle,
        budget: Budget,
        turn: &mut Turn<'_>,
    ) -> Result<LabResponse, Stop> {
        let mut searching = self.made(quantized)?.search(self.kept(images)?, budget)?;
        while !searching.progress().is_done() {
            let progress = searching.step()?;
            turn.rest_in("measuring", progress).await?;
        }
        Ok(LabResponse::Searched { frontier: searching.finish()? })
    }

    fn made(&self, handle: QuantizedHandle) -> Result<&Quantized, Stop> {
        self.quantized.get(&handle).map(|(_, quantized)| quantized).ok_or_else(|| gone("quantized model"))
    }

    fn kept(&self, handle: ImagesHandle) -> Result<&Arc<Images>, Stop> {
        self.images.get(&handle).ok_or_else(|| gone("set of images"))
    }

    fn model(&self, handle: ModelHandle) -> Result<&Model, Stop> {
        self.models.get(&handle).ok_or_else(|| gone("model"))
    }

    fn handle(&mut self) -> u32 {
        self.handles += 1;
        self.handles
    }
}
