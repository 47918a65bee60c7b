//! Sets of images: pixels, labels, and how pixels become a model's input.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::OnceLock;

use bitdial_protocol::Normalize;

use crate::error::EngineError;
use crate::idx::{self, MAX_BYTES};

/// Images of one size, with or without labels.
#[derive(Debug)]
pub struct Images {
    /// NHWC.
    pixels: Vec<u8>,
    labels: Vec<u16>,
    count: usize,
    shape: [usize; 3],
    normalize: Normalize,
    /// What each pixel is as input.
    table: [f32; 256],
    fingerprint: OnceLock<u64>,
}

impl Images {
    /// Labelled one-channel images from two IDX files, gzipped or not.
    ///
    /// # Errors
    /// [`EngineError::Idx`] and [`EngineError::Gzip`] for a file that cannot be read, [`EngineError::Images`] if the
    /// two do not belong together, there is no image, or `normalize` divides by zero.
    pub fn from_idx(images: &[u8], labels: &[u8], normalize: Normalize) -> Result<Self, EngineError> {
        let images = idx::read(images, 3, "images")?;
        let labels = idx::read(labels, 1, "labels")?;
        let &[count, height, width] = images.dims.as_slice() else {
            return Err(EngineError::Images("an images file has three dimensions".into()));
        };
        if labels.data.len() != count {
            return Err(EngineError::Images(format!("there are {count} images and {} labels", labels.data.len())));
        }
        let mut set = Self::from_pixels(images.data, count, [height, width, 1], normalize)?;
        set.labels = labels.data.into_iter().map(u16::from).collect();
        Ok(set)
    }

