//! The page: draws the state, turns what a person does into a recipe, and leaves all computing to workers.

mod app;
mod catalogue;
mod charts;
mod client;
mod format;
mod ink;
mod json;
mod kinds;
mod lessons;
mod panels;
mod parts;
mod report;
mod speed;
mod state;
mod stats;

use yew::prelude::*;

use app::use_app;
use parts::region::{Region, props};

fn main() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        // Nothing here runs any longer; a script beside the page says so.
        if let Ok(event) = Event::new("bitdial-panic") {
            let _ = gloo::utils::window().dispatch_event(&event);
        }
    }));
    let Ok(Some(root)) = gloo::utils::document().query_selector("#app") else { return };
    let whole = if client::probe::support().simd { props!(use_app) } else { props!(use_no_simd) };
    yew::Renderer::<Region>::with_root_and_props(root, whole).render();
}

/// What a browser without SIMD is told.
#[hook]
fn use_no_simd() -> Html {
    html! {
        <main class="plain" data-phase="unsupported">
            <section role="alert">
                <h1>{"This browser cannot run bitdial"}</h1>
                <p>
                    {"The page runs neural networks on 128-bit SIMD instructions of WebAssembly, and this browser does not \
                      have them, or they are switched off."}
                </p>
                <p>{"Chrome and Edge 91, Firefox 89, Safari 16.4 and everything newer have them. Nothing else is needed."}</p>
            </section>
        </main>
    }
}
