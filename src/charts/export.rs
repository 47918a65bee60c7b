//! A chart's figures as a table, and both as files to keep.

use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, CanvasRenderingContext2d, HtmlAnchorElement, HtmlCanvasElement, HtmlImageElement, Url};
use yew::AttrValue;

/// A column of figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// Where its cells are figures with hooks: metric, unit, kind.
    pub hook: Option<[&'static str; 3]>,
}

impl Column {
    /// A column without hooks.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, hook: None }
    }

    /// A column of a measured metric.
    pub const fn measured(name: &'static str, metric: &'static str, unit: &'static str) -> Self {
        Self { name, hook: Some([metric, unit, "measured"]) }
    }
}

/// The heading of the column that counts images, which is the `data-n` of an accuracy in the same row.
pub const IMAGES: &str = "images";

/// The heading of the column that says how a row's figures came about, where rows differ in that.
pub const KIND: &str = "kind";

/// The figures of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Headings.
    pub columns: Vec<Column>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<AttrValue>>,
}

impl Table {
    /// As comma-separated values (RFC 4180).
    pub fn csv(&self) -> String {
        let quote =
            |cell: &str| if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() };
        let line = |cells: Vec<String>| cells.join(",") + "\r\n";
        let head = line(self.columns.iter().map(|column| quote(column.name)).collect());
        let rows = self.rows.iter().map(|row| line(row.iter().map(|cell| quote(cell)).collect()));
        std::iter::once(head).chain(rows).collect()
    }
}

/// Gives a text or a buffer to the browser as a file to keep.
pub fn save(name: &str, kind: &str, content: &JsValue) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    // A part may be either.
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(content), &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let anchor: HtmlAnchorElement = gloo::utils::document().create_element("a")?.unchecked_into();
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    Url::revoke_object_url(&url)
}

/// Pixels of a picture for each of its drawing.
const SCALE: u32 = 2;

/// An SVG of this size as a PNG, with twice as many pixels each way.
pub async fn png(svg: &str, [width, height]: [u32; 2]) -> Result<JsValue, JsValue> {
    let image = HtmlImageElement::new()?;
    image.set_src(&format!("data:image/svg+xml;charset=utf-8,{}", js_sys::encode_uri_component(svg)));
    JsFuture::from(image.decode()).await?;
    let canvas: HtmlCanvasElement = gloo::utils::document().create_element("canvas")?.unchecked_into();
    let [wide, high] = [width, height].map(|side| SCALE * side);
    canvas.set_width(wide);
    canvas.set_height(high);
    let context: CanvasRenderingContext2d = canvas.get_context("2d")?.ok_or("this browser has no canvas")?.unchecked_into();
    context.draw_image_with_html_image_element_and_dw_and_dh(&image, 0.0, 0.0, wide.into(), high.into())?;
    let blob = JsFuture::from(Promise::new(&mut |done, failed| {
        let taken = Closure::once_into_js(move |blob: JsValue| {
            let _ = done.call1(&JsValue::NULL, &blob);
        });
        if let Err(error) = canvas.to_blob(taken.unchecked_ref()) {
            let _ = failed.call1(&JsValue::NULL, &error);
        }
    }));
    let blob = blob.await?;
    if blob.is_null() { Err("the picture is too large".into()) } else { Ok(blob) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_needs_it() {
        let table = Table {
            columns: vec![Column::plain("bits"), Column::plain("what, why")],
            rows: vec![vec!["4".into(), "a \"b\"".into()], vec!["5".into(), "c".into()]],
        };
        assert_eq!(table.csv(), "bits,\"what, why\"\r\n4,\"a \"\"b\"\"\"\r\n5,c\r\n");
    }
}