    /// Unlabelled images from u8 pixels in NHWC order; `shape` is rows, columns, channels.
    ///
    /// # Errors
    /// [`EngineError::Images`] if the number of pixels is not what `count` and `shape` say, there is no image, there
    /// are other than 1 or 3 channels, or `normalize` divides by zero.
    pub fn from_pixels(pixels: Vec<u8>, count: usize, shape: [usize; 3], normalize: Normalize) -> Result<Self, EngineError> {
        let refuse = |reason: String| Err(EngineError::Images(reason));
        let [height, width, channels] = shape;
        if !(channels == 1 || channels == 3) {
            return refuse(format!("images have 1 or 3 channels, not {channels}"));
        }
        if !(normalize.mean.is_finite() && normalize.std.is_normal()) {
            return refuse(format!("pixels cannot be normalized with mean {} and deviation {}", normalize.mean, normalize.std));
        }
        let len = [height, width, channels].iter().try_fold(count, |len, &dim| len.checked_mul(dim));
        match len.filter(|&len| len <= MAX_BYTES) {
            Some(0) => refuse("there is no image, or the images have no pixels".into()),
            Some(len) if len == pixels.len() => {
                let table = std::array::from_fn(|pixel| (pixel as f32 - normalize.mean) / normalize.std);
                Ok(Self { pixels, labels: Vec::new(), count, shape, normalize, table, fingerprint: OnceLock::new() })
            }
            _ => refuse(format!("{count} images of {height} x {width} x {channels} were announced and {} pixels came", pixels.len())),
        }
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their labels in order; empty if they have none.
    #[must_use]
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Rows, columns, channels.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Dimensions of one image as a model's input, NCHW without the batch.
    #[must_use]
    pub fn input_dims(&self) -> [usize; 3] {
        let [height, width, channels] = self.shape;
        [channels, height, width]
    }

    /// Whether these images can be inputs of `expected` dimensions, NCHW without the batch.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if they cannot.
    pub fn check_fit(&self, expected: &[usize]) -> Result<(), EngineError> {
        let found = self.input_dims();
        if expected == found {
            return Ok(());
        }
        let text = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        Err(EngineError::Shape { expected: text(expected), found: text(&found) })
    }

    /// Pixels of the images with these indices, NHWC.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] for an index past the end.
    pub fn pixels_at(&self, indices: &[usize]) -> Result<Vec<u8>, EngineError> {
        let mut pixels = Vec::new();
        for &index in indices {
            pixels.extend_from_slice(self.image(index)?);
        }
        Ok(pixels)
    }

    /// Model inputs of a range of images: f32, NCHW.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] if the range ends past the end.
    pub fn inputs(&self, range: Range<usize>) -> Result<Vec<f32>, EngineError> {
        let mut inputs = Vec::new();
        self.inputs_into(range, &mut inputs)?;
        Ok(inputs)
    }

    /// The same into a vector whose memory is used again; what it held is lost.
    ///
    /// # Errors
    /// As [`Self::inputs`].
    pub fn inputs_into(&self, range: Range<usize>, inputs: &mut Vec<f32>) -> Result<(), EngineError> {
        self.check(&range)?;
        self.write_inputs(range, inputs)
    }

    /// Whether there are all images of a range.
    pub(crate) fn check(&self, range: &Range<usize>) -> Result<(), EngineError> {
        if range.end > self.count {
            return Err(EngineError::NoImage { index: range.end - 1, count: self.count });
        }
        Ok(())
    }

    /// Model inputs of the images with these indices: f32, NCHW.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] for an index past the end.
    pub fn inputs_at(&self, indices: &[usize]) -> Result<Vec<f32>, EngineError> {
        let mut inputs = Vec::new();
        self.write_inputs(indices.iter().copied(), &mut inputs)?;
        Ok(inputs)
    }

    /// What tells this set from others: a hash of the pixels and of how they become inputs.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            (&self.pixels, self.shape, self.normalize.mean.to_bits(), self.normalize.std.to_bits()).hash(&mut hasher);
            hasher.finish()
        })
    }

    fn write_inputs(&self, indices: impl Iterator<Item = usize>, inputs: &mut Vec<f32>) -> Result<(), EngineError> {
        let channels = self.shape[2];
        inputs.clear();
        for index in indices {
            let image = self.image(index)?;
            for channel in 0..channels {
                inputs.extend(image.iter().skip(channel).step_by(channels).map(|&pixel| self.table[usize::from(pixel)]));
            }
        }
        Ok(())
    }

    fn image(&self, index: usize) -> Result<&[u8], EngineError> {
        let len = self.pixels.len() / self.count;
        let start = index.saturating_mul(len);
        self.pixels.get(start..start.saturating_add(len)).ok_or(EngineError::NoImage { index, count: self.count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Normalize = Normalize { mean: 0.0, std: 255.0 };

    #[test]
    fn pixels_become_planes() {
        let rgb = Images::from_pixels((0..12).collect(), 2, [1, 2, 3], Normalize { mean: 1.0, std: 2.0 }).unwrap();
        let plane = |pixels: [u8; 6]| pixels.map(|p| (f32::from(p) - 1.0) / 2.0).to_vec();
        assert_eq!(rgb.inputs(0..1).unwrap(), plane([0, 3, 1, 4, 2, 5]));
        assert_eq!(rgb.inputs_at(&[1]).unwrap(), plane([6, 9, 7, 10, 8, 11]));
        assert_eq!(rgb.pixels_at(&[1, 0]).unwrap(), [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
        assert_eq!(rgb.input_dims(), [3, 1, 2]);
    }

    #[test]
    fn a_set_that_makes_no_sense_is_refused() {
        let bad = |count, shape, normalize, reason: &str| {
            let error = Images::from_pixels(vec![0; 12], count, shape, normalize).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        bad(2, [2, 2, 1], UNIT, "12 pixels came");
        bad(usize::MAX, [2, 2, 3], UNIT, "12 pixels came");
        bad(3, [2, 1, 2], UNIT, "1 or 3 channels");
        bad(0, [2, 2, 1], UNIT, "there is no image");
        bad(12, [1, 0, 1], UNIT, "have no pixels");
        for std in [0.0, f32::NAN, f32::INFINITY] {
            bad(12, [1, 1, 1], Normalize { mean: 0.0, std }, "cannot be normalized");
        }
    }

    #[test]
    fn indices_past_the_end_are_refused() {
        let set = Images::from_pixels(vec![0; 4], 4, [1, 1, 1], UNIT).unwrap();
        for error in [set.inputs(3..5).unwrap_err(), set.inputs_at(&[usize::MAX]).unwrap_err(), set.pixels_at(&[4]).unwrap_err()] {
            assert!(error.to_string().contains("4 images"), "{error}");
        }
    }

    #[test]
    fn fingerprints_follow_content() {
        let set = |first, std| Images::from_pixels(vec![first, 0], 2, [1, 1, 1], Normalize { mean: 0.0, std }).unwrap().fingerprint();
        assert_eq!(set(1, 255.0), set(1, 255.0));
        assert_ne!(set(1, 255.0), set(2, 255.0));
        assert_ne!(set(1, 255.0), set(1, 128.0));
    }
}
