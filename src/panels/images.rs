//! Images with what f32 and the quantized model say about them, flips first.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::filters::filters;
use super::own::{self, use_camera};
use crate::format::{count, percent};
use crate::ink::Ink;
use crate::parts::canvas::{Picture, Pixels};
use crate::parts::region::region;
use crate::state::rules::way;
use crate::state::{Action, Bench, Look, Origin, Page, Phase, Specimen, Study, Tab, use_page};

/// Pixels by image: few enough to look through.
type Known = Vec<(usize, Pixels)>;

/// Images shown at first, and added at a time.
const PAGE: usize = 24;

/// Where a key takes the tabs, round and round. `None` for other keys.
fn tab_target(key: &str, from: Tab) -> Option<Tab> {
    let (at, last) = (from as usize, Tab::EVERY.len() - 1);
    let to = match key {
        "ArrowLeft" => at.checked_sub(1).unwrap_or(last),
        "ArrowRight" => at + 1,
        "Home" => 0,
        "End" => last,
        _ => return None,
    };
    Some(Tab::EVERY[to % Tab::EVERY.len()])
}

/// The region.
#[hook]
pub fn use_images() -> Html {
    let page = use_page();
    let bench = &page.state.bench;
    let tab = page.state.view.tab;
    let shown = use_state(|| PAGE);
    {
        // Other images: from the top.
        let shown = shown.clone();
        use_effect_with((bench.entry.id.clone(), tab, page.state.view.filter), move |_| shown.set(PAGE));
    }
    let predictions = bench.run().predictions.clone();
    let flipped = predictions.flips(page.state.view.before(bench)).count();
    let listed = page.state.view.images(bench);
    let visible: Vec<usize> = listed.iter().copied().take(*shown).collect();
    let pixels = use_pixels(&page, &visible);
    let head = |which: Tab, text: String, title: &'static str| {
        let onclick = {
            let dispatch = page.dispatch.clone();
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Look(Look::Tab(which))))
        };
        let selected = tab == which;
        html! {
            <button
                type="button" role="tab" aria-selected={selected.to_string()} aria-controls="images" {title} {onclick}
                tabindex={if selected { "0" } else { "-1" }}
                class={classes!(selected.then_some("on"))}
            >{text}</button>
        }
    };
    let tabs = use_node_ref();
    let onkeydown = {
        let (tabs, dispatch) = (tabs.clone(), page.dispatch.clone());
        Callback::from(move |event: KeyboardEvent| {
            if event.alt_key() || event.ctrl_key() || event.meta_key() {
                return;
            }
            let Some(next) = tab_target(&event.key(), tab) else { return };
            event.prevent_default();
            if let Some(button) = tabs.cast::<HtmlElement>().and_then(|tabs| tabs.children().item(next as u32)) {
                let _ = button.unchecked_into::<HtmlElement>().focus();
            }
            dispatch.dispatch(Action::Look(Look::Tab(next)));
        })
    };
    let more = {
        let shown = shown.clone();
        Callback::from(move |_: MouseEvent| shown.set(*shown + PAGE))
    };
    let rest = listed.len() - visible.len();
    let counted = bench.pairs(&predictions).n;
    let ink = use_mut_ref(Ink::default);
    let chosen = use_state(|| None::<own::Chosen>);
    let section = use_node_ref();
    let ontake = {
        let (chosen, dispatch, section) = (chosen.clone(), page.dispatch.clone(), section.clone());
        let onchosen = use_callback((), move |picture, ()| {
            chosen.set(Some(picture));
            dispatch.dispatch(Action::Look(Look::Tab(Tab::Picture)));
            if let Some(section) = section.cast::<HtmlElement>() {
                section.scroll_into_view();
            }
        });
        own::use_taking(&page, onchosen)
    };
    own::use_arrivals(ontake.clone());
    let own_tab = match tab {
        Tab::Draw => html! { <own::Draw {ink} /> },
        Tab::Picture => html! { <own::Picture chosen={(*chosen).clone()} {ontake} /> },
        Tab::Camera => region!(use_camera),
        Tab::Flipped | Tab::All => Html::default(),
    };
    html! {
        <section ref={section} aria-label="Images" data-part="images">
            <div ref={tabs} class="tabs" role="tablist" aria-label="Which images" {onkeydown}>
                { head(Tab::Flipped, format!("Flipped {}", count(flipped)), "Images whose class changed") }
                { head(Tab::All, "All images".to_owned(), "Every image, with what both models say") }
                { head(Tab::Draw, "Draw".to_owned(), "Draw something, and watch both models read it") }
                { head(Tab::Picture, "Picture".to_owned(), "A picture of your own, or a sample photo") }
                { head(Tab::Camera, "Camera".to_owned(), "What the camera sees, live; it stays in this browser") }
            </div>
            if tab.is_list() {
                { filters(&page) }
            }
            <div id="images" role="tabpanel" aria-label={name(tab)}>
                if tab.is_list() {
                    { own::selected(&page) }
                }
                if !tab.is_list() {
                    { own_tab }
                } else if visible.is_empty() {
                    <p class="empty">{ empty(tab, counted, page.state.view.filter.is_open()) }</p>
                } else {
                    <div class={classes!("imgs", is_photo(bench).then_some("photos"))}>
                        { for visible.iter().map(|image| card(&page, *image, pixels.iter().find(|(known, _)| known == image).map(|(_, pixels)| pixels))) }
                    </div>
                }
                if rest > 0 {
                    <button class="btn more" type="button" onclick={more} title="More of the same list">{format!("Show {} more of {}", PAGE.min(rest), count(listed.len()))}</button>
                }
            </div>
        </section>
    }
}

