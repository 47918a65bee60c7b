//! A link: model, backend and recipe as the fragment of a URL.
//!
//! One table, [`KEYS`], says everything about the text: which keys there are, what each may hold, how it is read and
//! written. Defaults are left out; a value that cannot be is reported and replaced by its default.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::message::BackendChoice;
use crate::recipe::{ActivationOverride, LayerOverride, Recipe, WeightOverride};
use crate::scheme::{ActivationMode, ActivationScheme, Bits, Granularity, GroupSize};

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

/// One key of the text.
struct Key {
    name: &'static str,
    /// What it takes, in words.
    expects: fn(&[&str]) -> String,
    /// Takes a value; `None` if it cannot be.
    read: fn(&mut Draft, &str) -> Option<()>,
    /// The value, if it is not the default.
    write: fn(&Link) -> Option<String>,
}

/// Every key but the version, in the order in which they are written.
const KEYS: &[Key] = &[
    Key {
        name: "model",
        expects: |models| models.join(", "),
        read: |draft, value| draft.models.contains(&value).then(|| draft.link.model = value.to_owned()),
        write: |link| Some(escape(&link.model)),
    },
    Key {
        name: "backend",
        expects: |_| names(BACKENDS),
        read: |draft, value| set(&mut draft.link.backend, read_name(BACKENDS, value)),
        write: |link| write_name(BACKENDS, link.backend),
    },
    Key {
        name: "w",
        expects: |_| bits_in_words(),
        read: |draft, value| set(&mut draft.link.recipe.weights.bits, read_bits(value)),
        write: |link| unless(&link.recipe.weights.bits, &Bits::MAX),
    },
    Key {
        name: "w-scale",
        expects: |_| names(GRANULARITIES),
        read: |draft, value| set(&mut draft.link.recipe.weights.granularity, read_name(GRANULARITIES, value)),
        write: |link| write_name(GRANULARITIES, link.recipe.weights.granularity),
    },
    Key {
        name: "w-group",
        expects: |_| format!("how many weights share a scale: {}", in_words(&GroupSize::ALL.map(|size| size.to_string()))),
        read: |draft, value| set(&mut draft.link.recipe.weights.group, value.parse().ok().and_then(|n| GroupSize::new(n).ok())),
        write: |link| unless(&link.recipe.weights.group, &GroupSize::default()),
    },
    Key {
        name: "w-range",
        expects: |_| names(WEIGHT_RANGES),
        read: |draft, value| set(&mut draft.link.recipe.weights.symmetric, read_name(WEIGHT_RANGES, value)),
        write: |link| write_name(WEIGHT_RANGES, link.recipe.weights.symmetric),
    },
    Key {
        name: "a",
        expects: |_| format!("{}, or {FLOAT}", bits_in_words()),
        read: |draft, value| {
            draft.weight_only = value == FLOAT;
            if !draft.weight_only {
                draft.activations.bits = read_bits(value)?;
            }
            Some(())
        },
        write: |link| match link.recipe.activations {
            None => Some(FLOAT.to_owned()),
            Some(scheme) => unless(&scheme.bits, &Bits::MAX),
        },
    },
    Key {
        name: "a-range",
        expects: |_| names(ACTIVATION_RANGES),
        read: |draft, value| set(&mut draft.activations.symmetric, read_name(ACTIVATION_RANGES, value)),
        write: |link| write_name(ACTIVATION_RANGES, link.recipe.activations?.symmetric),
    },
    Key {
        name: "a-mode",
        expects: |_| names(MODES),
        read: |draft, value| set(&mut draft.activations.mode, read_name(MODES, value)),
        write: |link| write_name(MODES, link.recipe.activations?.mode),
    },
    Key {
        name: "samples",
        expects: |_| format!("a number of images, 1 to {MOST_SAMPLES}"),
        read: |draft, value| set(&mut draft.link.recipe.calibration.samples, value.parse().ok().filter(|n| (1..=MOST_SAMPLES).contains(n))),
        write: |link| unless(&link.recipe.calibration.samples, &Recipe::default().calibration.samples),
    },
    Key {
        name: "seed",
        expects: |_| format!("a number, 0 to {}", u32::MAX),
        read: |draft, value| set(&mut draft.link.recipe.calibration.seed, value.parse().ok()),
        write: |link| unless(&link.recipe.calibration.seed, &Recipe::default().calibration.seed),
    },
    Key {
        name: "layers",
        expects: |_| "layers with what each does differently, as in conv1~w4.tensor.a8;fc~w8".to_owned(),
        read: |draft, value| set(&mut draft.link.recipe.layers, read_layers(value)),
        write: |link| Some(write_layers(&link.recipe.layers)).filter(|text| !text.is_empty()),
    },
];

/// Activations left in f32.
const FLOAT: &str = "f32";
/// More calibration images than any set here has are a slip of the pen.
const MOST_SAMPLES: u32 = 100_000;

/// Values by name, the default first.
type Names<T> = &'static [(&'static str, T)];

