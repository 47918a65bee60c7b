//! Regions that are kept up to date when someone sees them.

use std::cell::RefCell;

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit};
use yew::prelude::*;

use crate::state::{Page, use_page};

/// How far outside the window a region counts as seen, so that it is up to date when it is scrolled to.
const MARGIN: &str = "160px";

/// Tells whether an element is in the window, or near it; which one may change.
struct Watch {
    observer: IntersectionObserver,
    element: RefCell<Option<Element>>,
    _tell: Closure<dyn Fn(Array)>,
}

impl Watch {
    fn new(seen: UseStateSetter<bool>) -> Option<Self> {
        let tell = Closure::<dyn Fn(Array)>::new(move |entries: Array| {
            let newest = entries.pop().unchecked_into::<IntersectionObserverEntry>();
            seen.set(newest.is_intersecting());
        });
        let options = IntersectionObserverInit::new();
        options.set_root_margin(MARGIN);
        let observer = IntersectionObserver::new_with_options(tell.as_ref().unchecked_ref(), &options).ok()?;
        Some(Self { observer, element: RefCell::default(), _tell: tell })
    }

    /// Watches this element from now on. Says whether there is one.
    fn follow(&self, element: Option<Element>) -> bool {
        let mut watched = self.element.borrow_mut();
        if *watched != element {
            if let Some(gone) = &*watched {
                self.observer.unobserve(gone);
            }
            if let Some(element) = &element {
                self.observer.observe(element);
            }
            *watched = element;
        }
        watched.is_some()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// The id of an element of the region.
    pub id: &'static str,
    /// Whether it goes on while nobody sees it.
    #[prop_or_default]
    pub live: bool,
    /// The region.
    pub children: Html,
}

/// A region that follows the page at once while it is seen, and otherwise as soon as the page is at rest: drawing what nobody
/// sees would cost a moving dial more than all that is seen.
#[component]
pub fn WhenSeen(props: &Props) -> Html {
    let page = use_page();
    let seen = use_state_eq(|| true);
    let watch = {
        let seen = seen.setter();
        use_memo((), |()| Watch::new(seen))
    };
    let (id, setter) = (props.id, seen.setter());
    // The region may come and go with the model.
    use_effect(move || {
        let element = gloo::utils::document().get_element_by_id(id);
        if !(*watch).as_ref().is_some_and(|watch| watch.follow(element)) {
            setter.set(true);
        }
    });
    let kept = use_mut_ref(|| page.clone());
    let mut kept = kept.borrow_mut();
    if *seen || props.live || page.state.at_rest() || page.state.bench.entry.id != kept.state.bench.entry.id {
        *kept = page;
    }
    html! { <ContextProvider<Page> context={kept.clone()}>{ props.children.clone() }</ContextProvider<Page>> }
}
