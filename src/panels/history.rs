//! The recipes that were tried, on this visit and before: brought back, named, forgotten.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use js_sys::Date;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::client::Keep;
use crate::format::{bytes, count, percent, s, time};
use crate::json;
use crate::state::tried::{LONGEST_NAME, Row};
use crate::state::wording::recipe as recipe_words;
use crate::state::{Action, Edit, History, Page, Phase, Severity, Store, Tried, use_page};

/// Rows that are drawn before somebody asks for more.
const FIRST: usize = 30;

/// Says that nothing is kept, and why; once is enough.
fn tell(page: &Page, told: &Cell<bool>, why: &str) {
    if told.replace(true) {
        return;
    }
    let text = format!(
        "This browser does not let the page keep things ({why}). Recipes tried are forgotten when the page is closed; all else works."
    );
    page.dispatch.dispatch(Action::Tell(Severity::Info, text));
}

/// Reads what was tried before, notes what is tried now, keeps both.
#[hook]
pub fn use_history(page: &Page, kept: bool) {
    let keep = use_state(|| None::<Rc<Keep>>);
    let told = use_memo((), |()| Cell::new(false));
    {
        let (page, keep, told) = (page.clone(), keep.clone(), told.clone());
        use_effect_with((), move |()| {
            if !kept {
                return;
            }
            spawn_local(async move {
                match Keep::open().await {
                    Ok((opened, lines)) => {
                        let rows = lines.iter().filter_map(|line| json::read::<Row>(line).ok()?.tried());
                        page.dispatch.dispatch(Action::History(History::Loaded(rows.collect())));
                        keep.set(Some(Rc::new(opened)));
                    }
                    Err(why) => tell(&page, &told, &why),
                }
            });
        });
    }
    let state = &page.state;
    {
        let dispatch = page.dispatch.clone();
        let run = state.bench.run();
        let known = (state.generation, state.phase == Phase::Idle, run.latency.is_some());
        use_effect_with(known, move |(_, idle, _)| {
            if *idle {
                dispatch.dispatch(Action::History(History::Ran(Date::now())));
            }
        });
    }
    let page = page.clone();
    use_effect_with((state.tried.clone(), keep.is_some()), move |(tried, _)| {
        let Some(keep) = (*keep).clone() else { return };
        let line = |row: &Tried| Some((row.key(), json::write(&row.row()).ok()?));
        let lines: HashMap<String, String> = tried.iter().filter_map(line).collect();
        spawn_local(async move {
            if let Err(why) = keep.hold(lines).await {
                tell(&page, &told, &why);
            }
        });
    });
}

/// What a row gave, in a line.
fn figures(row: &Tried) -> String {
    let share = percent(row.share.value().unwrap_or_default(), 1);
    let latency = row.latency.map(|[ms, _]| format!(" \u{b7} {}", time(ms))).unwrap_or_default();
    let old = if row.is_ours() { "" } else { " \u{b7} by another version of the page" };
    format!("{share} % \u{b7} {}{latency}{old}", bytes(row.size))
}

#[derive(Properties, PartialEq)]
struct LineProps {
    row: Tried,
    /// Whether it is in force.
    current: bool,
    /// Rows do not look at the page, which changes many times a second.
    dispatch: UseReducerDispatcher<Store>,
}

