//! What is said of a text that cannot be read.

use yew::prelude::*;

use crate::state::lessons::Unread;
use crate::state::{Action, Learn, Page};

/// Why a text is not there: file, line and reason, where it is the text's own fault.
pub fn unread(page: &Page, what: &str, why: &Unread) -> Html {
    match why {
        Unread::Absent => html! { <p class="wrong" role="alert">{format!("{what} is not on this site.")}</p> },
        Unread::Faulty(faults) => html! {
            <div class="wrong" role="alert">
                <p>{format!("{what} cannot be read. What is wrong with it:")}</p>
                <ul>
                    { for faults.iter().map(|fault| html! {
                        <li><code>{format!("{}:{}", fault.file, fault.line)}</code>{" "}{&fault.reason}</li>
                    }) }
                </ul>
            </div>
        },
        Unread::Failed(reason) => {
            let dispatch = page.dispatch.clone();
            let again = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Learn(Learn::Again)));
            html! {
                <div class="wrong" role="alert">
                    <p>{reason}</p>
                    <button type="button" class="btn" onclick={again}>{"Try again"}</button>
                </div>
            }
        }
    }
}
