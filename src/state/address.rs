//! The link in the browser's address bar and history.

use bitdial_protocol::{BackendChoice, Link, LinkIssue};
use wasm_bindgen::JsValue;

use super::Step;
use super::place::{self, Place};
use crate::catalogue;
use crate::client::probe;

/// The link that the address holds, and what could not be taken from it.
pub fn read() -> (Link, Vec<LinkIssue>) {
    let fragment = gloo::utils::window().location().hash().unwrap_or_default();
    let (_, fragment) = place::split(&fragment);
    let (mut link, mut issues) = Link::from_fragment(&fragment, &catalogue::ids());
    let choices = probe::support().choices();
    if !choices.contains(&link.backend) {
        // Possible elsewhere, not in this browser.
        let names: Vec<_> = choices.iter().map(|choice| probe::backend_name(*choice)).collect();
        let value = probe::backend_name(link.backend).to_owned();
        issues.push(LinkIssue::Value { key: "backend", value, expects: format!("{} in this browser", names.join(", ")) });
        link.backend = BackendChoice::Auto;
    }
    (link, issues)
}

/// The place among the lessons that the address holds, and whether it holds that alone.
pub fn place() -> (Option<Place>, bool) {
    let (place, rest) = place::split(&gloo::utils::window().location().hash().unwrap_or_default());
    let alone = place.is_some() && rest.is_empty();
    (place, alone)
}

/// Puts a place among the lessons into the address, before the link.
pub fn write_place(place: Option<&Place>, link: &Link, step: Step) {
    write_fragment(&format!("{}{}", place.map(Place::to_fragment).unwrap_or_default(), link.to_fragment()), step);
}

/// Puts a link into the address.
pub fn write(link: &Link, step: Step) {
    write_fragment(&link.to_fragment(), step);
}

fn write_fragment(fragment: &str, step: Step) {
    let Ok(history) = gloo::utils::window().history() else { return };
    let address = format!("#{fragment}");
    // Browsers refuse more than some hundred entries in a short time; the address then stays one step behind.
    let _ = match step {
        Step::Keep => Ok(()),
        Step::Push => history.push_state_with_url(&JsValue::NULL, "", Some(&address)),
        Step::Replace => history.replace_state_with_url(&JsValue::NULL, "", Some(&address)),
    };
}

/// The address of the page, without anything that it was asked for.
pub fn base() -> String {
    let page = gloo::utils::window().location().href().unwrap_or_default();
    page.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// The address with this link, for sharing.
pub fn full(link: &Link) -> String {
    format!("{}#{}", base(), link.to_fragment())
}
