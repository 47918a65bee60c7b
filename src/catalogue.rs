//! The models that the page offers, as `models/models.json` lists them.

use std::sync::LazyLock;

use bitdial_protocol::Normalize;
use serde::Deserialize;

use crate::json;

/// Opened when the link names no model.
const DEFAULT: &str = "fashion-mobilenet";
/// Larger models take too long to be diagnosed, multiply-accumulates for one image.
const DIAGNOSED_MACS: u64 = 50_000_000;

/// A model and what belongs to it. Paths are relative to the page.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Entry {
    /// Names it in links.
    pub id: String,
    /// Names it on the page.
    pub title: String,
    /// One sentence.
    pub description: String,
    /// The ONNX file.
    pub file: String,
    /// What there is to say about the model, with its licence.
    pub card: String,
    /// Length of that file.
    pub bytes: usize,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Channels, rows, columns.
    pub input: [usize; 3],
    /// Pixels to inputs.
    pub normalize: Normalize,
    /// Names of the classes, one a line.
    pub labels: String,
    /// Labelled test images; none for a model that is shown on photos.
    pub test: Option<TestImages>,
    /// Where static ranges come from.
    pub calibration: Calibration,
}

/// Labelled images, in two IDX pairs: the first ones alone, and all of them.
#[derive(Debug, PartialEq, Deserialize)]
pub struct TestImages {
    /// All images.
    pub images: String,
    /// All labels.
    pub labels: String,
    /// How many.
    pub count: usize,
    /// The first images.
    pub first_images: String,
    /// Their labels.
    pub first_labels: String,
    /// How many those are.
    pub first_count: usize,
}

/// Calibration images.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(from = "Listed")]
pub enum Calibration {
    /// Training images in an IDX pair.
    Images {
        /// The images.
        images: String,
        /// Their labels.
        labels: String,
        /// How many.
        count: usize,
    },
    /// Photos, listed in a file.
    Photos {
        /// That file.
        photos: String,
    },
}

/// As the catalogue has them: an untagged enum would take a copy that knows no type, and 10 kB of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    images: String,
    labels: String,
    count: usize,
    photos: Option<String>,
}

impl From<Listed> for Calibration {
    fn from(Listed { images, labels, count, photos }: Listed) -> Self {
        photos.map_or(Self::Images { images, labels, count }, |photos| Self::Photos { photos })
    }
}

impl Entry {
    /// Whether its layers are looked at for what quantization broke.
    pub fn is_diagnosed(&self) -> bool {
        self.macs <= DIAGNOSED_MACS
    }

    /// The catalogue's entry of this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        all().iter().find(|entry| entry.id == id)
    }
}

/// Every model, in the catalogue's order.
pub fn all() -> &'static [Entry] {
    // Part of the page, so that it is never of another version than the page and costs no round trip.
    static ENTRIES: LazyLock<Vec<Entry>> =
        LazyLock::new(|| json::read(include_str!("../models/models.json")).expect("a test reads the catalogue that is compiled in"));
    &ENTRIES
}

/// Every id, the default first.
pub fn ids() -> Vec<&'static str> {
    let ids = || all().iter().map(|entry| entry.id.as_str());
    ids().filter(|id| *id == DEFAULT).chain(ids().filter(|id| *id != DEFAULT)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_catalogue_names_files_that_are_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(ids()[0], DEFAULT);
        for entry in all() {
            let mut files = vec![&entry.file, &entry.card, &entry.labels];
            if let Some(test) = &entry.test {
                files.extend([&test.images, &test.labels, &test.first_images, &test.first_labels]);
            }
            match &entry.calibration {
                Calibration::Images { images, labels, .. } => files.extend([images, labels]),
                Calibration::Photos { photos } => files.push(photos),
            }
            for file in files {
                assert!(root.join(file).is_file(), "{}: {file}", entry.id);
            }
            let length = std::fs::metadata(root.join(&entry.file)).unwrap().len();
            assert_eq!(entry.bytes as u64, length, "{}", entry.id);
        }
    }
}
