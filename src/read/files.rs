//! The catalogue, and lists of photos.

use super::{Read, Reader, Source, structures};
use crate::catalogue::{Calibration, Entry, TestImages};
use crate::client::Listed;

structures! {
    Entry { id, title, description, file, card, bytes, parameters, macs, input, normalize, labels, test, calibration }
    TestImages { images, labels, count, first_images, first_labels, first_count }
    Listed { file, title }
}

impl Read for Calibration {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        if from.has("photos") {
            return Self::Photos { photos: from.field("photos") };
        }
        Self::Images { images: from.field("images"), labels: from.field("labels"), count: from.field("count") }
    }
}
