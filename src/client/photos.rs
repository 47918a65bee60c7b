//! Sample photos: listed in a file, decoded by the browser, cropped for the model.

use js_sys::{Array, ArrayBuffer};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ImageBitmap};

use super::error::{ClientError, said};
use super::fetch::Library;
use super::picture;
use super::session::Session;
use crate::json;

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

/// Where the sample photos are listed.
const SAMPLES: &str = "assets/photos/index.json";

impl Session {
    /// Titles and paths of the sample photos.
    pub async fn samples(&self) -> Result<Vec<(String, String)>, ClientError> {
        let photos = listed(&self.library, SAMPLES).await?;
        Ok(photos.into_iter().map(|(photo, path)| (photo.title, path)).collect())
    }

    /// A sample photo's file.
    pub async fn sample(&self, path: &str) -> Result<Blob, ClientError> {
        let file = self.library.get(path, None).await?;
        Blob::new_with_u8_array_sequence(&Array::of1(&file)).map_err(|e| ClientError::Picture { file: path.to_owned(), reason: said(&e) })
    }
}

/// What a list names, with the paths.
async fn listed(library: &Library, list: &str) -> Result<Vec<(Listed, String)>, ClientError> {
    let text = library.text(list).await?;
    let listed: Vec<Listed> = json::read(&text).map_err(|reason| ClientError::Fetch { file: list.to_owned(), reason })?;
    let folder = list.rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok(listed
        .into_iter()
        .map(|photo| {
            let path = format!("{folder}/{}", photo.file);
            (photo, path)
        })
        .collect())
}

/// Fetches and crops every photo of a list to `side` x `side`.
pub async fn load(library: &Library, list: &str, side: usize) -> Result<Photos, ClientError> {
    let listed = listed(library, list).await?;
    let mut photos = Photos { titles: Vec::new(), pixels: Vec::new() };
    let files = futures::future::try_join_all(listed.iter().map(|(_, path)| library.get(path, None))).await?;
    for ((photo, path), file) in listed.into_iter().zip(files) {
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
    let rgba = picture::photo(&bitmap, side);
    bitmap.close();
    rgba
}
