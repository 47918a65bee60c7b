//! Notices: what went wrong or is not as asked, until somebody has read it.

use yew::prelude::*;

use crate::state::{Action, Notice, Page, Severity};

/// All notices, in a corner of the page.
pub fn notices(page: &Page) -> Html {
    let notice = |notice: &Notice| {
        let (mark, class, role) = match notice.severity {
            Severity::Info => ("i", "info", "status"),
            Severity::Warning => ("!", "warning", "status"),
            Severity::Error => ("\u{d7}", "error", "alert"),
        };
        let act = |action: Action| {
            let dispatch = page.dispatch.clone();
            Callback::from(move |_: MouseEvent| dispatch.dispatch(action.clone()))
        };
        html! {
            <div key={notice.id} class={classes!("notice", class)} {role}>
                <b aria-hidden="true">{mark}</b>
                <p>{&notice.text}</p>
                if notice.retry {
                    <button class="btn" type="button" onclick={act(Action::Retry)}>{"Try again"}</button>
                }
                <button class="btn quiet" type="button" aria-label="Dismiss this notice" onclick={act(Action::Dismiss(notice.id))}>{"\u{2715}"}</button>
            </div>
        }
    };
    html! { <div class="notices" id="notices" aria-live="polite">{ for page.state.notices.iter().map(notice) }</div> }
}
