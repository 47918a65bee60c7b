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

fn main() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        // Nothing here runs any longer; a script beside the page says so.
        if let Ok(event) = Event::new("bitdial-panic") {
            let _ = gloo::utils::window().dispatch_event(&event);
        }
    }));
    let Ok(Some(root)) = gloo::utils::document().query_selector("#app") else { return };
    if client::probe::support().simd {
        yew::Renderer::<app::App>::with_root(root).render();
    } else {
        yew::Renderer::<NoSimd>::with_root(root).render();
    }
}

/// What a browser without SIMD is told.
#[component]
fn NoSimd() -> Html {
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
