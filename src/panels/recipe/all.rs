//! All settings: what an expert looks for, closed until somebody opens it, and then open until somebody closes it.

use yew::prelude::*;

use crate::catalogue::Calibration;
use crate::parts::row::{effect, help, setting};
use crate::state::numbers::Family;
use crate::state::settings::{
    ACTIVATION_FAMILY, ACTIVATION_KIND, ACTIVATION_RANGE, ACTIVATION_SCALE, DEVIATION, METHOD, OVERFLOW, SAMPLE, SUMS, Setting,
    WEIGHT_CLIP, WEIGHT_KIND, WEIGHT_RANGE, WEIGHT_ROUNDING,
};
use crate::state::{Action, Control, Edit, Look, Page, use_page};
use web_sys::HtmlInputElement;

/// Where it is kept whether they are open.
const KEY: &str = "bitdial-all-settings";

static WEIGHTS: [&Setting; 3] = [&WEIGHT_RANGE, &WEIGHT_CLIP, &WEIGHT_ROUNDING];
static ACTIVATIONS: [&Setting; 4] = [&ACTIVATION_FAMILY, &ACTIVATION_KIND, &ACTIVATION_SCALE, &ACTIVATION_RANGE];
static CALIBRATION: [&Setting; 3] = [&METHOD, &DEVIATION, &SAMPLE];
static SUMMING: [&Setting; 2] = [&SUMS, &OVERFLOW];

const PHOTOS: &str = "This model has no training images here, so its ranges are found on the sample photos themselves.";
const SEED: &str = "Which images are drawn, how a codebook starts, how chance rounds: the same seed gives the same bytes.";

/// Whether they were open when the page was here last.
pub fn settings_open() -> bool {
    gloo::utils::window().local_storage().ok().flatten().and_then(|storage| storage.get_item(KEY).ok().flatten()).is_some()
}

/// The card.
#[hook]
pub fn use_all_settings() -> Html {
    let page = use_page();
    let open = page.state.view.settings;
    let onclick = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |_: MouseEvent| {
            // Without storage (private windows) it lasts as long as the page.
            if let Ok(Some(storage)) = gloo::utils::window().local_storage() {
                let _ = if open { storage.remove_item(KEY) } else { storage.set_item(KEY, "open") };
            }
            dispatch.dispatch(Action::Look(Look::Settings(!open)));
        })
    };
    let group = |title: &'static str, settings: &[&'static Setting]| {
        let rows: Vec<Html> = settings.iter().map(|one| setting(&page, one)).filter(|row| *row != Html::default()).collect();
        html! { if !rows.is_empty() { <h3>{title}</h3> { for rows } } }
    };
    let recipe = &page.state.link.recipe;
    html! {
        <section class="all" data-part="settings">
            <button type="button" id="all-settings" aria-expanded={open.to_string()} aria-controls="settings" {onclick} title="Everything else that makes a recipe">
                <span>{"All settings"}</span><small>{"ranges, rounding, calibration \u{2026}"}</small>
            </button>
            if open {
                <div id="settings">
                    if Family::of(recipe.weights.format) == Family::Integer {
                        <h3>{"Weights"}</h3>
                        { setting(&page, &WEIGHT_KIND) }
                        { for WEIGHTS.iter().map(|one| setting(&page, one)) }
                    } else {
                        { group("Weights", &WEIGHTS) }
                    }
                    { group("Activations", &ACTIVATIONS) }
                    <h3>{"Calibration"}</h3>
                    { for CALIBRATION.iter().map(|one| setting(&page, one)) }
                    if matches!(page.state.bench.entry.calibration, Calibration::Photos { .. }) {
                        <div class="row">{ help("photos", "Images", PHOTOS) }<span class="fact">{"the sample photos"}</span></div>
                    }
                    { seed(&page) }
                    { group("Sums", &SUMMING) }
                </div>
            }
        </section>
    }
}

/// The seed, a number to type.
fn seed(page: &Page) -> Html {
    let onchange = {
        let page = page.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            let mut recipe = page.state.link.recipe.clone();
            match input.value().parse() {
                Ok(seed) => {
                    recipe.calibration.seed = seed;
                    page.edit(Edit::Choose("seed", recipe));
                }
                // What is no seed gives way to the one in force.
                Err(_) => input.set_value(&recipe.calibration.seed.to_string()),
            }
        })
    };
    let value = page.state.link.recipe.calibration.seed.to_string();
    html! {
        <div class="row">
            { help("seed", "Seed", SEED) }
            { effect(page, &Control::Setting("seed")) }
            <input class="number" id="seed" type="number" min="0" max="4294967295" aria-label="Seed" aria-describedby="help-seed" {value} {onchange} />
        </div>
    }
}
