//! An image on a canvas, pixel by pixel.

use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};
use yew::prelude::*;

/// Pixels of an image, grey or RGB.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// Rows, columns, channels.
    pub shape: [usize; 3],
    /// Row by row.
    pub bytes: Rc<Vec<u8>>,
}

impl Pixels {
    /// A copy, to give to a worker.
    pub fn buffer(&self) -> js_sys::ArrayBuffer {
        js_sys::Uint8Array::from(self.bytes.as_slice()).buffer()
    }

    fn rgba(&self) -> Vec<u8> {
        let channels = self.shape[2].max(1);
        let pixel = |p: &[u8]| if p.len() >= 3 { [p[0], p[1], p[2], 255] } else { [p[0], p[0], p[0], 255] };
        self.bytes.chunks_exact(channels).flat_map(pixel).collect()
    }
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// The image, once it is here.
    pub pixels: Option<Pixels>,
    /// What it shows.
    pub label: AttrValue,
}

/// The image; an empty square before it is here.
#[component]
pub fn Picture(props: &Props) -> Html {
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(props.pixels.clone(), move |pixels| {
            if let (Some(pixels), Some(canvas)) = (pixels, node.cast::<HtmlCanvasElement>()) {
                draw(&canvas, pixels);
            }
        });
    }
    let fine = props.pixels.as_ref().is_some_and(|pixels| pixels.shape[0] > 64);
    html! { <canvas ref={node} role="img" aria-label={props.label.clone()} class={classes!(fine.then_some("fine"))} width="28" height="28" /> }
}

fn draw(canvas: &HtmlCanvasElement, pixels: &Pixels) {
    let [rows, columns, _] = pixels.shape;
    canvas.set_width(columns as u32);
    canvas.set_height(rows as u32);
    let Ok(Some(context)) = canvas.get_context("2d") else { return };
    let rgba = pixels.rgba();
    // Fails only where length and shape differ; the canvas then stays empty.
    if let Ok(image) = ImageData::new_with_u8_clamped_array(Clamped(&rgba), columns as u32) {
        let _ = context.unchecked_into::<CanvasRenderingContext2d>().put_image_data(&image, 0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_and_rgb_become_opaque() {
        let pixels = |channels: usize, bytes: Vec<u8>| Pixels { shape: [1, 2, channels], bytes: Rc::new(bytes) };
        assert_eq!(pixels(1, vec![7, 9]).rgba(), [7, 7, 7, 255, 9, 9, 9, 255]);
        assert_eq!(pixels(3, vec![1, 2, 3, 4, 5, 6]).rgba(), [1, 2, 3, 255, 4, 5, 6, 255]);
    }
}
