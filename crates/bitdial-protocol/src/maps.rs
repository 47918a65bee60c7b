//! Feature maps: what one layer makes of one image, in f32 and quantized.

use serde::{Deserialize, Serialize};

/// What a layer puts out for one image, as pictures of its channels. The pictures lie beside it, one byte a value, channel
/// after channel, row by row: in f32, quantized, and quantized less f32. A byte of the first two stands for
/// `low + byte / 255 * (high - low)`, one of the last for `(byte - 128) / 127 * most`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureMaps {
    /// The layer's name.
    pub layer: String,
    /// Rows of a picture. A vector has one row, and one channel.
    pub rows: usize,
    /// Columns of a picture.
    pub columns: usize,
    /// The smallest value, of both models.
    pub low: f32,
    /// The largest value, of both models.
    pub high: f32,
    /// The largest absolute difference.
    pub most: f32,
    /// Signal-to-quantization-noise ratio of the layer for this image, dB; `None` without signal or without noise.
    pub sqnr: Option<f32>,
    /// The same of each channel.
    pub channels: Vec<Option<f32>>,
}

/// What a model makes of one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// How sure it is of each class, 0 to 1.
    pub probabilities: Vec<f32>,
    /// How long it took, milliseconds, from pixels to classes.
    pub ms: f64,
}
