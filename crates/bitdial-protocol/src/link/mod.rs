//! A link: model, backend and recipe as the fragment of a URL, and the figures they gave where it was made.
//!
//! One table, `keys::KEYS`, says everything about the text: which keys there are, what each may hold, how it is read and
//! written. Defaults are left out; a value that cannot be is reported and replaced by its default.

mod keys;
mod layers;
mod names;
#[cfg(test)]
mod tests;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::recipe::Recipe;
use crate::runner::BackendChoice;
use crate::scheme::ActivationScheme;
use keys::KEYS;

/// The version of the text that is written here.
const VERSION: &str = "1";
/// What a layer's name may hold unescaped: what URLs and the separators of this table leave free.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'/');

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Id of the model in the catalogue.
    pub model: String,
    /// Which kernels.
    pub backend: BackendChoice,
    /// How the model is quantized.
    pub recipe: Recipe,
    /// What that gave where the link was made.
    pub expected: Expected,
}

/// Figures that a link promises: what they were where it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Hits among the first images: how many, of how many; the first is at most the second, which is not 0.
    pub hits: Option<(u32, u32)>,
    /// Bytes of the packed model.
    pub size: Option<u32>,
    /// Median latency of one inference, microseconds. It belongs to a device.
    pub latency: Option<u32>,
}

impl Expected {
    /// Whether it promises what must be equal everywhere.
    #[must_use]
    pub fn is_promise(&self) -> bool {
        self.hits.is_some() || self.size.is_some()
    }
}

/// Something in a link that could not be taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkIssue {
    /// The link was made by a version with another text.
    Version(String),
    /// No such key.
    Key(String),
    /// The key stands there twice; the first one counts.
    Repeated(String),
    /// The key cannot hold this value; its default is used.
    Value {
        /// The key.
        key: &'static str,
        /// What stands in the link.
        value: String,
        /// What may stand there.
        expects: String,
    },
}

impl fmt::Display for LinkIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "The link has version \u{201c}{version}\u{201d}, this page writes {VERSION}: check what it shows.")
            }
            Self::Key(key) => write!(f, "The link has a part named \u{201c}{key}\u{201d} that this page does not know; it is left out."),
            Self::Repeated(key) => write!(f, "The link says \u{201c}{key}\u{201d} twice; the first one counts."),
            Self::Value { key, value, expects } => {
                write!(f, "The link says {key}=\u{201c}{value}\u{201d}, which cannot be: it takes {expects}. The default is used.")
            }
        }
    }
}

impl std::error::Error for LinkIssue {}

/// A link while it is read.
struct Draft<'a> {
    models: &'a [&'a str],
    link: Link,
    /// Kept apart from the recipe, so that its parts may come in any order.
    activations: ActivationScheme,
    weight_only: bool,
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

impl Link {
    /// The default recipe for a model.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), backend: BackendChoice::Auto, recipe: Recipe::default(), expected: Expected::default() }
    }

    /// Reads a fragment, with or without its `#`. `models` are the ids in the catalogue, the default first.
    /// What cannot be is reported and replaced by its default.
    #[must_use]
    pub fn from_fragment(fragment: &str, models: &[&str]) -> (Self, Vec<LinkIssue>) {
        let link = Self::new(models.first().copied().unwrap_or_default());
        let mut draft = Draft { models, link, activations: ActivationScheme::default(), weight_only: false };
        let mut issues = Vec::new();
        let mut seen = Vec::new();
        for part in fragment.trim_start_matches('#').split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if seen.contains(&name) {
                issues.push(LinkIssue::Repeated(name.to_owned()));
                continue;
            }
            seen.push(name);
            if name == "v" {
                if value != VERSION {
                    issues.push(LinkIssue::Version(value.to_owned()));
                }
                continue;
            }
            match KEYS.iter().find(|key| key.name == name) {
                None => issues.push(LinkIssue::Key(name.to_owned())),
                Some(key) if (key.read)(&mut draft, value).is_none() => {
                    issues.push(LinkIssue::Value { key: key.name, value: value.to_owned(), expects: (key.expects)(models) });
                }
                Some(_) => {}
            }
        }
        let Draft { mut link, activations, weight_only, .. } = draft;
        link.recipe.activations = (!weight_only).then_some(activations);
        (link, issues)
    }

    /// The fragment, without `#`.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        let mut text = format!("v={VERSION}");
        for key in KEYS {
            if let Some(value) = (key.write)(self) {
                text.push('&');
                text.push_str(key.name);
                text.push('=');
                text.push_str(&value);
            }
        }
        text
    }
}
