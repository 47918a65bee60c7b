//! How far something is, and a way to stop it.

use yew::prelude::*;

use crate::client::Progress;
use crate::format::percent;

/// A bar that says what is done and how far it is; `otherwise` stands where no stage is said.
pub fn stoppable(id: &'static str, otherwise: &'static str, progress: &Progress, onstop: Callback<MouseEvent>) -> Html {
    let share = f64::from(progress.done) / f64::from(progress.total.max(1));
    let stage = if progress.stage.is_empty() { otherwise } else { &progress.stage };
    let text = format!("{stage}: {} %", percent(share, 0));
    html! {
        <div class="making">
            <div
                class="progress" role="progressbar" aria-label={otherwise} aria-valuemin="0" aria-valuemax={progress.total.to_string()}
                aria-valuenow={progress.done.to_string()} aria-valuetext={text.clone()}
            >
                <i style={format!("transform:scaleX({share:.4})")}></i>
                <span>{text}</span>
            </div>
            <button class="btn" type="button" {id} onclick={onstop} title="Gives it up; what was in force before stays">{"Stop"}</button>
        </div>
    }
}