const BACKENDS: Names<BackendChoice> = &[
    ("auto", BackendChoice::Auto),
    ("scalar", BackendChoice::Scalar),
    ("simd128", BackendChoice::Simd128),
    ("relaxed-simd", BackendChoice::RelaxedSimd),
];
const GRANULARITIES: Names<Granularity> =
    &[("channel", Granularity::Channel), ("tensor", Granularity::Tensor), ("group", Granularity::Group)];
const WEIGHT_RANGES: Names<bool> = &[("symmetric", true), ("affine", false)];
const ACTIVATION_RANGES: Names<bool> = &[("affine", false), ("symmetric", true)];
const MODES: Names<ActivationMode> = &[("static", ActivationMode::Static), ("dynamic", ActivationMode::Dynamic)];

/// Takes a value that can be.
fn set<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

fn read_name<T: Copy>(table: Names<T>, value: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == value).map(|(_, v)| *v)
}

fn name_of<T: Copy + PartialEq>(table: Names<T>, value: T) -> Option<&'static str> {
    table.iter().find(|(_, v)| *v == value).map(|(name, _)| *name)
}

fn write_name<T: Copy + PartialEq>(table: Names<T>, value: T) -> Option<String> {
    let (default, _) = table[0];
    name_of(table, value).filter(|name| *name != default).map(str::to_owned)
}

