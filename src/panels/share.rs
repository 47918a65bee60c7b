//! The dialog that shares the recipe in force: link, QR code, and what embeds it in another page.

use bitdial_protocol::{Expected, Link};
use js_sys::{Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlDialogElement, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::embed;
use crate::charts::save;
use crate::format::{bytes, count, percent, time};
use crate::parts::copy::CopyButton;
use crate::parts::qr::Code;
use crate::parts::region::region;
use crate::state::{Page, address, shared, use_page};

/// Pixels of the frame that embeds the page, before it says what it needs.
const HEIGHT: u32 = 640;

/// What the figures of a link say, in words.
fn said(page: &Page, expected: &Expected) -> String {
    let goal = page.state.bench.goal().name();
    let hits = expected.hits.map(|(hits, n)| {
        let share = percent(f64::from(hits) / f64::from(n.max(1)), 2);
        format!("{share} % {goal} on {} images", count(n as usize))
    });
    let size = expected.size.map(|size| bytes(size as usize).to_string());
    let latency = expected.latency.map(|us| format!("{} here, for information", time(f64::from(us) / 1e3)));
    let all: Vec<String> = [hits, size, latency].into_iter().flatten().collect();
    if all.is_empty() { "nothing is measured yet".to_owned() } else { all.join(" \u{b7} ") }
}

/// The browser's own way to share, where it has one.
fn native() -> Option<Function> {
    Reflect::get(&gloo::utils::window().navigator(), &"share".into()).ok()?.dyn_into().ok()
}

fn share_natively(title: &str, url: &str) {
    let data = Object::new();
    for (key, value) in [("title", title), ("url", url)] {
        let _ = Reflect::set(&data, &key.into(), &value.into());
    }
    if let Some(promise) = native().and_then(|share| share.call1(&gloo::utils::window().navigator(), &data).ok()) {
        // Whoever closes the browser's dialog has changed their mind; that is no error.
        let ignored = wasm_bindgen_futures::JsFuture::from(promise.unchecked_into::<js_sys::Promise>());
        wasm_bindgen_futures::spawn_local(async move { drop(ignored.await) });
    }
}

/// Selects all of a field that is focused, so that it can be copied by hand.
fn select(event: FocusEvent) {
    let target: JsValue = event.target().map(JsValue::from).unwrap_or_default();
    if let Some(field) = target.dyn_ref::<HtmlInputElement>() {
        field.select();
    } else if let Some(field) = target.dyn_ref::<HtmlTextAreaElement>() {
        field.select();
    }
}

/// A text that is there already.
fn copied(text: &AttrValue) -> Callback<(), AttrValue> {
    let text = text.clone();
    Callback::from(move |()| text.clone())
}

/// The button and its dialog.
#[hook]
pub fn use_share() -> Html {
    let node = use_node_ref();
    let open = use_state_eq(|| false);
    let onopen = {
        let (node, open) = (node.clone(), open.clone());
        Callback::from(move |_: MouseEvent| {
            if let Some(dialog) = node.cast::<HtmlDialogElement>() {
                open.set(true);
                let _ = dialog.show_modal();
            }
        })
    };
    let close = {
        let node = node.clone();
        move || {
            if let Some(dialog) = node.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        }
    };
    let onpress = {
        let (node, close) = (node.clone(), close.clone());
        // Beside the dialog is its backdrop, which is the dialog itself.
        Callback::from(move |event: MouseEvent| {
            if event.target().map(JsValue::from) == node.get().map(JsValue::from) {
                close();
            }
        })
    };
    let onclick = Callback::from(move |_: MouseEvent| close());
    let onclose = {
        let open = open.clone();
        Callback::from(move |_: Event| open.set(false))
    };
    html! {
        <>
            <button class="btn primary" id="share" data-part="share" type="button" onclick={onopen} aria-haspopup="dialog" title="A link, a QR code, or a piece of another page that shows this recipe">{"Share"}</button>
            <dialog ref={node} id="share-dialog" class="dialog" aria-labelledby="share-title" {onclose} onclick={onpress}>
                <div class="inner">
                    <h2 id="share-title">{"Share this recipe"}<button class="btn quiet" type="button" id="close-share" aria-label="Close" {onclick}>{"\u{2715}"}</button></h2>
                    if *open { { region!(use_share_inside) } }
                </div>
            </dialog>
        </>
    }
}

/// What is in it, drawn only while it is open.
#[hook]
fn use_share_inside() -> Html {
    let page = use_page();
    let with = use_state_eq(|| true);
    let expected = shared::figures(&page.state.bench);
    let link = Link { expected: if *with { expected } else { Expected::default() }, ..page.state.link.clone() };
    let url: AttrValue = address::full(&link).into();
    let code = use_memo(url.clone(), |url| Code::of(url));
    let onwith = {
        let with = with.clone();
        Callback::from(move |event: Event| with.set(event.target_unchecked_into::<HtmlInputElement>().checked()))
    };
    let onshare = {
        let (url, title) = (url.clone(), format!("{} \u{b7} bitdial", page.state.bench.entry.title));
        Callback::from(move |_: MouseEvent| share_natively(&title, &url))
    };
    let onsave = {
        let code = code.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(code) = &*code {
                // What a browser refuses to save it says itself.
                let _ = save("bitdial-qr.svg", "image/svg+xml", &code.svg().as_str().into());
            }
        })
    };
    html! {
        <>
            <label class="check"><input type="checkbox" id="share-figures" checked={*with} onchange={onwith} />
                <span>{"With its figures: "}<b>{said(&page, &expected)}</b>
                <small>{"Opening the link runs the recipe again and says \u{201c}reproduced\u{201d}, or what differs there."}</small></span>
            </label>
            <div class="field">
                <input id="share-link" type="text" readonly=true value={url.clone()} aria-label="Link" onfocus={Callback::from(select)} />
                <CopyButton id="copy-link" label="Copy link" text={copied(&url)} class="primary" />
                if native().is_some() { <button class="btn" type="button" id="share-native" onclick={onshare}>{"Share\u{2026}"}</button> }
            </div>
            <div class="scan">
                if let Some(code) = &*code {
                    { code.view("QR code of the link") }
                    <div>
                        <p>{"Scan it with a phone to run the same recipe there."}</p>
                        <button class="btn" type="button" id="save-qr" onclick={onsave} title="The code as a file, sharp at any size">{"Download SVG"}</button>
                    </div>
                } else {
                    <p>{"The link is too long for a QR code: too many layers have settings of their own. Copy it instead."}</p>
                }
            </div>
            <Embedding {link} />
        </>
    }
}

