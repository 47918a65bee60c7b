//! The whole page: state, the session it drives, and the regions.

use std::rc::Rc;

use bitdial_protocol::Link;
use gloo::events::EventListener;
use yew::prelude::*;

use crate::catalogue::{self, Entry};
use crate::charts::{
    folded, use_bits_chart, use_confusion_chart, use_latency_chart, use_layers_chart, use_search_chart, use_size_chart, use_time_chart,
};
use crate::client::{Order, Session};
use crate::lessons::{use_glossary, use_lessons_panel, use_place};
use crate::panels::{
    activations, dropping, embed, notices, pinned, promise, readouts, settings_open, top_bar, use_all_settings, use_backends, use_closer,
    use_corrections, use_device_card, use_feature_maps, use_files, use_history, use_history_card, use_images, use_model, use_pinned,
    weights,
};
use crate::parts::overlap::use_overlap;
use crate::parts::region::region;
use crate::parts::seen::WhenSeen;
use crate::state::bench::Run;
use crate::state::predictions::Goal;
use crate::state::{Action, Learn, Page, Phase, State, Step, Store, Tab, address};

/// The page.
#[hook]
pub fn use_app() -> Html {
    let store = use_reducer(initial);
    let session = {
        let dispatch = store.dispatcher();
        use_memo((), move |()| Session::new(dispatch))
    };
    let page = Page { state: store.0.clone(), dispatch: store.dispatcher(), session };
    use_navigation(&page);
    let embedded = use_memo((), |()| embed::asked());
    use_address(&page, embedded.is_some());
    use_grip(&page);
    use_orders(&page);
    use_mending(&page);
    use_place(&page);
    use_layer(&page);
    use_overlap();
    use_advice(&page);
    use_history(&page, embedded.is_none());
    use_pinned(&page, embedded.is_none());
    embed::use_host(&page, embedded.is_some());
    use_closer(&page);
    let state = &page.state;
    let [ondragover, ondrop] = dropping(&page);
    html! {
        <ContextProvider<Page> context={page.clone()}>
            if embedded.is_none() {
                <a class="skip" href="#main" onclick={focus_main()}>{"Skip to the dials"}</a>
                { top_bar(&page) }
                { region!(use_lessons_panel) }
            }
            <main
                id="main" tabindex="-1" class={classes!(embedded.is_some().then_some("embed"))} data-phase={state.phase.name()} data-generation={state.generation.to_string()}
                data-backend={state.engine.as_ref().map(|engine| engine.capabilities.backend.clone())}
                data-sweep={if state.bench.missing(state.view.axis).is_empty() { "done" } else { "open" }}
            >
            if let Some(embed) = &*embedded { { embed::embedded(&page, embed) } } else {
                <div class="col recipe" {ondragover} {ondrop}>
                    { weights(&page) }
                    { activations(&page) }
                    { region!(use_corrections) }
                    { region!(use_all_settings) }
                    { region!(use_files) }
                    { region!(use_history_card) }
                    <WhenSeen id="search">{ region!(use_search_chart) }</WhenSeen>
                </div>
                <div class="col model">
                    { region!(use_model) }
                    <WhenSeen id="layers">{ region!(use_layers_chart) }</WhenSeen>
                    <WhenSeen id="confusion">{ region!(use_confusion_chart) }</WhenSeen>
                    <WhenSeen id="images" live={state.view.tab == Tab::Camera}>{ region!(use_images) }</WhenSeen>
                    { region!(use_feature_maps) }
                </div>
                <div class="col right">
                    { promise(&page) }
                    { readouts(&page) }
                    <WhenSeen id="accuracy-bits">{ region!(use_bits_chart) }</WhenSeen>
                    <WhenSeen id="accuracy-size">{ region!(use_size_chart) }</WhenSeen>
                    <WhenSeen id="latency">{ region!(use_latency_chart) }</WhenSeen>
                    <WhenSeen id="time">{ region!(use_time_chart) }</WhenSeen>
                    { region!(use_backends) }
                    { region!(use_device_card) }
                </div>
            }
            </main>
            if embedded.is_none() {
                <footer class="note">
                    {"Everything runs in this browser; nothing is uploaded. Models and data: "}
                    <a href="assets/README.md">{"sources and licences"}</a>{"."}
                    { weight() }
                </footer>
            }
            { notices(&page) }
            { region!(use_glossary) }
        </ContextProvider<Page>>
    }
}

/// What a first visit loads, which the build has counted, and whether later ones need a network.
fn weight() -> Html {
    let meta = gloo::utils::document().query_selector("meta[name=bitdial-release]").ok().flatten();
    let Some(weight) = meta.and_then(|meta| meta.get_attribute("content")) else { return Html::default() };
    html! {
        <>
            {format!(" A first visit loads {weight}.")}
            <span class="kept">{" This page now also works without a network."}</span>
        </>
    }
}

/// The fragment belongs to the link, so the skip link moves the focus by itself.
fn focus_main() -> Callback<MouseEvent> {
    Callback::from(|event: MouseEvent| {
        event.prevent_default();
        if let Some(main) = gloo::utils::document().get_element_by_id("main") {
            let _ = wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlElement>(main).focus();
        }
    })
}

