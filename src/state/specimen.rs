//! The one image that is looked at closely, what both models make of it, and its feature maps.

use std::collections::VecDeque;
use std::rc::Rc;

use bitdial_protocol::{Classified, FeatureMaps};
use yew::AttrValue;

use super::State;
use super::compared::Rate;
use super::view::weakest_layer;
use crate::catalogue::Entry;
use crate::parts::canvas::Pixels;

/// Times that a rate is of.
const FRAMES: usize = 30;

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the page's own, with its number.
    Image(usize),
    /// Drawn here.
    Drawing,
    /// A file, pasted, dropped or chosen, by its name.
    Picture(AttrValue),
    /// A frame of the camera.
    Camera,
}

/// An image as the model takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Specimen {
    /// Where it comes from.
    pub origin: Origin,
    /// What it is called.
    pub title: AttrValue,
    /// What the model sees.
    pub pixels: Pixels,
}

/// Of which image and of which wish something is told: serial number, generation.
pub type Of = (u32, u32);

/// Feature maps and their pictures: f32, quantized, difference.
#[derive(Debug, Default, PartialEq)]
pub struct Maps {
    /// What they show.
    pub about: FeatureMaps,
    /// One byte a value.
    pub pictures: [Vec<u8>; 3],
    /// The same under A, where one is pinned.
    pub a: Option<Box<Maps>>,
}

/// What is known of the image that is looked at.
#[derive(Clone, Debug, Default)]
pub struct Closer {
    /// The image.
    pub specimen: Option<Rc<Specimen>>,
    /// Counts images.
    pub serial: u32,
    /// What f32 and the quantized model say, and A where one is pinned.
    pub verdict: Option<(Of, Rc<[Classified]>)>,
    /// Why there is none.
    pub trouble: Option<(Of, AttrValue)>,
    /// Milliseconds of both models for the last images under one recipe.
    times: VecDeque<[f64; 2]>,
    /// Whether feature maps are wanted.
    pub mapped: bool,
    /// Of which layer, if not of the one that is open.
    pub layer: Option<String>,
    /// The last ones.
    pub maps: Option<(Of, Rc<Maps>)>,
    /// Why there are none.
    pub unmapped: Option<(Of, AttrValue)>,
}

/// What happens to it.
#[derive(Clone, Debug)]
pub enum Study {
    /// Another image.
    Show(Specimen),
    /// No image any more.
    Leave,
    /// What the models say.
    Judged(Of, Result<Rc<[Classified]>, AttrValue>),
    /// Feature maps are wanted, or not.
    Map(bool),
    /// Of this layer.
    Layer(String),
    /// Feature maps.
    Mapped(Of, Result<Rc<Maps>, AttrValue>),
}

impl Closer {
    /// Forgets what does not belong to a model.
    pub fn leave(&mut self, entry: &Entry) {
        let stays = |specimen: &Specimen| !matches!(specimen.origin, Origin::Image(_)) && fits(entry, specimen);
        let specimen = self.specimen.take().filter(|specimen| stays(specimen));
        *self = Self { specimen, serial: self.serial + 1, mapped: self.mapped, ..Self::default() };
    }

    /// Whether this image is looked at.
    pub fn is_at(&self, image: usize) -> bool {
        self.specimen.as_ref().is_some_and(|specimen| specimen.origin == Origin::Image(image))
    }

    /// Images a second that each model could take, f32 and quantized, as the last ones went; `None` before there were any.
    pub fn rates(&self) -> Option<[Rate; 2]> {
        let of = |model: usize| Rate::of(1, &self.times.iter().map(|ms| ms[model]).collect::<Vec<_>>());
        (!self.times.is_empty()).then(|| [of(0), of(1)])
    }

    fn judged(&mut self, of: Of, answers: &[Classified]) {
        if self.verdict.as_ref().is_none_or(|((_, generation), _)| *generation != of.1) {
            self.times.clear();
        }
        if let [float, quantized, ..] = answers {
            self.times.push_back([float.ms, quantized.ms]);
        }
        if self.times.len() > FRAMES {
            self.times.pop_front();
        }
    }
}

/// Whether a model can take an image.
pub fn fits(entry: &Entry, specimen: &Specimen) -> bool {
    let [channels, rows, columns] = entry.input;
    specimen.pixels.shape == [rows, columns, channels]
}

impl State {
    /// The layer whose feature maps are shown.
    pub fn mapped_layer(&self) -> Option<&String> {
        self.closer.layer.as_ref().or(self.layer.as_ref())
    }

    /// Opens a layer; its feature maps follow.
    pub(super) fn open_layer(&mut self, layer: String) {
        if self.layer.as_ref() != Some(&layer) {
            self.detail = None;
            self.closer.layer = None;
            self.layer = Some(layer);
            self.open_known_layer();
        }
    }

    /// Opens the layer whose weights suffer most, if none is open, or one that the model has not.
    pub(super) fn open_known_layer(&mut self) {
        let Some(info) = &self.bench.run().info else { return };
        if !info.layers.iter().any(|layer| Some(&layer.name) == self.layer.as_ref()) {
            self.layer = weakest_layer(info);
        }
    }

    pub(super) fn study(&mut self, study: Study) {
        let entry = self.bench.entry;
        let closer = &mut self.closer;
        match study {
            // A frame of the model before.
            Study::Show(specimen) if !fits(entry, &specimen) => {}
            Study::Show(specimen) => {
                closer.serial += 1;
                closer.specimen = Some(Rc::new(specimen));
            }
            Study::Leave => {
                closer.serial += 1;
                (closer.specimen, closer.verdict, closer.trouble) = (None, None, None);
                (closer.maps, closer.unmapped) = (None, None);
                closer.times.clear();
            }
            Study::Map(wanted) => closer.mapped = wanted,
            Study::Layer(layer) => closer.layer = Some(layer),
            // Late news about an image or a recipe that nobody asks for any more.
            Study::Judged(of, _) | Study::Mapped(of, _) if of.1 != self.generation || closer.specimen.is_none() => {}
            Study::Judged(of, Ok(answers)) => {
                closer.judged(of, &answers);
                (closer.verdict, closer.trouble) = (Some((of, answers)), None);
            }
            Study::Judged(of, Err(why)) => closer.trouble = Some((of, why)),
            Study::Mapped(of, Ok(maps)) => (closer.maps, closer.unmapped) = (Some((of, maps)), None),
            Study::Mapped(of, Err(why)) => closer.unmapped = Some((of, why)),
        }
    }
}
