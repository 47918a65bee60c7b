//! What the lab keeps, and how each request is answered with it.

use std::collections::HashMap;
use std::sync::Arc;

use bitdial_kernels::Backend;
use bitdial_lab::{Images, Model, Quantized, Quantizer};
use bitdial_protocol::{ImagesHandle, LabRequest, LabResponse, ModelHandle, QuantizedHandle};
use js_sys::ArrayBuffer;

use crate::session::{Answer, Session, buffer, done, floats, gone};
use crate::turn::{Stop, Turn, now};
use crate::wire;

/// Everything one lab keeps.
#[derive(Default)]
pub struct Lab {
    models: HashMap<ModelHandle, Model>,
    quantized: HashMap<QuantizedHandle, (ModelHandle, Quantized)>,
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
                let images =
                    calibration.map(|handle| self.images.get(&handle).cloned().ok_or_else(|| gone("set of images"))).transpose()?;
                let quantizer = self.model(model)?.quantizer(&recipe, images)?;
                return self.quantize(model, quantizer, turn).await;
            }
            LabRequest::QuantizeWith { model, recipe } => {
                let inputs = floats(buffers, "calibration inputs")?;
                let quantizer = self.model(model)?.quantizer_with(&recipe, inputs)?;
                return self.quantize(model, quantizer, turn).await;
            }
            LabRequest::Layer { quantized, layer } => {
                let (_, quantized) = self.quantized.get(&quantized).ok_or_else(|| gone("quantized model"))?;
                LabResponse::Layer { detail: quantized.layer_detail(&layer)? }
            }
            LabRequest::Export { quantized } => {
                let (_, quantized) = self.quantized.get(&quantized).ok_or_else(|| gone("quantized model"))?;
                return Ok((LabResponse::Exported {}, vec![wire::from_bytes(&quantized.onnx()?)]));
            }
            LabRequest::DisposeModel { model } => {
                self.quantized.retain(|_, (of, _)| *of != model);
                done(self.models.remove(&model), "model", LabResponse::Done {})?
            }
            LabRequest::DisposeQuantized { quantized } => done(self.quantized.remove(&quantized), "quantized model", LabResponse::Done {})?,
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

    fn model(&self, handle: ModelHandle) -> Result<&Model, Stop> {
        self.models.get(&handle).ok_or_else(|| gone("model"))
    }

    fn handle(&mut self) -> u32 {
        self.handles += 1;
        self.handles
    }
}
