//! Pictures of the visitor's own: decoded by the browser, cut and scaled for a model.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement, ImageBitmap};

use super::error::said;

/// The share of a photo's shorter side that a model of colour photos sees: 224 of 256, as EfficientNet is evaluated.
const CROP: f64 = 224.0 / 256.0;
/// A file that is larger than this is no picture that a browser could hold beside everything else.
const MOST_BYTES: f64 = 64e6;

/// How a picture becomes an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Rows and columns.
    pub side: usize,
    /// Whether it becomes grey.
    pub grey: bool,
    /// Whether light and dark change places.
    pub invert: bool,
}

/// Decodes a file; or a sentence that says why it is none.
pub async fn decode(name: &str, file: &Blob) -> Result<ImageBitmap, String> {
    if file.size() > MOST_BYTES {
        return Err(format!("{name} is too large: {:.0} MB, and a picture may have {:.0}.", file.size() / 1e6, MOST_BYTES / 1e6));
    }
    let bitmap = async { JsFuture::from(gloo::utils::window().create_image_bitmap_with_blob(file)?).await };
    match bitmap.await {
        Ok(bitmap) => Ok(bitmap.unchecked_into()),
        Err(why) => {
            let why = said(&why);
            Err(format!("{name} could not be read as a picture: {} Choose a PNG, JPEG, WebP or GIF file.", sentence(&why)))
        }
    }
}

/// What a video shows now.
pub async fn frame(video: &HtmlVideoElement) -> Result<ImageBitmap, JsValue> {
    let bitmap = gloo::utils::window().create_image_bitmap_with_html_video_element(video)?;
    Ok(JsFuture::from(bitmap).await?.unchecked_into())
}

/// The middle of a picture as a model takes it: rows of columns of channels.
pub fn cut(bitmap: &ImageBitmap, cut: Cut) -> Result<Vec<u8>, String> {
    let share = if cut.grey { 1.0 } else { CROP };
    let rgba = middle(bitmap, cut.side, share, cut.grey).map_err(|error| said(&error))?;
    Ok(if cut.grey { grey(&rgba, cut.invert) } else { rgba.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect() })
}

/// RGBA of the middle of a picture, as the sample photos are cut; `fine` where it becomes much smaller.
pub fn photo(bitmap: &ImageBitmap, side: usize) -> Result<Vec<u8>, JsValue> {
    middle(bitmap, side, CROP, false)
}

fn middle(bitmap: &ImageBitmap, side: usize, share: f64, fine: bool) -> Result<Vec<u8>, JsValue> {
    let canvas: HtmlCanvasElement = gloo::utils::document().create_element("canvas")?.unchecked_into();
    canvas.set_width(side as u32);
    canvas.set_height(side as u32);
    let context = canvas.get_context("2d")?.ok_or("there is no 2d canvas")?.unchecked_into::<CanvasRenderingContext2d>();
    if fine {
        Reflect::set(&context, &"imageSmoothingQuality".into(), &"high".into())?;
    }
    let (width, height) = (f64::from(bitmap.width()), f64::from(bitmap.height()));
    let size = width.min(height) * share;
    let (x, y, out) = ((width - size) / 2.0, (height - size) / 2.0, side as f64);
    context.draw_image_with_image_bitmap_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(bitmap, x, y, size, size, 0.0, 0.0, out, out)?;
    Ok(context.get_image_data(0.0, 0.0, out, out)?.data().0)
}

/// RGBA to grey (ITU-R BT.601); what is transparent is black, which is the background of the 28 x 28 data sets.
fn grey(rgba: &[u8], invert: bool) -> Vec<u8> {
    let pixel = |p: &[u8]| {
        let [red, green, blue, opaque] = [p[0], p[1], p[2], p[3]].map(u32::from);
        let light = ((299 * red + 587 * green + 114 * blue + 500) / 1000 * opaque / 255).min(255) as u8;
        if invert { 255 - light } else { light }
    };
    rgba.chunks_exact(4).map(pixel).collect()
}

/// What a browser says, with a full stop.
fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_grey_by_how_light_they_look() {
        for (rgba, light) in [
            ([255, 255, 255, 255], 255),
            ([0, 0, 0, 255], 0),
            ([255, 0, 0, 255], 76),
            ([0, 255, 0, 255], 150),
            ([0, 0, 255, 255], 29),
            ([255, 255, 255, 0], 0),
        ] {
            assert_eq!((grey(&rgba, false), grey(&rgba, true)), (vec![light], vec![255 - light]), "{rgba:?}");
        }
    }

    #[test]
    fn what_a_browser_says_ends() {
        assert_eq!((sentence("No"), sentence("No.")), ("No.".to_owned(), "No.".to_owned()));
    }
}