/// A row of the list.
#[component]
fn Line(props: &LineProps) -> Html {
    let naming = use_state_eq(|| false);
    let input = use_node_ref();
    let (row, key) = (&props.row, props.row.key());
    let words = recipe_words(&row.link.recipe);
    let title = if row.name.is_empty() { words.clone() } else { row.name.clone() };
    let onpress = {
        let (dispatch, link) = (props.dispatch.clone(), row.link.clone());
        Callback::from(move |_: MouseEvent| {
            let edit = Edit::Restore(link.model.clone(), link.recipe.clone());
            dispatch.dispatch(Action::Edit { edit, dragging: false });
        })
    };
    let take = {
        let (dispatch, naming, input, key) = (props.dispatch.clone(), naming.clone(), input.clone(), key.clone());
        move || {
            if let Some(input) = input.cast::<HtmlInputElement>() {
                dispatch.dispatch(Action::History(History::Name(key.clone(), input.value())));
            }
            naming.set(false);
        }
    };
    let onkeydown = {
        let (take, naming) = (take.clone(), naming.clone());
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" => take(),
            "Escape" => naming.set(false),
            _ => {}
        })
    };
    let onname = {
        let (naming, take) = (naming.clone(), take);
        Callback::from(move |_: MouseEvent| if *naming { take() } else { naming.set(true) })
    };
    let onforget = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::History(History::Forget(key.clone()))))
    };
    {
        let (input, name) = (input.clone(), row.name.clone());
        use_effect_with(*naming, move |naming| {
            if let Some(input) = input.cast::<HtmlInputElement>().filter(|_| *naming) {
                // As a property of the element it would be set anew while somebody types.
                input.set_value(&name);
                let _ = input.focus();
                input.select();
            }
        });
    }
    let label = |what: &str| format!("{what} {title}");
    let [low, high] = <[f64; 2]>::from(row.share.interval()).map(|share| percent(share, 1));
    html! {
        <li class={classes!(props.current.then_some("current"))}>
            if *naming {
                <input ref={input} class="naming" maxlength={LONGEST_NAME.to_string()} aria-label={format!("Name of {words}")} placeholder={words} {onkeydown} />
            } else {
                <button class="again" type="button" onclick={onpress} aria-current={props.current.then_some("true")} title={format!("{}: {low}\u{2013}{high} % (95 % interval)", label("Bring back"))}>
                    <b>{&title}</b><small>{figures(row)}</small>
                </button>
            }
            <button class="btn quiet" type="button" onclick={onname} aria-label={if *naming { "Take this name".to_owned() } else { label("Name") }} title={if *naming { "Take this name" } else { "Give it a name" }}>{if *naming { "\u{2713}" } else { "\u{270e}" }}</button>
            <button class="btn quiet" type="button" onclick={onforget} aria-label={label("Forget")} title="Forget it">{"\u{2715}"}</button>
        </li>
    }
}

/// The card.
#[hook]
pub fn use_history_card() -> Html {
    let page = use_page();
    let asking = use_state_eq(|| false);
    let tried = &page.state.tried;
    let model = &page.state.link.model;
    let (n, all) = (tried.iter().filter(|row| row.link.model == *model).count(), tried.len());
    let whole = use_state_eq(|| false);
    let most = if *whole { usize::MAX } else { FIRST };
    let rows = {
        let dispatch = page.dispatch.clone();
        use_memo(
            (tried.clone(), page.state.link.model.clone(), page.state.link.recipe.clone(), most),
            move |(tried, model, recipe, most)| {
                let here = tried.iter().filter(|row| row.link.model == *model).take(*most);
                let line = |row: &Tried| html! { <Line key={row.key()} row={row.clone()} current={row.link.recipe == *recipe} dispatch={dispatch.clone()} /> };
                here.map(line).collect::<Html>()
            },
        )
    };
    let onwhole = {
        let whole = whole.clone();
        Callback::from(move |_: MouseEvent| whole.set(true))
    };
    let aside = if n == all { format!("{} recipe{}", count(n), s(n)) } else { format!("{} of {} are of this model", count(n), count(all)) };
    let ask = |to: bool| {
        let asking = asking.clone();
        Callback::from(move |_: MouseEvent| asking.set(to))
    };
    let onclear = {
        let (page, asking) = (page.clone(), asking.clone());
        Callback::from(move |_: MouseEvent| {
            asking.set(false);
            page.dispatch.dispatch(Action::History(History::Clear));
        })
    };
    html! {
        <section id="history" data-part="history" aria-labelledby="history-title">
            <h2 id="history-title">{"History"}<span>{aside}</span></h2>
            <ul class="tried" tabindex={(n > 3).then_some("0")} aria-label="Recipes tried with this model">
                { (*rows).clone() }
                if n > most { <li><button class="btn quiet" type="button" onclick={onwhole}>{format!("Show {} more", count(n - most))}</button></li> }
                if n == 0 { <li class="desc">{"A recipe is noted here once its images are counted. The list stays on this device."}</li> }
            </ul>
            <div class="history-foot">
                if *asking {
                    <span>{format!("Forget all {}, of every model?", count(all))}</span>
                    <button class="btn" type="button" id="clear-history" onclick={onclear}>{"Forget"}</button>
                    <button class="btn" type="button" onclick={ask(false)}>{"Keep"}</button>
                } else {
                    <span class="desc">{"Press one to bring it back."}</span>
                    <button class="btn" type="button" id="ask-clear" disabled={all == 0} onclick={ask(true)} title="Forgets every recipe tried; asks before it does">{"Clear\u{2026}"}</button>
                }
            </div>
        </section>
    }
}