fn is_photo(bench: &Bench) -> bool {
    bench.entry.test.is_none()
}

/// What a tab is called where its button is not read.
fn name(tab: Tab) -> &'static str {
    match tab {
        Tab::Flipped => "Flipped images",
        Tab::All => "All images",
        Tab::Draw => "Draw",
        Tab::Picture => "Picture",
        Tab::Camera => "Camera",
    }
}

/// Why there is nothing to see; `counted` images were run by both models.
fn empty(tab: Tab, counted: usize, open: bool) -> String {
    match (tab, counted) {
        (_, n) if n > 0 && !open => "No image passes the filter.".to_owned(),
        (_, 0) => "The images come with the first results.".to_owned(),
        (Tab::Flipped, n) => format!("No prediction differs on the {} images counted so far.", count(n)),
        _ => "The images are on their way.".to_owned(),
    }
}

/// Pixels of the visible images, asked for when they are needed and kept as long as the model stays.
#[hook]
fn use_pixels(page: &Page, visible: &[usize]) -> Rc<Known> {
    let known = use_state(|| (String::new(), Rc::<Known>::default()));
    let asked = use_mut_ref(|| (String::new(), Vec::<usize>::new()));
    let id = page.state.bench.entry.id.clone();
    // While one worker is timed, the others rest.
    let ready = page.state.engine.is_some() && page.state.bench.loaded.is_some() && page.state.phase != Phase::Timing;
    let kept = if known.0 == id { known.1.clone() } else { Rc::default() };
    let missing: Vec<usize> = visible.iter().copied().filter(|image| kept.iter().all(|(known, _)| known != image)).collect();
    // What was asked of workers that are gone is asked of the next ones.
    let workers = format!("{id} {}", page.state.epoch);
    let (session, latest) = (page.session.clone(), use_mut_ref(|| (String::new(), Rc::<Known>::default())));
    use_effect_with((ready, workers, missing), move |(ready, workers, missing)| {
        let mut open = asked.borrow_mut();
        if open.0 != *workers {
            *open = (workers.clone(), Vec::new());
        }
        let wanted: Vec<usize> = missing.iter().copied().filter(|image| !open.1.contains(image)).collect();
        if !*ready || wanted.is_empty() {
            return;
        }
        open.1.extend(&wanted);
        drop(open);
        spawn_local(async move {
            let Ok((shape, images)) = session.pixels(wanted.clone()).await else {
                // The session has told why; the squares stay empty until the next look asks again.
                asked.borrow_mut().1.retain(|image| !wanted.contains(image));
                return;
            };
            let mut latest = latest.borrow_mut();
            if latest.0 != id {
                *latest = (id.clone(), Rc::default());
            }
            let all = Rc::make_mut(&mut latest.1);
            all.extend(wanted.into_iter().zip(images).map(|(image, bytes)| (image, Pixels { shape, bytes: Rc::new(bytes) })));
            known.set((id, latest.1.clone()));
        });
    });
    kept
}

