//! Regions of the page: hooks that draw, each run by the same component.
//!
//! A component of its own for each of them is half as much code again for what all have in common.

use yew::functional::{Hook, HookContext};
use yew::prelude::*;

/// A hook that draws.
pub type Draw = fn(&mut HookContext) -> Html;

impl Hook for Drawing {
    type Output = Html;

    fn run(self, context: &mut HookContext) -> Html {
        (self.0)(context)
    }
}

struct Drawing(Draw);

fn use_drawing(draw: Draw) -> Drawing {
    Drawing(draw)
}

#[derive(Properties)]
pub struct Props {
    /// The hook's name, which tells regions apart.
    pub name: &'static str,
    /// The hook.
    pub draw: Draw,
}

impl Props {
    /// The region; where one gives way to another, it begins anew.
    pub fn shown(self) -> Html {
        let Self { name, draw } = self;
        html! { <Region key={name} {name} {draw} /> }
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
    use_drawing(props.draw)
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
        $crate::parts::region::Props { name: stringify!($hook), draw: |context| ::yew::functional::Hook::run($hook(), context) }
    };
}

pub(crate) use {props, region};
