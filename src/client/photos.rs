//! Sample photos: listed in a file, decoded by the browser, cropped for the model.

use js_sys::{Array, ArrayBuffer};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, HtmlCanvasElement, ImageBitmap};

use super::error::{ClientError, said};
use super::fetch::Library;
use crate::json;

/// The share of a photo's shorter side that the model sees: 224 of 256, as EfficientNet is evaluated.
const CROP: f64 = 224.0 / 256.0;

/// One line of the list.
#[derive(Deserialize)]
struct Listed {
    file: String,
    title: String,
}

/// Photos, ready for a model.
pub struct Photos {
    /// What each shows.
    pub titles: Vec<String>,
    /// RGB, rows of each photo from the top, photo after photo.
    pub pixels: Vec<u8>,
}

/// Fetches and crops every photo of a list to `side` x `side`.
pub async fn load(library: &Library, list: &str, side: usize) -> Result<Photos, ClientError> {
    let text = library.text(list).await?;
    let listed: Vec<Listed> = json::read(&text).map_err(|reason| ClientError::Fetch { file: list.to_owned(), reason })?;
    let folder = list.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut photos = Photos { titles: Vec::new(), pixels: Vec::new() };
    let paths: Vec<_> = listed.iter().map(|photo| format!("{folder}/{}", photo.file)).collect();
    let files = futures::future::try_join_all(paths.iter().map(|path| library.get(path, None))).await?;
    for ((photo, path), file) in listed.into_iter().zip(&paths).zip(files) {
        let rgba = decode(&file, side).await.map_err(|e| ClientError::Picture { file: path.clone(), reason: said(&e) })?;
        photos.pixels.extend(rgba.chunks_exact(4).flat_map(|pixel| &pixel[..3]));
        photos.titles.push(photo.title);
    }
    Ok(photos)
}

/// RGBA of the centre of a picture.
async fn decode(file: &ArrayBuffer, side: usize) -> Result<Vec<u8>, JsValue> {
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(file))?;
    let bitmap: ImageBitmap = JsFuture::from(gloo::utils::window().create_image_bitmap_with_blob(&blob)?).await?.unchecked_into();
    let canvas: HtmlCanvasElement = gloo::utils::document().create_element("canvas")?.unchecked_into();
    canvas.set_width(side as u32);
    canvas.set_height(side as u32);
    let context = canvas.get_context("2d")?.ok_or("there is no 2d canvas")?.unchecked_into::<CanvasRenderingContext2d>();
    let (width, height) = (f64::from(bitmap.width()), f64::from(bitmap.height()));
    let cut = width.min(height) * CROP;
    let (x, y, out) = ((width - cut) / 2.0, (height - cut) / 2.0, side as f64);
    context.draw_image_with_image_bitmap_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(&bitmap, x, y, cut, cut, 0.0, 0.0, out, out)?;
    bitmap.close();
    Ok(context.get_image_data(0.0, 0.0, out, out)?.data().0)
}
