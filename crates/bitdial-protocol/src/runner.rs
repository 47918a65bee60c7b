//! What a runner takes and answers: it runs models that the lab has packed, on labelled images and against the clock.

use serde::{Deserialize, Serialize};

use crate::maps::Classified;
use crate::message::{ImagesHandle, ModelHandle, Normalize, QuantizedHandle};
use crate::result::{BackendCheck, Capabilities, LayerOverflows, ModelInfo, Profile, QuantizedInfo, Rooflines, Timing};

/// Which kernels a worker is asked to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendChoice {
    /// The fastest that this build has.
    #[default]
    Auto,
    /// The reference loops.
    Scalar,
    /// 128-bit SIMD.
    Simd128,
    /// 128-bit SIMD with the relaxed instructions.
    RelaxedSimd,
    /// The GPU: integers for quantized models, f32 for others.
    #[serde(rename = "webgpu")]
    WebGpu,
    /// The GPU, with f16 for what is not quantized.
    #[serde(rename = "webgpu-f16")]
    WebGpuF16,
}

impl BackendChoice {
    /// Whether it is a GPU's.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::WebGpu | Self::WebGpuF16)
    }
}

/// What is run: a model in f32, or a quantized one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The f32 model.
    F32(ModelHandle),
    /// A quantized model.
    Quantized(QuantizedHandle),
}

/// What a page asks of a runner. `buffers` says what lies beside the message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Chooses the kernels; the first request of all. Answer: [`Response::Ready`].
    Start {
        /// The kernels.
        backend: BackendChoice,
    },
    /// Loads an f32 model that the lab has prepared. buffers: `[packed]`. Answer: [`Response::Loaded`].
    Load {},
    /// Keeps labelled images. buffers: `[images, labels]`, IDX files, gzipped or not. Answer: [`Response::Images`].
    AddIdx {
        /// Pixels to inputs.
        normalize: Normalize,
    },
    /// Keeps unlabelled images. buffers: `[pixels]`, u8 in NHWC order. Answer: [`Response::Images`].
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
    /// Takes a quantized model. buffers: `[packed]`. Answer: [`Response::Quantized`].
    Adopt {
        /// The model that it was made from.
        model: ModelHandle,
    },
    /// Classifies a range of images kept here. Answer: [`Response::Evaluated`].
    Evaluate {
        /// What runs.
        target: Target,
        /// On which images.
        images: ImagesHandle,
        /// First image.
        first: usize,
        /// How many.
        count: usize,
    },
    /// Runs a model. buffers: `[f32, NCHW]` of `batch` inputs. Answer: [`Response::Ran`].
    Run {
        /// What runs.
        target: Target,
        /// Number of inputs.
        batch: usize,
    },
    /// Runs one image on several targets, one after the other. buffers: `[pixels]`, u8, rows of columns of channels. Answer:
    /// [`Response::Classified`].
    Classify {
        /// What runs, in this order.
        targets: Vec<Target>,
        /// Rows, columns, channels.
        shape: [usize; 3],
        /// Pixels to inputs.
        normalize: Normalize,
    },
    /// Tries out kernels between which this device decides, for 100 ms at most in all for each model that is loaded, and
    /// goes on with the fastest. `Time` and `Profile` do so first. Answer: [`Response::Done`].
    Tune {
        /// What runs.
        target: Target,
    },
    /// Times several targets in turn at batch 1, warm, on the first image of the set (zeros without one), each time from
    /// a JavaScript array of f32 to a new one.
    /// Answer: [`Response::Timed`].
    Time {
        /// What runs, interleaved.
        targets: Vec<Target>,
        /// The input.
        images: Option<ImagesHandle>,
        /// Counted runs of each.
        runs: u32,
    },
    /// Times each layer at batch 1. Answer: [`Response::Profiled`].
    Profile {
        /// What runs.
        target: Target,
        /// Counted runs.
        runs: u32,
    },
    /// Measures what this device does at best; once. Answer: [`Response::Rooflines`].
    Rooflines {},
    /// Compares every backend of this build with the scalar reference, layer by layer. Answer: [`Response::Verified`].
    Verify {
        /// What runs.
        quantized: QuantizedHandle,
        /// On which images; the first `count` of them.
        images: ImagesHandle,
        /// How many.
        count: usize,
    },
    /// Pixels of some images kept here. Answer: [`Response::Pixels`].
    Pixels {
        /// The set.
        images: ImagesHandle,
        /// Which, in this order.
        indices: Vec<usize>,
    },
    /// Forgets a model and what was quantized from it. Answer: [`Response::Done`].
    DisposeModel {
        /// The model.
        model: ModelHandle,
    },
    /// Forgets a quantized model. Answer: [`Response::Done`].
    DisposeQuantized {
        /// The quantized model.
        quantized: QuantizedHandle,
    },
    /// Forgets a set of images. Answer: [`Response::Done`].
    DisposeImages {
        /// The set.
        images: ImagesHandle,
    },
}

/// A runner's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The engine is there.
    Ready {
        /// What it can do.
        capabilities: Capabilities,
    },
    /// A model is loaded.
    Loaded {
        /// To refer to it.
        model: ModelHandle,
        /// What it is.
        info: ModelInfo,
    },
    /// Images are kept.
    Images {
        /// To refer to them.
        images: ImagesHandle,
        /// How many.
        count: usize,
        /// Their labels, in order; empty if they have none.
        labels: Vec<u16>,
        /// Rows, columns, channels.
        shape: [usize; 3],
    },
    /// A quantized model is there.
    Quantized {
        /// To refer to it.
        quantized: QuantizedHandle,
        /// What it is.
        info: QuantizedInfo,
    },
    /// Images are classified.
    Evaluated {
        /// First image.
        first: usize,
        /// The index of the largest logit of each image.
        top1: Vec<u16>,
        /// The softmax of that logit, for each image.
        confidence: Vec<f32>,
        /// What narrow accumulators did on these images, layer by layer; empty without any.
        overflows: Vec<LayerOverflows>,
    },
    /// An image is classified.
    Classified {
        /// In the order of the request.
        answers: Vec<Classified>,
    },
    /// A model ran. buffers: one f32 buffer per output.
    Ran {
        /// Dimensions of each output, batch first.
        shapes: Vec<Vec<usize>>,
    },
    /// Times, one per target.
    Timed {
        /// In the order of the request.
        timings: Vec<Timing>,
    },
    /// A profile.
    Profiled {
        /// Where the time goes.
        profile: Profile,
    },
    /// What this device does at best.
    Rooflines {
        /// `None` if the clock is too coarse to measure it.
        rooflines: Option<Rooflines>,
    },
    /// Backends are compared.
    Verified {
        /// One per backend other than the scalar reference.
        checks: Vec<BackendCheck>,
    },
    /// Pixels of images. buffers: `[u8]`, NHWC.
    Pixels {
        /// Rows, columns, channels.
        shape: [usize; 3],
    },
    /// Nothing to say.
    Done {},
}
