//! Files: the recipe, saved, opened, dropped; the quantized model, exported.

use bitdial_protocol::Recipe;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::charts::save;
use crate::json;
use crate::panels::use_result_files;
use crate::parts::region::region;
use crate::state::{Action, Edit, Page, Severity, use_page};

/// Larger than any recipe; a file that is larger is something else.
const MOST_BYTES: f64 = 1e6;

/// The recipe of a text, or a sentence that says why it holds none.
fn read(text: &str) -> Result<Recipe, String> {
    // A list would be taken for the fields of a recipe in their order.
    if text.trim_start().starts_with('[') {
        return Err("it is a list, not a recipe".to_owned());
    }
    json::read(text).map_err(|error| format!("it is not a recipe: {error}"))
}

/// Opens a file as the recipe in force.
fn open(page: &Page, file: web_sys::File) {
    let page = page.clone();
    spawn_local(async move {
        let name = file.name();
        let text = if file.size() > MOST_BYTES {
            Err("it is too large for a recipe".to_owned())
        } else {
            let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
            text.ok_or_else(|| "the browser could not read it".to_owned())
        };
        match text.and_then(|text| read(&text)) {
            Ok(recipe) => page.dispatch.dispatch(Action::Edit { edit: Edit::Recipe(recipe), dragging: false }),
            Err(why) => {
                let text = format!("{name} cannot be opened: {why}. The recipe stays as it is.");
                page.dispatch.dispatch(Action::Tell(Severity::Error, text));
            }
        }
    });
}

/// What lets an element take a recipe file that is dropped on it: what it does over it, and with it.
pub fn dropping(page: &Page) -> [Callback<DragEvent>; 2] {
    let page = page.clone();
    let over = Callback::from(|event: DragEvent| event.prevent_default());
    let drop = Callback::from(move |event: DragEvent| {
        let files = event.data_transfer().and_then(|data| data.files());
        // Pictures are taken wherever they fall.
        let file = files.and_then(|files| files.get(0)).filter(|file| !file.type_().starts_with("image/"));
        if let Some(file) = file {
            event.prevent_default();
            open(&page, file);
        }
    });
    [over, drop]
}

/// The buttons.
#[hook]
pub fn use_files() -> Html {
    let page = use_page();
    let input = use_node_ref();
    let onsave = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| {
            let name = format!("{}.recipe.json", page.state.link.model);
            let saved = json::write(&page.state.link.recipe)
                .and_then(|text| save(&name, "application/json", &text.as_str().into()).map_err(|error| format!("{error:?}")));
            if let Err(error) = saved {
                page.dispatch.dispatch(Action::Tell(Severity::Error, format!("{name} could not be saved: {error}")));
            }
        })
    };
    let onopen = {
        let input = input.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(input) = input.cast::<HtmlInputElement>() {
                input.click();
            }
        })
    };
    let onchange = {
        let page = page.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                open(&page, file);
            }
            // The same file may be opened again.
            input.set_value("");
        })
    };
    let busy = use_state(|| false);
    let onexport = {
        let (page, busy) = (page.clone(), busy.clone());
        Callback::from(move |_: MouseEvent| {
            let (page, busy) = (page.clone(), busy.clone());
            busy.set(true);
            spawn_local(async move {
                let name = format!("{}.quantized.onnx", page.state.link.model);
                let file = page.session.export(&page.state.link.recipe).await.map_err(|error| error.to_string());
                let saved = file.and_then(|file| save(&name, "application/octet-stream", &file).map_err(|error| format!("{error:?}")));
                if let Err(error) = saved {
                    page.dispatch.dispatch(Action::Tell(Severity::Error, format!("{name} could not be written: {error}")));
                }
                busy.set(false);
            });
        })
    };
    let ready = page.state.bench.run().info.is_some() && !*busy;
    html! {
        <section class="file" aria-label="Files">
            <button class="btn" type="button" id="save-recipe" onclick={onsave} title="The recipe in force as a file">{"Save recipe"}</button>
            <button class="btn" type="button" id="open-recipe" onclick={onopen} title="A recipe from a file; dropping it on this column does the same">{"Open\u{2026}"}</button>
            <button class="btn" type="button" id="export-onnx" disabled={!ready} onclick={onexport} title="The quantized model with QuantizeLinear and DequantizeLinear, for onnxruntime and others">
                {if *busy { "Writing\u{2026}" } else { "Export ONNX" }}
            </button>
            { region!(use_result_files) }
            <input ref={input} id="recipe-file" class="sr" type="file" accept=".json,application/json" tabindex="-1" aria-label="Recipe file" {onchange} />
            <p class="desc">{"Drop a recipe (JSON) on this column to open it. ONNX is the quantized model; results are those of all recipes tried."}</p>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_recipe_or_says_why_not() {
        let recipe = Recipe::from_json(
            r#"{"weights":{"format":"nf4","bits":4},"corrections":["cle","gptq"],"layers":{"fc":{"weights":{"bits":8}}}}"#,
        );
        let recipe = recipe.unwrap();
        assert_eq!(read(&json::write(&recipe).unwrap()), Ok(recipe));
        for (text, why) in [("", "EOF"), ("[1]", "not a recipe"), (r#"{"weights":{"bits":9}}"#, "9 bits"), (r#"{"fly":1}"#, "fly")] {
            assert!(read(text).unwrap_err().contains(why), "{text}: {:?}", read(text));
        }
    }
}
