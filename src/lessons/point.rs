//! Points at the part of the page that a step speaks of.

use web_sys::Element;
use yew::prelude::*;

use crate::state::Page;

/// The mark of the part that is pointed at.
const MARK: &str = "data-pointed";

fn find(selector: &str) -> Option<Element> {
    gloo::utils::document().query_selector(selector).ok().flatten()
}

/// Marks the part, and brings it into view once a step. A part that is not on the page now is marked when it comes.
#[hook]
pub fn use_pointing(page: &Page) {
    let step = page.state.lessons.step();
    // Names of parts are those of a list, so that they can stand in a selector.
    let part = step.and_then(|(_, _, step)| step.point.clone());
    let place = page.state.lessons.place.clone().filter(|_| part.is_some());
    let seen = use_mut_ref(|| None);
    // After every drawing, as drawing may replace the part.
    use_effect(move || {
        let wanted = part.and_then(|part| find(&format!("[data-part~=\"{part}\"]")));
        let marked = find(&format!("[{MARK}]"));
        if marked != wanted {
            let _ = marked.map(|marked| marked.remove_attribute(MARK));
            let _ = wanted.as_ref().map(|wanted| wanted.set_attribute(MARK, ""));
        }
        match wanted {
            Some(wanted) if *seen.borrow() != place => {
                *seen.borrow_mut() = place;
                show(&wanted);
            }
            None if place.is_none() => *seen.borrow_mut() = None,
            _ => {}
        }
    });
}

/// Scrolls only if it has to; the style sheet keeps clear of what lies over the page.
fn show(part: &Element) {
    let place = part.get_bounding_client_rect();
    let document = gloo::utils::document();
    // Beside a corner, which is round.
    let seen =
        |y: f64| document.element_from_point((place.left() + 20.0) as f32, y as f32).is_some_and(|there| part.contains(Some(&there)));
    if !seen(place.top() + 3.0) || !seen(place.bottom() - 3.0) {
        part.scroll_into_view_with_bool(true);
    }
}
