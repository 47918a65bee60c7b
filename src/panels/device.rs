//! This device: what it is, what it can do at best, and how another one, pasted here, compares with it.

use bitdial_protocol::{GpuInfo, Rooflines};
use js_sys::{Date, Reflect};
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use super::topbar::spoken;
use crate::format::{bytes, count, percent, significant, time};
use crate::json;
use crate::parts::copy::CopyButton;
use crate::state::device::{Device, Report};
use crate::state::wording::recipe as recipe_words;
use crate::state::{Edit, Page, Tried, use_page};

/// Characters of a paste; a report of 500 recipes has a third of it.
const MOST: usize = 1_000_000;
/// Where something is not known.
const UNKNOWN: &str = "\u{2013}";

/// The browser as it names itself: name and version where it says so, the long text where it does not.
pub fn browser() -> String {
    let navigator = gloo::utils::window().navigator();
    let get = |of: &wasm_bindgen::JsValue, key: &str| Reflect::get(of, &key.into()).unwrap_or_default();
    let brands = js_sys::Array::from(&get(&get(&navigator, "userAgentData"), "brands"));
    let text = |brand: &wasm_bindgen::JsValue, key: &str| get(brand, key).as_string().unwrap_or_default();
    // Browsers add a brand that there is not, so that nobody relies on the list.
    let real = brands.iter().rfind(|brand| !text(brand, "brand").contains("Not"));
    let named = real.map(|brand| format!("{} {}, {}", text(&brand, "brand"), text(&brand, "version"), platform(&navigator)));
    named.unwrap_or_else(|| navigator.user_agent().unwrap_or_default())
}

fn platform(navigator: &web_sys::Navigator) -> String {
    let data = Reflect::get(navigator, &"userAgentData".into()).unwrap_or_default();
    Reflect::get(&data, &"platform".into()).ok().and_then(|name| name.as_string()).unwrap_or_default()
}

/// What is known of this device.
fn device(page: &Page) -> Device {
    Device::of(&page.state, browser(), gloo::utils::window().navigator().hardware_concurrency() as u32)
}

/// The report of this device.
pub fn report(page: &Page) -> Report {
    Report::of(&page.state, device(page), Date::new_0().to_iso_string().into())
}

fn gpu(info: Option<&GpuInfo>) -> String {
    info.map_or(UNKNOWN.to_owned(), |gpu| {
        let name = if gpu.name.is_empty() { "not named by the browser" } else { &gpu.name };
        format!("{name}{}", if gpu.software { " (a program, no chip)" } else { "" })
    })
}

