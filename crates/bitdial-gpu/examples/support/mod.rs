//! What the examples read: files of this repository, test images, sample photos.

use std::path::Path;

use bitdial_engine::Images;
use bitdial_protocol::Normalize;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

pub type Failure = Box<dyn std::error::Error>;

/// Rows and columns of a photo as EfficientNet-Lite0 takes it, and how its pixels become inputs.
const SIDE: usize = 224;
const PHOTO: Normalize = Normalize { mean: 127.0, std: 128.0 };

/// A file of the repository.
///
/// # Errors
/// That it cannot be read.
pub fn file(path: &str) -> Result<Vec<u8>, Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// The sample photos, in the order of their names.
///
/// # Errors
/// That one cannot be read.
pub fn photos() -> Result<Images, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/photos");
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    paths.sort();
    let mut pixels = Vec::new();
    for path in &paths {
        pixels.extend(photo(std::fs::read(path)?).map_err(|e| format!("{}: {e}", path.display()))?);
    }
    Ok(Images::from_pixels(pixels, paths.len(), [SIDE, SIDE, 3], PHOTO)?)
}

/// The square in the middle of a JPEG file, made smaller by averaging areas: RGB. What a browser makes of it differs a little.
fn photo(file: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let pixels = decoder.decode()?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    let cut = width.min(height);
    let (left, top) = ((width - cut) / 2, (height - cut) / 2);
    // At least one pixel of the photo, should it be smaller than what is made of it.
    let area = |i: usize| i * cut / SIDE..((i + 1) * cut / SIDE).max(i * cut / SIDE + 1);
    let mut small = Vec::with_capacity(3 * SIDE * SIDE);
    for (row, column, channel) in (0..SIDE).flat_map(|row| (0..SIDE).flat_map(move |column| (0..3).map(move |c| (row, column, c)))) {
        let at = |y: usize, x: usize| usize::from(pixels[3 * ((top + y) * width + left + x) + channel]);
        let sum: usize = area(row).flat_map(|y| area(column).map(move |x| (y, x))).map(|(y, x)| at(y, x)).sum();
        small.push((sum / (area(row).len() * area(column).len())) as u8);
    }
    Ok(small)
}
