//! What the session tells the page.

use std::rc::Rc;

use bitdial_protocol::{Advice, BackendCheck, BackendChoice, Capabilities, Diagnosis, LayerDetail, LayerOverflows, QuantizedInfo, Recipe};

use super::bench::{Latency, Loaded, Profiles};
use super::compared::Compared;
use crate::client::Progress;

/// What the workers are doing for the link in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Fetching, starting.
    #[default]
    Loading,
    /// Turning weights into integers.
    Quantizing,
    /// Running images.
    Evaluating,
    /// Timing, with the other workers at rest.
    Timing,
    /// Done with what was asked for; sweeping, at most.
    Idle,
    /// Gave up; a notice says why.
    Failed,
}

impl Phase {
    /// For the `data-phase` hook.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Quantizing => "quantizing",
            Self::Evaluating => "evaluating",
            Self::Timing => "timing",
            Self::Idle => "idle",
            Self::Failed => "failed",
        }
    }
}

/// A file on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Download {
    /// Bytes that are here.
    pub done: usize,
    /// Bytes in all.
    pub total: usize,
}

/// The workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// What each can do.
    pub capabilities: Capabilities,
    /// How many.
    pub workers: usize,
}

/// What a model said about some images.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// First image.
    pub first: usize,
    /// Classes.
    pub top1: Vec<u16>,
    /// Softmax of each.
    pub confidence: Vec<f32>,
    /// What narrow sums did meanwhile.
    pub overflows: Vec<LayerOverflows>,
}

/// News about the model and backend in force, whatever the recipe.
#[derive(Clone, Debug)]
pub enum BenchReport {
    /// The model's file is on its way, or here (`None`).
    Download(Option<Download>),
    /// A model is being quantized; `None` at the end.
    Making(Option<Progress>),
    /// The workers listen.
    Engine(Engine),
    /// The model is loaded.
    Loaded(Rc<Loaded>),
    /// Labels of the images, as far as they are loaded.
    Truth(Rc<Vec<u16>>),
    /// Classes that the f32 model gave.
    Baseline(Evaluated),
    /// A point of a sweep.
    Sweep {
        /// Of this recipe.
        recipe: Recipe,
        /// Bytes of the model.
        size: usize,
        /// Classes of the first images.
        classes: Vec<u16>,
    },
    /// A worker trapped and was replaced.
    Trapped(String),
}

/// News about the recipe in force.
#[derive(Clone, Debug)]
pub enum RunReport {
    /// What the workers do now.
    Phase(Phase),
    /// The model is quantized.
    Quantized(Rc<QuantizedInfo>),
    /// Classes that the quantized model gave.
    Evaluated(Evaluated),
    /// It was timed.
    Timed(Latency),
    /// It was timed layer by layer.
    Profiled(Rc<Profiles>),
    /// Backends were compared.
    Verified(Rc<Vec<BackendCheck>>),
    /// It was diagnosed; and what to try next.
    Diagnosed(Rc<Diagnosis>, Rc<Vec<Advice>>),
    /// What to try next, now that accuracy is known.
    Advised(Rc<Vec<Advice>>),
    /// A layer was opened.
    Layer(Rc<LayerDetail>),
    /// A backend is measured; `None` at the end.
    Comparing(Option<BackendChoice>),
    /// A backend was measured.
    Compared(Rc<Compared>),
    /// A was measured beside the recipe in force: what is missing now is not to be had.
    Over,
    /// It cannot go on.
    Failed {
        /// A sentence.
        message: String,
        /// Whether trying again may help.
        retry: bool,
    },
    /// The images after the first ones are missing: a sentence.
    Incomplete(String),
}
