//! Regions of the page: hooks that draw, each run by the same component.
//!
//! A component of its own for each of them is half as much code again for what all have in common.

use yew::functional::{Hook, HookContext};
use yew::prelude::*;

/// A hook that draws.
pub type View = fn(&mut HookContext) -> Html;

struct Viewing(View);

impl Hook for Viewing {
    type Output = Html;

    fn run(self, context: &mut HookContext) -> Html {
        (self.0)(context)
    }
}

fn use_view(view: View) -> Viewing {
    Viewing(view)
}

#[derive(Properties)]
pub struct Props {
    /// The hook's name, which tells regions apart.
    pub name: &'static str,
    /// The hook.
    pub view: View,
}

impl Props {
    /// The region; where one gives way to another, it begins anew.
    pub fn shown(self) -> Html {
        let Self { name, view } = self;
        html! { <Region key={name} {name} {view} /> }
    }
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A region.
#[component]
pub fn Region(props: &Props) -> Html {
    use_view(props.view)
}

/// The region that a hook draws: `region!(use_backends)`.
macro_rules! region {
    ($hook:ident) => {
        $crate::parts::region::props!($hook).shown()
    };
}

/// What a region is made from.
macro_rules! props {
    ($hook:ident) => {
        $crate::parts::region::Props { name: stringify!($hook), view: |context| ::yew::functional::Hook::run($hook(), context) }
    };
}

pub(crate) use {props, region};
