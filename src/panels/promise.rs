//! What became of the figures that a link promised: reproduced here, or exactly what differs.

use yew::prelude::*;

use crate::state::{Action, Edit, Page, Verdict};

/// The line; nothing where nothing was promised.
pub fn promise(page: &Page) -> Html {
    let Some(verdict) = page.state.verdict() else { return Html::default() };
    let bench = &page.state.bench;
    let (class, mark, title, text) = match &verdict {
        Verdict::Left => ("left", "\u{21b6}", "Not what the link holds", "You have turned away from the recipe of the link.".to_owned()),
        Verdict::Open => ("open", "\u{2026}", "Checking", "The link says what its recipe gave; it is run again here.".to_owned()),
        Verdict::Reproduced => ("good", "\u{2713}", "Reproduced", "The figures here are exactly those of the link.".to_owned()),
        Verdict::Differs(what) => {
            let photos = if bench.entry.test.is_none() { " Browsers scale photos differently, which moves ranges and bytes." } else { "" };
            ("bad", "\u{2717}", "Differs here", what.join(" ") + photos)
        }
    };
    let latency = page.state.latencies().filter(|_| verdict != Verdict::Left);
    let shared = page.state.shared.clone();
    let onback = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(link) = shared.clone() {
                page.edit(Edit::Restore(link.model, link.recipe));
            }
        })
    };
    let onclose = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| page.dispatch.dispatch(Action::Forgive))
    };
    html! {
        <div class={classes!("promise", class)} id="promise" data-verdict={class} role="status">
            <p><b><span aria-hidden="true">{mark}</span>{" "}{title}</b>{" "}{text}{" "}{latency}</p>
            if verdict == Verdict::Left { <button class="btn" type="button" id="back-to-link" onclick={onback}>{"Back to it"}</button> }
            <button class="btn quiet" type="button" id="forgive" onclick={onclose} aria-label="Forget the figures of the link" title="Forget the figures of the link">{"\u{2715}"}</button>
        </div>
    }
}
