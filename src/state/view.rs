//! How the page looks at its figures: which images, which axis, what is folded.

use bitdial_protocol::{QuantizedInfo, QuantizedLayer};

use super::predictions::Predictions;
use super::{Bench, State, Step};

/// A tab of the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Images whose class differs from the one beside it.
    #[default]
    Flipped,
    /// Every image.
    All,
    /// A canvas to draw on.
    Draw,
    /// A picture of the visitor's own.
    Picture,
    /// The camera.
    Camera,
}

impl Tab {
    /// Every tab, from left to right.
    pub const EVERY: [Self; 5] = [Self::Flipped, Self::All, Self::Draw, Self::Picture, Self::Camera];

    /// Whether it shows the page's own images.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Flipped | Self::All)
    }
}

/// What the curve of accuracy goes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// Bits of weights.
    #[default]
    Weights,
    /// Bits of activations.
    Activations,
}

impl Tab {
    /// The tab of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "flipped" => Self::Flipped,
            "all" => Self::All,
            "draw" => Self::Draw,
            "picture" => Self::Picture,
            "camera" => Self::Camera,
            _ => return None,
        })
    }
}

/// Which images are shown; all of those that are set must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Their label.
    pub truth: Option<u16>,
    /// The class that f32, or A, gives.
    pub from: Option<u16>,
    /// The class that the recipe in force gives.
    pub to: Option<u16>,
    /// Compared with A, where one is pinned, and not with f32.
    pub with_a: bool,
}

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The tab of the images.
    pub tab: Tab,
    /// Which of them.
    pub filter: Filter,
    /// What the curve goes along.
    pub axis: Axis,
    /// Charts that are folded, by id.
    pub folded: Vec<String>,
    /// Whether all settings are open.
    pub settings: bool,
}

/// Looks at something else.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// A tab of the images.
    Tab(Tab),
    /// Some of them.
    Filter(Filter),
    /// Some of them, on a tab.
    Both(Tab, Filter),
    /// The curve along something else.
    Along(Axis),
    /// A chart folded, or unfolded.
    Fold(String, bool),
    /// All settings open, or closed.
    Settings(bool),
}

/// A chart as lessons point at it.
pub fn part(id: &str) -> &str {
    match id {
        "layers" => "layers-chart",
        "time" => "time-split",
        id => id,
    }
}

impl Filter {
    /// Whether every image passes.
    pub fn is_open(&self) -> bool {
        Self { with_a: false, ..*self } == Self::default()
    }

    /// Whether an image passes.
    fn passes(&self, bench: &Bench, before: &Predictions, image: usize) -> bool {
        let holds = |wanted: Option<u16>, is: Option<u16>| wanted.is_none() || wanted == is;
        holds(self.truth, bench.truth.get(image).copied())
            && holds(self.from, before.class(image))
            && holds(self.to, bench.run().predictions.class(image))
    }
}

impl View {
    /// Opens a part of the page that is folded, by the name that lessons have for it.
    pub(super) fn reveal(&mut self, wanted: &str) {
        self.folded.retain(|id| part(id) != wanted);
        self.settings |= wanted == "settings";
    }

    /// What the recipe in force is compared with, image by image: A if that is asked for and there is one, or else f32.
    pub fn before<'a>(&self, bench: &'a Bench) -> &'a Predictions {
        match bench.pinned().filter(|_| self.filter.with_a) {
            Some(a) => &a.predictions,
            None => &bench.baseline,
        }
    }

    /// Images of the tab that pass the filter.
    pub fn images(&self, bench: &Bench) -> Vec<usize> {
        let before = self.before(bench);
        let passes = |image: &usize| self.filter.passes(bench, before, *image);
        match self.tab {
            Tab::Flipped => bench.run().predictions.flips(before).filter(passes).collect(),
            Tab::All => (0..bench.loaded.as_ref().map_or(0, |loaded| loaded.images)).filter(passes).collect(),
            Tab::Draw | Tab::Picture | Tab::Camera => Vec::new(),
        }
    }
}

impl State {
    pub(super) fn look(&mut self, look: Look) {
        match look {
            Look::Tab(tab) => self.view.tab = tab,
            Look::Filter(filter) => self.view.filter = filter,
            Look::Both(tab, filter) => (self.view.tab, self.view.filter) = (tab, filter),
            Look::Along(axis) => {
                self.view.axis = axis;
                // The sweep goes on along it.
                self.begin(Step::Keep);
            }
            Look::Fold(id, folded) => {
                self.view.folded.retain(|known| *known != id);
                if folded {
                    self.view.folded.push(id);
                }
            }
            Look::Settings(open) => self.view.settings = open,
        }
    }
}

/// The layer whose weights suffer most: the one to look at first.
pub(super) fn weakest_layer(info: &QuantizedInfo) -> Option<String> {
    let of = |layer: &QuantizedLayer| layer.weight_sqnr.unwrap_or(f32::MAX);
    let weighted = info.layers.iter().filter(|layer| layer.weight_bits.is_some());
    weighted.min_by(|a, b| of(a).total_cmp(&of(b))).map(|layer| layer.name.clone())
}