fn names<T>(table: Names<T>) -> String {
    in_words(&table.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

/// `a, b or c`.
fn in_words(options: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    for (i, option) in options.iter().enumerate() {
        text.push_str(match options.len() - i {
            _ if i == 0 => "",
            1 => " or ",
            _ => ", ",
        });
        text.push_str(option.as_ref());
    }
    text
}

fn unless<T: PartialEq + ToString>(value: &T, default: &T) -> Option<String> {
    (value != default).then(|| value.to_string())
}

fn read_bits(value: &str) -> Option<Bits> {
    Bits::new(value.parse().ok()?).ok().filter(|bits| *bits <= Bits::MAX)
}

fn bits_in_words() -> String {
    format!("{} to {} bits", Bits::MIN, Bits::MAX)
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// `conv1~w4.tensor.a8;fc~w8`: layers, each with what it does differently.
fn write_layers(layers: &BTreeMap<String, LayerOverride>) -> String {
    let one = |(name, layer): (&String, &LayerOverride)| {
        let weights = layer.weights.unwrap_or_default();
        let parts: Vec<String> = [
            weights.bits.map(|bits| format!("w{bits}")),
            weights.granularity.and_then(|g| name_of(GRANULARITIES, g)).map(str::to_owned),
            weights.symmetric.and_then(|s| name_of(WEIGHT_RANGES, s)).map(str::to_owned),
            layer.activations.and_then(|a| a.bits).map(|bits| format!("a{bits}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| format!("{}~{}", escape(name), parts.join(".")))
    };
    layers.iter().filter_map(one).collect::<Vec<_>>().join(";")
}

fn read_layers(text: &str) -> Option<BTreeMap<String, LayerOverride>> {
    let mut layers = BTreeMap::new();
    for entry in text.split(';') {
        let (name, parts) = entry.split_once('~')?;
        let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
        if layers.insert(name, read_layer(parts)?).is_some() {
            return None;
        }
    }
    Some(layers)
}

fn read_layer(parts: &str) -> Option<LayerOverride> {
    let mut weights = WeightOverride::default();
    let mut activations = ActivationOverride::default();
    for part in parts.split('.') {
        if let Some(granularity) = read_name(GRANULARITIES, part) {
            weights.granularity = Some(granularity);
        } else if let Some(symmetric) = read_name(WEIGHT_RANGES, part) {
            weights.symmetric = Some(symmetric);
        } else if let Some(bits) = part.strip_prefix('w') {
            weights.bits = Some(read_bits(bits)?);
        } else {
            activations.bits = Some(read_bits(part.strip_prefix('a')?)?);
        }
    }
    Some(LayerOverride {
        weights: (weights != WeightOverride::default()).then_some(weights),
        activations: (activations != ActivationOverride::default()).then_some(activations),
    })
}

impl Link {
    /// The default recipe for a model.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), backend: BackendChoice::Auto, recipe: Recipe::default() }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::{collection::btree_map, option, sample::select};

    use super::*;
    use crate::recipe::Calibration;
    use crate::scheme::WeightScheme;

    const MODELS: &[&str] = &["fashion-mobilenet", "digits"];

    #[test]
    fn links_read_as_they_say() {
        let weights = |bits: u8| WeightOverride { bits: Some(Bits::new(bits).unwrap()), ..Default::default() };
        type Change = fn(&mut Link);
        let cases: &[(&str, Change)] = &[
            ("", |_| {}),
            ("#", |_| {}),
            ("#v=1&model=digits", |l| l.model = "digits".to_owned()),
            ("w=4&a=6", |l| {
                l.recipe.weights.bits = Bits::new(4).unwrap();
                l.recipe.activations.as_mut().unwrap().bits = Bits::new(6).unwrap();
            }),
            ("a=f32", |l| l.recipe.activations = None),
            ("a-mode=dynamic&a=8&w-scale=tensor", |l| {
                l.recipe.activations.as_mut().unwrap().mode = ActivationMode::Dynamic;
                l.recipe.weights.granularity = Granularity::Tensor;
            }),
            ("backend=relaxed-simd&samples=64&seed=7", |l| {
                l.backend = BackendChoice::RelaxedSimd;
                l.recipe.calibration = Calibration { samples: 64, seed: 7, ..l.recipe.calibration };
            }),
        ];
        for (text, change) in cases {
            let mut expected = Link::new(MODELS[0]);
            change(&mut expected);
            assert_eq!(Link::from_fragment(text, MODELS), (expected, Vec::new()), "{text}");
        }
        let (link, issues) = Link::from_fragment("layers=%2F0%2F0%2E0%2FConv~w2;fc~tensor.a4", MODELS);
        assert_eq!(issues, []);
        assert_eq!(link.recipe.layers["/0/0.0/Conv"].weights, Some(weights(2)));
        assert_eq!(link.recipe.layers["fc"].activations.unwrap().bits.unwrap().get(), 4);
    }

    #[test]
    fn what_cannot_be_is_named_and_the_rest_is_kept() {
        for (text, named) in [
            ("w=9", "w=\u{201c}9\u{201d}"),
            ("w=0", "1 to 8 bits"),
            ("w=four", "w="),
            ("w", "w="),
            ("a=16", "or f32"),
            ("model=resnet-152", "fashion-mobilenet, digits"),
            ("backend=webgpu", "auto, scalar, simd128 or relaxed-simd"),
            ("w-scale=row", "channel, tensor or group"),
            ("w-group=48", "16, 32, 64 or 128"),
            ("samples=0", "samples="),
            ("seed=-1", "seed="),
            ("layers=conv1", "layers="),
            ("layers=conv1~w0", "layers="),
            ("layers=a~w4;a~w2", "layers="),
            ("layers=%FF~w4", "layers="),
            ("colour=red", "\u{201c}colour\u{201d}"),
            ("v=2", "version \u{201c}2\u{201d}"),
            ("w=4&w=5", "twice"),
        ] {
            let (link, issues) = Link::from_fragment(&format!("{text}&a-range=symmetric"), MODELS);
            let said: Vec<String> = issues.iter().map(ToString::to_string).collect();
            assert!(said.iter().any(|s| s.contains(named)), "{text}: {said:?}");
            assert!(link.recipe.activations.unwrap().symmetric, "{text}: the rest was lost");
        }
    }

    #[test]
    fn defaults_are_left_out() {
        assert_eq!(Link::new("digits").to_fragment(), "v=1&model=digits");
    }

    fn bits() -> impl Strategy<Value = Bits> {
        (1u8..=8).prop_map(|b| Bits::new(b).unwrap())
    }

    fn layer() -> impl Strategy<Value = LayerOverride> {
        let granularity = option::of(select(vec![Granularity::Tensor, Granularity::Channel, Granularity::Group]));
        (option::of(bits()), granularity, option::of(any::<bool>()), option::of(bits()))
            .prop_filter("an exception that says something", |(b, g, s, a)| b.is_some() || g.is_some() || s.is_some() || a.is_some())
            .prop_map(|(bits, granularity, symmetric, activation)| {
                let weights = WeightOverride { bits, granularity, symmetric, ..Default::default() };
                LayerOverride {
                    weights: (weights != WeightOverride::default()).then_some(weights),
                    activations: activation.map(|bits| ActivationOverride { bits: Some(bits) }),
                }
            })
    }

    fn recipe() -> impl Strategy<Value = Recipe> {
        let weights = (bits(), select(GRANULARITIES), select(&GroupSize::ALL[..]), any::<bool>()).prop_map(
            |(bits, (_, granularity), group, symmetric)| WeightScheme { bits, granularity, group, symmetric, ..Default::default() },
        );
        let activations = (bits(), any::<bool>(), select(vec![ActivationMode::Static, ActivationMode::Dynamic]))
            .prop_map(|(bits, symmetric, mode)| ActivationScheme { bits, symmetric, mode, ..Default::default() });
        let calibration = (1..=MOST_SAMPLES, any::<u32>()).prop_map(|(samples, seed)| Calibration { samples, seed, ..Default::default() });
        (weights, option::of(activations), calibration, btree_map("\\PC{0,12}", layer(), 0..4)).prop_map(
            |(weights, activations, calibration, layers)| Recipe { weights, activations, calibration, layers, ..Default::default() },
        )
    }

    proptest! {
        #[test]
        fn every_link_comes_back(model in select(MODELS), backend in select(BACKENDS), recipe in recipe()) {
            let link = Link { model: model.to_owned(), backend: backend.1, recipe };
            let text = link.to_fragment();
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() && !b"#\"<>`".contains(&b)), "{}", text);
            prop_assert_eq!(Link::from_fragment(&text, MODELS), (link, Vec::new()));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,60}") {
            let (link, _) = Link::from_fragment(&text, MODELS);
            prop_assert!(MODELS.contains(&link.model.as_str()));
        }
    }
}