fn initial() -> Store {
    let (link, issues) = address::read();
    let entry = Entry::find(&link.model).unwrap_or(&catalogue::all()[0]);
    let mut state = State::new(link, entry);
    state.view.folded = folded();
    state.view.settings = settings_open();
    state.tell_issues(&issues);
    if let Some(recipe) = pinned(&state.link.model).filter(|_| embed::asked().is_none()) {
        state.bench.pin(recipe);
    }
    if !issues.is_empty() {
        state.step = Step::Replace;
    }
    if let Some(embed) = embed::asked() {
        embed.open(&mut state);
    }
    let (place, alone) = address::place();
    state.arrive(place, alone);
    Store(Rc::new(state))
}

/// Back and forward, and addresses edited by hand.
#[hook]
fn use_navigation(page: &Page) {
    let dispatch = page.dispatch.clone();
    use_effect_with((), move |()| {
        let listener = EventListener::new(&gloo::utils::window(), "popstate", move |_| {
            let (link, issues) = address::read();
            let (place, alone) = address::place();
            let arrive = Action::Learn(Learn::Arrive { place, alone });
            // A lesson's address alone says nothing about what is in force.
            dispatch.dispatch(if alone { arrive } else { Action::Several(vec![Action::Navigate(link, issues), arrive]) });
        });
        move || drop(listener)
    });
}

/// An address that was bad but asks for what is in force is mended.
#[hook]
fn use_mending(page: &Page) {
    let link = page.state.link.clone();
    use_effect_with(page.state.mend, move |mend| {
        if *mend > 0 {
            address::write(&link, Step::Replace);
        }
    });
}

/// What is in force goes into the address: of a drag, where it begins and where it ends.
#[hook]
fn use_address(page: &Page, embedded: bool) {
    let page = page.clone();
    let written = use_mut_ref(|| None::<u32>);
    use_effect_with((page.state.generation, page.state.dragging.is_some()), move |(generation, dragging)| {
        let state = &page.state;
        if *written.borrow() == Some(*generation) || (*dragging && state.step == Step::Replace) {
            return;
        }
        *written.borrow_mut() = Some(*generation);
        // Going back in the page around this one is no business of a dial.
        let step = if embedded && state.step == Step::Push { Step::Replace } else { state.step };
        address::write(&state.link, step);
        let title = match state.link.recipe.weights.width() {
            32 => format!("{} \u{b7} bitdial", state.bench.entry.title),
            bits => format!("{} at {bits} bits \u{b7} bitdial", state.bench.entry.title),
        };
        gloo::utils::document().set_title(&title);
    });
}

/// Every new generation goes to the workers.
#[hook]
fn use_orders(page: &Page) {
    let page = page.clone();
    use_effect_with(page.state.generation, move |_| {
        let state = &page.state;
        let bench = &state.bench;
        let order = |run: &Run, checked: bool| Order {
            epoch: state.epoch,
            generation: state.generation,
            settle: state.dragging.is_some(),
            entry: bench.entry,
            link: Link { recipe: run.recipe.clone(), ..state.link.clone() },
            predictions: run.predictions.clone(),
            baseline: bench.baseline.clone(),
            done: [run.latency.is_some(), run.profiles.is_some(), checked, run.diagnosis.is_some()],
            missing: Vec::new(),
            a: None,
            held: page.session.held.clone(),
        };
        let a = bench.unmeasured().map(|a| Box::new(order(a, true)));
        page.session.order(Order { missing: bench.missing(state.view.axis), a, ..order(bench.run(), bench.run().checks.is_some()) });
    });
}

/// Workers hear whether a dial is held.
#[hook]
fn use_grip(page: &Page) {
    let held = page.session.held.clone();
    use_effect_with(page.state.dragging.is_some(), move |dragging| held.set(*dragging));
}

/// Once every image is counted, advice knows what was lost.
#[hook]
fn use_advice(page: &Page) {
    let page = page.clone();
    let bench = &page.state.bench;
    let pairs = bench.pairs(&bench.run().predictions);
    let counted = bench.goal() == Goal::Accuracy && pairs.n > 0 && pairs.n == bench.images();
    let known = bench.run().diagnosis.is_some() && counted;
    use_effect_with((known, page.state.generation), move |(known, generation)| {
        if let (true, Some(change)) = (*known, pairs.change()) {
            page.session.advise(*generation, page.state.link.recipe.clone(), -100.0 * change);
        }
    });
}

/// The open layer is looked at again whenever the model is quantized anew.
#[hook]
fn use_layer(page: &Page) {
    let page = page.clone();
    let state = &page.state;
    // While one worker is timed, the others rest.
    let ready = state.bench.run().info.is_some() && state.engine.is_some() && state.phase != Phase::Timing;
    let watched = (ready, state.layer.clone(), state.generation);
    use_effect_with(watched, move |(ready, layer, generation)| {
        let known = page.state.detail.as_ref().is_some_and(|(recipe, _)| *recipe == page.state.link.recipe);
        if let (true, false, Some(layer)) = (*ready, known, layer) {
            page.session.open_layer(*generation, &page.state.bench, layer.clone());
        }
    });
}
