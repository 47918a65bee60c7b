//! Images of the visitor's own: drawn, chosen, filmed; and what both models make of the one that is looked at.

mod camera;
mod draw;
mod picture;
mod verdict;

pub use camera::use_camera;
pub use draw::Draw;
pub use picture::{Chosen, Picture, use_arrivals, use_taking};
pub use verdict::{selected, verdict};

use std::rc::Rc;

use yew::prelude::*;

use crate::client::Wish;
use crate::state::specimen::fits;
use crate::state::{Page, Phase};

/// Asks the workers about the image that is looked at, whenever it or the recipe has changed.
#[hook]
pub fn use_closer(page: &Page) {
    let state = &page.state;
    let bench = &state.bench;
    // While one worker is timed, the others rest.
    let quiet = state.phase == Phase::Timing || state.comparing.is_some();
    let ready = bench.run().info.is_some() && state.engine.is_some() && !quiet;
    let specimen = state.closer.specimen.clone().filter(|specimen| ready && fits(bench.entry, specimen));
    let of = specimen.as_ref().map(|_| (state.closer.serial, state.generation));
    let layer = state.mapped_layer().filter(|_| state.closer.mapped).cloned();
    let wish = |specimen: &Rc<_>, layer| Wish {
        of: (state.closer.serial, state.generation),
        recipe: state.link.recipe.clone(),
        a: bench.a().map(|a| a.recipe.clone()),
        specimen: Rc::clone(specimen),
        layer,
    };
    let judge = specimen.as_ref().map(|specimen| wish(specimen, None));
    let map = specimen.as_ref().zip(layer.clone()).map(|(specimen, layer)| wish(specimen, Some(layer)));
    let session = page.session.clone();
    use_effect_with(of, move |_| {
        if let Some(wish) = judge {
            session.judge(wish);
        }
    });
    let session = page.session.clone();
    use_effect_with((of, layer), move |_| {
        if let Some(wish) = map {
            session.map(wish);
        }
    });
}
