//! A picture of the visitor's own: dropped, pasted, chosen, or one of the samples.

use std::rc::Rc;

use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, ClipboardEvent, DataTransfer, HtmlInputElement, ImageBitmap};
use yew::prelude::*;

use super::verdict;
use crate::client::picture::{Cut, cut, decode};
use crate::parts::canvas::Pixels;
use crate::parts::segmented::{Segment, list};
use crate::state::{Action, Origin, Page, Severity, Specimen, use_page};

/// A picture, decoded.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its file's name, or what it shows.
    pub name: AttrValue,
    bitmap: Rc<ImageBitmap>,
}

impl PartialEq for Chosen {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.bitmap, &other.bitmap)
    }
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// The picture; it outlives the tab.
    pub chosen: Option<Chosen>,
    /// Takes a file.
    pub ontake: Callback<(String, Blob)>,
}

/// Decodes files; a picture goes to `onchosen`, what is none is told. The newest file wins.
#[hook]
pub fn use_taking(page: &Page, onchosen: Callback<Chosen>) -> Callback<(String, Blob)> {
    let attempt = use_mut_ref(|| 0_u32);
    let dispatch = page.dispatch.clone();
    use_callback(onchosen, move |(name, file): (String, Blob), onchosen| {
        *attempt.borrow_mut() += 1;
        let (mine, attempt) = (*attempt.borrow(), attempt.clone());
        let (dispatch, onchosen) = (dispatch.clone(), onchosen.clone());
        spawn_local(async move {
            let decoded = decode(&name, &file).await;
            if *attempt.borrow() != mine {
                return;
            }
            match decoded {
                Ok(bitmap) => onchosen.emit(Chosen { name: name.into(), bitmap: Rc::new(bitmap) }),
                Err(why) => dispatch.dispatch(Action::Tell(Severity::Error, format!("{why} Everything else stays as it was."))),
            }
        });
    })
}

/// The first file of what is dropped or pasted.
fn first(data: Option<DataTransfer>) -> Option<(String, Blob)> {
    let file = data?.files()?.get(0)?;
    Some((file.name(), file.unchecked_into()))
}

/// Takes pictures that are dropped anywhere on the page or pasted into it. What is dropped where something else takes it stays
/// there.
#[hook]
pub fn use_arrivals(ontake: Callback<(String, Blob)>) {
    use_effect_with(ontake, move |ontake| {
        let window = gloo::utils::window();
        let active = EventListenerOptions::enable_prevent_default;
        let over = EventListener::new_with_options(&window, "dragover", active(), |event| event.prevent_default());
        let dropped = {
            let ontake = ontake.clone();
            EventListener::new_with_options(&window, "drop", active(), move |event| {
                if event.default_prevented() {
                    return;
                }
                // A browser would leave the page for the file.
                event.prevent_default();
                if let Some(file) = event.dyn_ref::<DragEvent>().and_then(|event| first(event.data_transfer())) {
                    ontake.emit(file);
                }
            })
        };
        let paste = {
            let ontake = ontake.clone();
            EventListener::new_with_options(&window, "paste", active(), move |event| {
                let file = event.dyn_ref::<ClipboardEvent>().and_then(|event| first(event.clipboard_data()));
                if let Some((_, file)) = file.filter(|(_, file)| file.type_().starts_with("image/")) {
                    event.prevent_default();
                    ontake.emit(("The pasted picture".to_owned(), file));
                }
            })
        };
        move || drop((over, dropped, paste))
    });
}