#[derive(Properties, PartialEq)]
struct EmbeddingProps {
    link: Link,
}

/// What embeds the page in another one, with a choice of parts.
#[component]
fn Embedding(props: &EmbeddingProps) -> Html {
    let shown = use_state(|| embed::DEFAULT.map(|name| name.to_owned()).to_vec());
    let names = embed::NAMES.iter().filter(|(name, _)| shown.iter().any(|shown| shown == name)).map(|(name, _)| *name);
    let snippet: AttrValue = embed::snippet(&address::base(), &props.link, &names.collect::<Vec<_>>(), HEIGHT).into();
    let check = |(name, title): &(&'static str, &'static str)| {
        let (shown, name) = (shown.clone(), *name);
        let checked = shown.iter().any(|known| known == name);
        let onchange = Callback::from(move |_: Event| {
            let mut next = (*shown).clone();
            next.retain(|known| known != name);
            if !checked {
                next.push(name.to_owned());
            }
            shown.set(next);
        });
        html! { <label key={name}><input type="checkbox" value={name} {checked} {onchange} /><span>{*title}</span></label> }
    };
    html! {
        <details class="embedding" id="embedding">
            <summary title="HTML that shows parts of this page in another one">{"Put it into a slide or a course page"}</summary>
            <fieldset><legend>{"What it shows"}</legend>{ for embed::NAMES.iter().map(check) }</fieldset>
            <textarea id="embed-code" readonly=true rows="4" aria-label="HTML to paste" value={snippet.clone()} onfocus={Callback::from(select)} />
            <CopyButton id="copy-embed" label="Copy HTML" text={copied(&snippet)} />
        </details>
    }
}
