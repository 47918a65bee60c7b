//! What the lab takes and answers: it reads ONNX files, and makes quantized models of them by recipes.

use serde::{Deserialize, Serialize};

use crate::diagnosis::{Advice, Budget, Diagnosis, Frontier, Isolation};
use crate::maps::FeatureMaps;
use crate::message::{ImagesHandle, ModelHandle, Normalize, QuantizedHandle};
use crate::recipe::{Correction, Recipe};
use crate::result::LayerDetail;

/// What a page asks of the lab. `buffers` says what lies beside the message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabRequest {
    /// Loads a model. buffers: `[onnx]`. Answer: [`LabResponse::Loaded`].
    Load {},
    /// Keeps images to calibrate with. buffers: `[images, labels]`, IDX files, gzipped or not. Answer:
    /// [`LabResponse::Images`].
    AddIdx {
        /// Pixels to inputs.
        normalize: Normalize,
    },
    /// Keeps images to calibrate with. buffers: `[pixels]`, u8 in NHWC order. Answer: [`LabResponse::Images`].
    AddPixels {
        /// Number of images.
        count: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// 1 or 3.
        channels: usize,
        /// Pixels to inputs.
        normalize: Normalize,
    },
    /// Quantizes a model with images kept here. Answer: [`LabResponse::Quantized`], with progress before.
    Quantize {
        /// The model.
        model: ModelHandle,
        /// How.
        recipe: Recipe,
        /// Calibration images; not every recipe needs them.
        calibration: Option<ImagesHandle>,
    },
    /// As `Quantize`, with calibration inputs from the caller. buffers: `[f32, NCHW]`.
    QuantizeWith {
        /// The model.
        model: ModelHandle,
        /// How.
        recipe: Recipe,
    },
    /// A closer look at one layer's weights. Answer: [`LabResponse::Layer`].
    Layer {
        /// The quantized model.
        quantized: QuantizedHandle,
        /// The layer's name.
        layer: String,
    },
    /// What a layer makes of one image, in f32 and quantized. buffers: `[pixels]`, u8, rows of columns of channels. Answer:
    /// [`LabResponse::Mapped`].
    Maps {
        /// The quantized model.
        quantized: QuantizedHandle,
        /// The layer's name.
        layer: String,
        /// Rows, columns, channels of the image.
        shape: [usize; 3],
        /// Pixels to inputs.
        normalize: Normalize,
    },
    /// The quantized model as an ONNX file. Answer: [`LabResponse::Exported`].
    Export {
        /// The quantized model.
        quantized: QuantizedHandle,
    },
    /// Looks for what quantization broke. Answer: [`LabResponse::Diagnosed`], with progress before.
    Diagnose {
        /// The quantized model.
        quantized: QuantizedHandle,
        /// Calibration images; the first of those that the recipe draws.
        images: ImagesHandle,
    },
    /// What to try next, now that accuracy is known; after `Diagnose`. Answer: [`LabResponse::Advised`].
    Advise {
        /// The quantized model.
        quantized: QuantizedHandle,
        /// Accuracy lost against f32, points, if it was measured.
        lost: Option<f64>,
    },
    /// The model with one layer set apart, for runners. Answer: [`LabResponse::Isolated`].
    Isolate {
        /// The quantized model.
        quantized: QuantizedHandle,
        /// The layer's name.
        layer: String,
        /// Which layers stay quantized.
        isolation: Isolation,
    },
    /// Searches for widths of the weights of each layer, for recipes like that of a quantized model. Answer:
    /// [`LabResponse::Searched`], with progress before, unless the same was measured before.
    Search {
        /// The quantized model.
        quantized: QuantizedHandle,
        /// Calibration images; the first of those that the recipe draws.
        images: ImagesHandle,
        /// What may be spent.
        budget: Budget,
    },
    /// Forgets a model and what was quantized from it. Answer: [`LabResponse::Done`].
    DisposeModel {
        /// The model.
        model: ModelHandle,
    },
    /// Forgets a quantized model. Answer: [`LabResponse::Done`].
    DisposeQuantized {
        /// The quantized model.
        quantized: QuantizedHandle,
    },
    /// Forgets a set of images. Answer: [`LabResponse::Done`].
    DisposeImages {
        /// The set.
        images: ImagesHandle,
    },
}

/// The lab's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabResponse {
    /// A model is loaded. buffers: `[packed]`, the model in f32 for runners.
    Loaded {
        /// To refer to it.
        model: ModelHandle,
    },
    /// Images are kept.
    Images {
        /// To refer to them.
        images: ImagesHandle,
        /// How many.
        count: usize,
    },
    /// A model is quantized. buffers: `[packed]`, for runners.
    Quantized {
        /// To refer to it.
        quantized: QuantizedHandle,
        /// How it came about.
        making: Making,
    },
    /// A layer, opened.
    Layer {
        /// What it shows.
        detail: LayerDetail,
    },
    /// Feature maps. buffers: `[f32, quantized, difference]`, as [`FeatureMaps`] says.
    Mapped {
        /// What they show.
        maps: FeatureMaps,
    },
    /// A file. buffers: `[onnx]`.
    Exported {},
    /// What quantization broke.
    Diagnosed {
        /// Layer by layer.
        diagnosis: Diagnosis,
        /// What to try next, most basic first, where no accuracy is known.
        advice: Vec<Advice>,
    },
    /// What to try next.
    Advised {
        /// Most basic first.
        advice: Vec<Advice>,
    },
    /// A layer is set apart. buffers: `[packed]`, for runners.
    Isolated {},
    /// Widths are found.
    Searched {
        /// The best ones, and what they cost.
        frontier: Frontier,
    },
    /// Nothing to say.
    Done {},
}

/// How a quantized model came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Making {
    /// What was made of each layer, in order of execution.
    pub layers: Vec<MadeLayer>,
    /// What each correction did, in the recipe's order.
    pub corrections: Vec<CorrectionReport>,
}

/// A layer as the lab made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MadeLayer {
    /// Width of the activations it puts out; `None` for f32.
    pub activation_bits: Option<u8>,
    /// Signal-to-quantization-noise ratio of its weights, dB; `None` without weights or without noise.
    pub weight_sqnr: Option<f32>,
}

/// What a correction did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorrectionReport {
    /// Which.
    pub correction: Correction,
    /// What it changed, in a sentence with its figures.
    pub summary: String,
    /// What it changed in each layer, in order of execution.
    pub layers: Vec<LayerChange>,
    /// How long it took, milliseconds.
    pub ms: f64,
}

/// A figure of a layer that a correction changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerChange {
    /// Name of the layer.
    pub name: String,
    /// What is measured, with its unit.
    pub figure: String,
    /// Before the correction.
    pub before: f32,
    /// After it.
    pub after: f32,
}
