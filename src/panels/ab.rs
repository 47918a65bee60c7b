//! A and B: pins the recipe in force, and says how the next ones differ from it.

use bitdial_protocol::{Link, Recipe};
use yew::prelude::*;

use crate::catalogue;
use crate::format::{count, percent, points};
use crate::state::bench::{Bench, Latency, Run};
use crate::state::predictions::Goal;
use crate::state::wording::{chance, differences, line, recipe};
use crate::state::{Action, Page, Pairs, Pin};

/// Where A is kept over a reload: in this tab, as a link.
const KEY: &str = "bitdial-a";

fn storage() -> Option<web_sys::Storage> {
    gloo::utils::window().session_storage().ok().flatten()
}

/// What was A of a model before a reload.
pub fn pinned(model: &str) -> Option<Recipe> {
    let kept = storage()?.get_item(KEY).ok()??;
    let (link, issues) = Link::from_fragment(&kept, &catalogue::ids());
    (issues.is_empty() && link.model == model).then_some(link.recipe)
}

/// Keeps A over a reload. Its figures are measured again.
#[hook]
pub fn use_pinned(page: &Page, kept: bool) {
    let bench = &page.state.bench;
    let last = use_mut_ref(|| None::<String>);
    use_effect_with((bench.entry.id.clone(), bench.pinned.clone()), move |(model, a)| {
        let last = std::mem::replace(&mut *last.borrow_mut(), a.as_ref().map(|_| model.clone()));
        let Some(storage) = storage().filter(|_| kept) else { return };
        // Forbidden or full: it lasts as long as the page. What was A of a model that is opened again stays until there is
        // another one, or it is unpinned.
        let _ = match a {
            Some(recipe) => storage.set_item(KEY, &Link { recipe: recipe.clone(), ..Link::new(model) }.to_fragment()),
            None if last.as_ref() == Some(model) => storage.remove_item(KEY),
            None => Ok(()),
        };
    });
}

/// What pinning is for.
const HELP: &str = "Pins this recipe as A: every figure, chart and image then shows A beside the recipe in force, B.";

/// How B's predictions differ from A's, and whether that could be chance.
fn verdict(bench: &Bench, a: &Run) -> String {
    let pairs = Pairs::of(&bench.run().predictions, &a.predictions, &bench.truth);
    if pairs.n < bench.enough() {
        return "Counting images of both, to compare them pair by pair.".to_owned();
    }
    let flips = format!("B against A: {} of {} predictions differ", count(pairs.flipped), count(pairs.n));
    match (bench.goal(), pairs.change()) {
        (Goal::Accuracy, Some(change)) if pairs.flipped > 0 => format!(
            "{flips}; of those B gets {} wrong that A has right, and {} right that A has wrong: {} points. {}",
            count(pairs.lost),
            count(pairs.gained),
            points(change, 2),
            chance(&pairs)
        ),
        _ => format!("{flips}."),
    }
}

/// How the times differ, and whether the runs of one were often as fast as those of the other.
fn times(a: Latency, b: Latency) -> String {
    let (a, b) = (a.quantized, b.quantized);
    let much = percent((b.median / a.median.max(f64::MIN_POSITIVE) - 1.0).abs(), 0);
    let word = if b.median <= a.median { "less" } else { "more" };
    let apart = a.p90 < b.p10 || b.p90 < a.p10;
    let spread = if apart { "the spreads of their runs do not overlap" } else { "the spreads of their runs overlap" };
    format!(" B takes {much} % {word} time; {spread}.")
}

/// What A is, what B does differently, and what becomes of A.
pub fn ab(page: &Page) -> Html {
    let bench = &page.state.bench;
    let button = |pin: Pin, id: &'static str, text: &'static str, title: &'static str, disabled: bool| {
        let dispatch = page.dispatch.clone();
        let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Pin(pin)));
        html! { <button class="btn" type="button" {id} {title} {disabled} {onclick}>{text}</button> }
    };
    let Some(pinned) = bench.pinned() else {
        return html! {
            <div class="ab">
                { button(Pin::Current, "pin", "Pin as A", HELP, false) }
                <span class="desc">{"to compare the next recipes with this one"}</span>
            </div>
        };
    };
    let same = bench.a().is_none();
    let said = match bench.a() {
        None => "A is in force. Change something: what is in force then is B.".to_owned(),
        Some(a) => {
            let both = a.latency.zip(bench.run().latency);
            let differs = line(&differences(&a.recipe, &bench.run().recipe, bench.entry));
            format!("{}{} From A to B: {differs}.", verdict(bench, a), both.map_or(String::new(), |(a, b)| times(a, b)))
        }
    };
    html! {
        <div class="ab pinned">
            <p class="what" title={recipe(&pinned.recipe)}><b class="mark">{"A"}</b>{recipe(&pinned.recipe)}</p>
            <div class="acts">
                { button(Pin::Restore, "pin-restore", "Back to A", "Puts A in force again.", same) }
                { button(Pin::Swap, "pin-swap", "Swap", "Puts A in force, and what is in force becomes A.", same) }
                { button(Pin::Current, "pin", "Pin B", "What is in force becomes A.", same) }
                { button(Pin::Remove, "unpin", "Unpin", "Ends the comparison.", false) }
            </div>
            <p class="said" id="ab-said" role="status">{said}</p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::Timing;

    use super::*;

    #[test]
    fn times_that_overlap_are_said_to() {
        let latency = |median: f64, p10: f64, p90: f64| {
            let quantized = Timing { median, p10, p90, runs: 9 };
            Latency { float: quantized, quantized }
        };
        for (b, expected) in [
            (latency(0.5, 0.4, 0.6), " B takes 50 % less time; the spreads of their runs do not overlap."),
            (latency(1.1, 1.0, 1.3), " B takes 10 % more time; the spreads of their runs overlap."),
        ] {
            assert_eq!(times(latency(1.0, 0.9, 1.2), b), expected);
        }
    }
}