/// One image.
fn card(page: &Page, image: usize, pixels: Option<&Pixels>) -> Html {
    let bench = &page.state.bench;
    let run = bench.run();
    let label = |class: Option<u16>| {
        let labels = bench.loaded.as_ref().map(|loaded| &loaded.labels);
        class.map(|class| labels.and_then(|labels| labels.get(usize::from(class)).cloned()).unwrap_or_else(|| class.to_string().into()))
    };
    let (float, quantized) = (bench.baseline.class(image), run.predictions.class(image));
    let truth = bench.truth.get(image).copied();
    let flipped = float.is_some() && quantized.is_some() && float != quantized;
    let mark = |class: Option<u16>| match (class, truth) {
        (Some(class), Some(truth)) => {
            if class == truth {
                "\u{2713}"
            } else {
                "\u{2717}"
            }
        }
        _ => "",
    };
    let way = way(&run.recipe);
    let sure = |confidence: f32| format!("{} % sure", percent(f64::from(confidence), 0));
    let line = |key: &'static str, long: &'static str, tag: &'static str, class: Option<u16>, confidence: f32| {
        let text = label(class).unwrap_or("\u{2013}".into());
        html! {
            <div class={tag} title={format!("{long}: {text}, {}", sure(confidence))}>
                <dt>{key}</dt><dd>{text}</dd><span aria-hidden="true">{mark(class)}</span>
            </div>
        }
    };
    let title = match label(truth) {
        Some(truth) => truth,
        None => bench.loaded.as_ref().and_then(|loaded| loaded.titles.get(image).cloned()).unwrap_or_default(),
    };
    let onclick = {
        let (page, pixels, title) = (page.clone(), pixels.cloned(), title.clone());
        Callback::from(move |_: MouseEvent| {
            if let Some(pixels) = pixels.clone() {
                page.study(Study::Show(Specimen { origin: Origin::Image(image), title: title.clone(), pixels }));
            }
        })
    };
    html! {
        <figure key={image} data-image={image.to_string()} class={classes!("im", flipped.then_some("flip"))}>
            <button
                type="button" class="look" {onclick} disabled={pixels.is_none()} aria-pressed={page.state.closer.is_at(image).to_string()}
                title="Look closer at this image: how sure both models are of each class, and its feature maps"
            >
                <Picture pixels={pixels.cloned()} label={format!("Image {image}: {title}")} />
            </button>
            <figcaption>
                <strong title={title.clone()}>{title}</strong>
                <dl>
                    { line("f32", "f32", "f", float, bench.baseline.confidence(image)) }
                    if let Some(a) = bench.a() {
                        { line("A", "A", "a", a.predictions.class(image), a.predictions.confidence(image)) }
                    }
                    { line(if bench.a().is_some() { "B" } else { way.tag() }, way.name(), "q", quantized, run.predictions.confidence(image)) }
                </dl>
            </figcaption>
        </figure>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_between_the_tabs() {
        for (key, from, to) in [
            ("ArrowRight", Tab::Flipped, Some(Tab::All)),
            ("ArrowRight", Tab::Camera, Some(Tab::Flipped)),
            ("ArrowLeft", Tab::Flipped, Some(Tab::Camera)),
            ("ArrowLeft", Tab::Draw, Some(Tab::All)),
            ("Home", Tab::All, Some(Tab::Flipped)),
            ("End", Tab::All, Some(Tab::Camera)),
            ("Tab", Tab::All, None),
        ] {
            assert_eq!(tab_target(key, from), to, "{key} from {from:?}");
        }
    }
}
