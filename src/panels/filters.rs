//! Which images are shown: by their label, by the class before, by the class now.

use yew::prelude::*;

use crate::parts::segmented::{Segment, list, segmented};
use crate::state::predictions::Goal;
use crate::state::view::Filter;
use crate::state::{Action, Look, Page};

/// What images and confusion are compared with, image by image: f32 or A; nothing while none is pinned.
pub fn compared_with(page: &Page, id: &'static str) -> Html {
    let (bench, filter) = (&page.state.bench, page.state.view.filter);
    if bench.pinned().is_none() {
        return Html::default();
    }
    let dispatch = page.dispatch.clone();
    let onselect = Callback::from(move |index| dispatch.dispatch(Action::Look(Look::Filter(Filter { with_a: index == 1, ..filter }))));
    segmented(id, "Compared with", &[("f32".into(), None), ("A".into(), None)], Some(usize::from(filter.with_a)), &onselect)
}

/// The filters; nothing for images without labels.
pub fn filters(page: &Page) -> Html {
    let (bench, filter) = (&page.state.bench, page.state.view.filter);
    let Some(loaded) = bench.loaded.as_ref().filter(|_| bench.goal() == Goal::Accuracy) else { return Html::default() };
    let set = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |filter: Filter| dispatch.dispatch(Action::Look(Look::Filter(filter))))
    };
    let classes: Vec<Segment> = std::iter::once("any".into()).chain(loaded.labels.iter().cloned()).map(|label| (label, None)).collect();
    // The first line stands for every class.
    let class = |index: usize| index.checked_sub(1).and_then(|class| u16::try_from(class).ok());
    let choice = |id: &'static str, word: &'static str, chosen: Option<u16>, made: fn(Filter, Option<u16>) -> Filter| {
        let onselect = set.reform(move |index| made(filter, class(index)));
        html! { <label>{word}{ list(id, word, &classes, Some(chosen.map_or(0, |class| usize::from(class) + 1)), &onselect) }</label> }
    };
    let with_a = filter.with_a && bench.pinned().is_some();
    let onclear = set.reform(move |_: MouseEvent| Filter { with_a, ..Filter::default() });
    html! {
        <div class="filters" role="group" aria-label="Which images are shown">
            { compared_with(page, "filter-before") }
            { choice("filter-truth", "is", filter.truth, |filter, truth| Filter { truth, ..filter }) }
            { choice("filter-from", if with_a { "A says" } else { "f32 says" }, filter.from, |filter, from| Filter { from, ..filter }) }
            { choice("filter-to", "now", filter.to, |filter, to| Filter { to, ..filter }) }
            <button class="btn quiet" type="button" id="filter-clear" disabled={filter.is_open()} onclick={onclear} title="Shows all images of the tab again">{"Clear"}</button>
        </div>
    }
}