/// What is known of a device in lines: what it is, and its value.
pub fn facts(device: &Device) -> Vec<(String, String)> {
    let or = |text: &str| if text.is_empty() { UNKNOWN.to_owned() } else { text.to_owned() };
    let cores = if device.cores == 0 { UNKNOWN.to_owned() } else { format!("{} logical, {} workers", device.cores, device.workers) };
    let mut facts = vec![
        ("Browser".to_owned(), or(&device.browser)),
        ("Cores".to_owned(), cores),
        ("Backend".to_owned(), if device.backend.is_empty() { UNKNOWN.to_owned() } else { spoken(&device.backend).to_owned() }),
        ("Instructions".to_owned(), or(&device.backends.join(", "))),
        ("8-bit dot product".to_owned(), device.dot.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        ("GPU".to_owned(), gpu(device.gpu.as_ref())),
    ];
    let at = device.rooflines.as_ref();
    let rate = |of: fn(&Rooflines) -> f64| at.map_or(UNKNOWN.to_owned(), |at| format!("{} GMAC/s", significant(of(at))));
    facts.push(("8-bit integers at best".to_owned(), rate(|at| at.dot)));
    facts.push(("f32 at best".to_owned(), rate(|at| at.float)));
    facts.push(("1-bit at best".to_owned(), rate(|at| at.bits)));
    let tiers = at.map_or(&[][..], |at| &at.memory);
    facts
        .extend(tiers.iter().take(4).map(|tier| (format!("Reads from {}", bytes(tier.bytes)), format!("{} GB/s", significant(tier.read)))));
    facts
}

/// The same as text.
fn text(report: &Report) -> String {
    let lines = facts(&report.device).into_iter().map(|(key, value)| format!("{key}: {value}"));
    let head = [format!("bitdial, {}", report.date)];
    head.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// Rates of both, and how many times the other one's is this one's.
fn times(here: f64, there: f64) -> String {
    if here > 0.0 && there > 0.0 { format!("{:.2}\u{d7}", there / here) } else { String::new() }
}

/// A paste as a report, or a sentence that says why not.
fn read(text: &str) -> Result<Report, String> {
    if text.len() > MOST {
        return Err("This is too long for a report of bitdial.".to_owned());
    }
    let report = json::read::<Report>(text).map_err(|why| format!("This is no report of bitdial: {why}."))?;
    report.checked().map_err(str::to_owned)
}

/// Latency and accuracy of the recipes that both ran, or that only the other did.
fn recipes(page: &Page, theirs: &[Tried]) -> Html {
    let row = |there: &Tried| {
        let here = page.state.tried.iter().find(|row| row.link == there.link);
        let ms = |row: &Tried| row.latency.map_or(UNKNOWN.to_owned(), |[ms, _]| time(ms).to_string());
        let (mine, equal) = match here {
            None => (UNKNOWN.to_owned(), "not run here".to_owned()),
            Some(here) => {
                let equal = match (here.share.n == there.share.n, here.share == there.share, here.size == there.size) {
                    (false, _, _) => format!("{} and {} images", count(here.share.n), count(there.share.n)),
                    (_, true, true) => format!("equal: {} %, {}", percent(here.share.value().unwrap_or_default(), 2), bytes(here.size)),
                    (_, false, _) => format!("{} and {} right", count(here.share.hits), count(there.share.hits)),
                    _ => format!("{} and {} bytes", count(here.size), count(there.size)),
                };
                (ms(here), equal)
            }
        };
        let factor = here.and_then(|here| here.latency.zip(there.latency)).map_or(String::new(), |(a, b)| times(a[0], b[0]));
        let link = there.link.clone();
        let onclick = {
            let page = page.clone();
            Callback::from(move |_: MouseEvent| page.edit(Edit::Restore(link.model.clone(), link.recipe.clone())))
        };
        let name = if there.name.is_empty() { recipe_words(&there.link.recipe) } else { there.name.clone() };
        html! {
            <tr>
                <td><button type="button" class="run" {onclick} title="Run it here">{format!("{}: {name}", there.link.model)}</button></td>
                <td>{mine}</td><td>{ms(there)}</td><td>{factor}</td><td>{equal}</td>
            </tr>
        }
    };
    html! {
        <table>
            <caption class="sr">{"Recipes on both devices"}</caption>
            <thead><tr>{ for ["recipe", "here", "there", "there / here", "accuracy and size"].map(|head| html! { <th scope="col">{head}</th> }) }</tr></thead>
            <tbody>{ for theirs.iter().map(row) }</tbody>
        </table>
    }
}

/// Both devices side by side.
fn beside(page: &Page, ours: &[(String, String)], there: &Report) -> Html {
    let others = facts(&there.device);
    // Each list has the same lines but for those of memory, which have a size in their name.
    let mut keys: Vec<&String> = ours.iter().map(|(key, _)| key).collect();
    keys.extend(others.iter().map(|(key, _)| key).filter(|key| ours.iter().all(|(known, _)| known != *key)));
    let value = |facts: &[(String, String)], key: &str| {
        facts.iter().find(|(known, _)| known == key).map_or(UNKNOWN.to_owned(), |(_, value)| value.clone())
    };
    let rows = keys.into_iter().map(|key| html! { <tr><td>{key}</td><td>{value(ours, key)}</td><td>{value(&others, key)}</td></tr> });
    let theirs = there.rows();
    html! {
        <div class="beside" id="beside">
            <div class="scroll" tabindex="0" role="region" aria-label="Two devices">
                <table class="facts">
                    <caption class="sr">{"Two devices"}</caption>
                    <thead><tr><th scope="col">{"device"}</th><th scope="col">{"here"}</th><th scope="col">{format!("there, {}", there.date.get(..10).unwrap_or_default())}</th></tr></thead>
                    <tbody>{ for rows }</tbody>
                </table>
            </div>
            if theirs.is_empty() {
                <p class="desc">{"The other page has tried no recipe yet."}</p>
            } else {
                <div class="scroll" tabindex="0" role="region" aria-label="Recipes on both devices">{ recipes(page, &theirs) }</div>
            }
        </div>
    }
}

/// The card.
#[hook]
pub fn use_device_card() -> Html {
    let page = use_page();
    let pasted = use_state(|| None::<Result<Report, String>>);
    let facts = facts(&device(&page));
    let oninput = {
        let pasted = pasted.clone();
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlTextAreaElement>().value();
            pasted.set((!text.trim().is_empty()).then(|| read(&text)));
        })
    };
    let copied = |made: fn(&Report) -> String| {
        let page = page.clone();
        Callback::from(move |()| AttrValue::from(made(&report(&page))))
    };
    html! {
        <section class="chart" id="device-card" aria-labelledby="device-title">
            <h2 id="device-title">{"This device"}<span>{"probed and measured here"}</span></h2>
            <dl class="device">{ for facts.iter().map(|(key, value)| html! { <div key={key.clone()}><dt>{key}</dt><dd>{value}</dd></div> }) }</dl>
            <div class="file">
                <CopyButton id="copy-device" label="Copy text" text={copied(text)} />
                <CopyButton id="copy-results" label="Copy JSON" text={copied(|report| json::write(report).unwrap_or_default())} />
                <p class="desc">{"JSON also holds the recipes tried and their figures. The GPU is asked when it is chosen or measured, the rates when everything else is done."}</p>
            </div>
            <details class="embedding">
                <summary title="Sets the figures of another device beside those of this one">{"Compare with another device"}</summary>
                <p class="desc" id="paste-help">{"Press \u{201c}Copy JSON\u{201d} on the other page and paste it here. It stays on this page."}</p>
                <textarea id="paste" rows="3" aria-label="JSON of the other device" aria-describedby="paste-help" {oninput} spellcheck="false" placeholder="{ \u{2026} }" />
                { match &*pasted {
                    None => Html::default(),
                    Some(Err(why)) => html! { <p class="refused" role="alert" id="paste-issue">{why}</p> },
                    Some(Ok(there)) => beside(&page, &facts, there),
                } }
            </details>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_a_report_or_says_why_not() {
        for (text, why) in [
            ("hello", "no report"),
            ("[1]", "no report"),
            ("{}", "no device or results"),
            (r#"{"kind":"bitdial-results","device":[]}"#, ""),
            (&"x".repeat(MOST + 1), "too long"),
        ] {
            match read(text) {
                Err(said) => assert!(said.contains(why) && !why.is_empty(), "{why}: {said}"),
                Ok(report) => assert_eq!((why, report.device), ("", Device::default())),
            }
        }
    }

    #[test]
    fn unknown_facts_are_dashes_and_known_ones_have_units() {
        let mut device = Device::default();
        assert!(facts(&device).iter().all(|(_, value)| value == UNKNOWN));
        let memory = vec![bitdial_protocol::Bandwidth { bytes: 16_384, read: 50.0, copy: 40.0 }];
        device.rooflines = Some(Rooflines { dot: 100.0, float: 25.0, bits: 400.0, memory });
        let facts = facts(&device);
        assert_eq!(facts.last().map(|(key, value)| (key.as_str(), value.as_str())), Some(("Reads from 16.4 kB", "50.0 GB/s")));
        assert_eq!(times(2.0, 3.0), "1.50\u{d7}");
    }
}
