//! Lessons and the glossary, as a worker has read them and the page draws them.
//!
//! A text is a tree of [`Block`]s and [`Inline`]s: there is no HTML in it, and nothing in it becomes HTML.

use serde::{Deserialize, Serialize};

/// Parts of the page that a step can point at; the page has them in `data-part`.
pub const PARTS: [&str; 18] = [
    "recipe",
    "weights",
    "activations",
    "corrections",
    "settings",
    "search",
    "strip",
    "layer",
    "layers-chart",
    "images",
    "readouts",
    "accuracy-bits",
    "accuracy-size",
    "latency",
    "time-split",
    "backends",
    "share",
    "history",
];

/// Tabs of the images that a step can open.
pub const TABS: [&str; 5] = ["flipped", "all", "draw", "picture", "camera"];

/// A figure of the page that a text or a question can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Accuracy in percent; for a model without labels agreement with f32.
    Accuracy,
    /// Accuracy of the f32 model in percent.
    AccuracyF32,
    /// Points of accuracy won against f32; negative where they are lost.
    AccuracyChange,
    /// Bytes of the quantized model.
    Size,
    /// How many times smaller than f32.
    SizeRatio,
    /// Milliseconds of one inference.
    Latency,
    /// How many times faster than f32.
    Speedup,
    /// Images whose class is another one than f32 gives.
    Flips,
    /// How many times less energy than f32, estimated.
    EnergyRatio,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 9] = [
        Self::Accuracy,
        Self::AccuracyF32,
        Self::AccuracyChange,
        Self::Size,
        Self::SizeRatio,
        Self::Latency,
        Self::Speedup,
        Self::Flips,
        Self::EnergyRatio,
    ];

    /// As lessons name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::AccuracyF32 => "accuracy-f32",
            Self::AccuracyChange => "accuracy-change",
            Self::Size => "size",
            Self::SizeRatio => "size-ratio",
            Self::Latency => "latency",
            Self::Speedup => "speedup",
            Self::Flips => "flips",
            Self::EnergyRatio => "energy-ratio",
        }
    }

    /// The figure of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }
}

/// A piece of a line of text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inline {
    /// Words.
    Text(String),
    /// Words as code.
    Code(String),
    /// Stressed.
    Emphasis(Vec<Inline>),
    /// Stressed more.
    Strong(Vec<Inline>),
    /// A link.
    Link {
        /// Where to: `https:`, `http:`, or relative to the page.
        href: String,
        /// Whether that is another site.
        external: bool,
        /// What it says.
        text: Vec<Inline>,
    },
    /// A term of the glossary.
    Term {
        /// The term's key.
        key: String,
        /// What it says.
        text: Vec<Inline>,
    },
    /// An image of this site.
    Image {
        /// Relative to the page.
        src: String,
        /// For those who do not see it.
        alt: String,
    },
    /// A live figure.
    Figure(Figure),
    /// The line ends here.
    Break {},
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A heading below that of the step or the entry.
    Heading(Vec<Inline>),
    /// A list.
    List {
        /// The first number, if it has numbers.
        start: Option<u32>,
        /// Its items.
        items: Vec<Vec<Block>>,
    },
    /// Somebody else's words.
    Quote(Vec<Block>),
    /// Lines as they are.
    Code(String),
    /// A table.
    Table {
        /// The cells of its head.
        head: Vec<Vec<Inline>>,
        /// The cells of its rows, as many in each as the head has.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// A line across.
    Rule {},
}

/// A lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// Its title.
    pub title: String,
    /// What it is about, in a sentence; may be empty.
    pub summary: String,
    /// How long it takes.
    pub minutes: u32,
    /// What comes before the first step.
    pub intro: Vec<Block>,
    /// Its steps, at least one.
    pub steps: Vec<LessonStep>,
}

/// A step of a lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonStep {
    /// Its title.
    pub title: String,
    /// The recipe that it puts in force, as the fragment of a link.
    pub recipe: Option<String>,
    /// The part of the page that it points at, of [`PARTS`].
    pub point: Option<String>,
    /// The layer that it opens.
    pub layer: Option<String>,
    /// The tab of the images that it opens, of [`TABS`].
    pub tab: Option<String>,
    /// What it says.
    pub text: Vec<Block>,
    /// What it asks.
    pub question: Option<Question>,
}

/// A question that is answered before it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub ask: Vec<Block>,
    /// What is run after the answer, as the fragment of a link; else what is in force.
    pub recipe: Option<String>,
    /// What decides.
    pub figure: Figure,
    /// The answers, two to five; their ranges do not overlap.
    pub answers: Vec<Answer>,
    /// Why it is so, said after the run.
    pub because: Vec<Block>,
}

/// An answer, right if the figure is in its range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What it says.
    pub text: String,
    /// The lowest figure that it says.
    pub from: Option<f64>,
    /// The lowest figure above what it says.
    pub to: Option<f64>,
}

impl Answer {
    /// Whether it says this figure.
    #[must_use]
    pub fn holds(&self, figure: f64) -> bool {
        self.from.is_none_or(|from| figure >= from) && self.to.is_none_or(|to| figure < to)
    }
}

/// The glossary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glossary {
    /// Its entries, in the order of the file.
    pub entries: Vec<GlossaryEntry>,
}

/// A term and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GlossaryEntry {
    /// The term.
    pub term: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// The keys of all its names.
    pub keys: Vec<String>,
    /// What it means, with the source.
    pub text: Vec<Block>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The reason, a sentence.
    pub reason: String,
}

/// What a reader of lessons takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LessonRequest {
    /// Reads a lesson.
    Lesson {
        /// The name of the file, for faults.
        file: String,
        /// What is in it.
        text: String,
        /// The models that recipes may name, the default first.
        models: Vec<String>,
    },
    /// Reads the glossary.
    Glossary {
        /// The name of the file, for faults.
        file: String,
        /// What is in it.
        text: String,
    },
}

/// What a reader of lessons answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LessonResponse {
    /// A lesson.
    Lesson(Lesson),
    /// The glossary.
    Glossary(Glossary),
    /// The file cannot be taken, and why; at least one fault.
    Faults(Vec<Fault>),
}