/// The tab.
#[component]
pub fn Picture(props: &Props) -> Html {
    let page = use_page();
    let entry = page.state.bench.entry;
    let [channels, side, _] = entry.input;
    let grey = channels == 1;
    let invert = use_state(|| false);
    let input = use_node_ref();
    let samples = use_state(Vec::<(String, String)>::new);
    {
        let (samples, session) = (samples.clone(), page.session.clone());
        use_effect_with((), move |()| {
            spawn_local(async move {
                // Without a list there are no samples; a file can be chosen all the same.
                if let Ok(found) = session.samples().await {
                    samples.set(found);
                }
            });
        });
    }
    {
        let page = page.clone();
        use_effect_with((props.chosen.clone(), *invert, entry.id.clone()), move |(chosen, invert, _)| {
            let Some(Chosen { name, bitmap }) = chosen else { return };
            match cut(bitmap, Cut { side, grey, invert: *invert && grey }) {
                Ok(bytes) => {
                    let pixels = Pixels { shape: [side, side, channels], bytes: Rc::new(bytes) };
                    page.session.show(Specimen { origin: Origin::Picture(name.clone()), title: name.clone(), pixels });
                }
                Err(why) => page.dispatch.dispatch(Action::Tell(Severity::Error, format!("{name} cannot be scaled: {why}."))),
            }
        });
    }
    let choose = {
        let input = input.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(input) = input.cast::<HtmlInputElement>() {
                input.click();
            }
        })
    };
    let onchange = {
        let ontake = props.ontake.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                ontake.emit((file.name(), file.unchecked_into()));
            }
            // The same file may be chosen again.
            input.set_value("");
        })
    };
    let oninvert = {
        let invert = invert.clone();
        Callback::from(move |_: MouseEvent| invert.set(!*invert))
    };
    let none: Segment = ("choose one".into(), None);
    let options: Vec<Segment> = std::iter::once(none).chain(samples.iter().map(|(title, _)| (title.clone().into(), None))).collect();
    let at = props.chosen.as_ref().and_then(|chosen| samples.iter().position(|(title, _)| *title == *chosen.name)).map_or(0, |at| at + 1);
    let onsample = {
        let (samples, page, ontake) = (samples.clone(), page.clone(), props.ontake.clone());
        Callback::from(move |index: usize| {
            let Some((title, path)) = index.checked_sub(1).and_then(|index| samples.get(index)).cloned() else { return };
            let (page, ontake) = (page.clone(), ontake.clone());
            spawn_local(async move {
                match page.session.sample(&path).await {
                    Ok(file) => ontake.emit((title, file)),
                    Err(error) => page.dispatch.dispatch(Action::Tell(Severity::Error, error.to_string())),
                }
            });
        })
    };
    html! {
        <div class="own">
            <div class="source">
                <div class="well">
                    <p><strong>{props.chosen.as_ref().map_or("No picture yet".into(), |chosen| chosen.name.clone())}</strong></p>
                    <p class="desc">{"Drop a picture anywhere on this page, paste one, or choose a file. It stays in this browser."}</p>
                    <button class="btn" type="button" id="choose-picture" onclick={choose} title="Choose a picture from this device">{"Choose a file\u{2026}"}</button>
                    <input ref={input} id="picture-file" class="sr" type="file" accept="image/*" tabindex="-1" aria-label="Picture file" {onchange} />
                </div>
                <div class="row"><span>{"Sample"}</span>{ list("sample-photo", "Sample photo", &options, Some(at), &onsample) }</div>
                if grey {
                    <div class="row">
                        <button class="switch" type="button" role="switch" id="invert" aria-checked={invert.to_string()} aria-label="Invert" onclick={oninvert}
                            title="Let light and dark change places"><i></i></button>
                        <span>{"Invert: the model knows light things on black"}</span>
                    </div>
                }
                <p class="desc">
                    if grey {
                        {"The largest square in its middle, in grey, scaled to 28 \u{d7} 28. Neither data set looks like a photo: expect guesses."}
                    } else {
                        {format!("Its middle (224 of 256 of the shorter side), scaled to {side} \u{d7} {side}, as the sample photos are.")}
                    }
                </p>
            </div>
            { verdict(&page, "No picture yet: its bars come here.") }
        </div>
    }
}
