//! What a person can change, and what that makes of the link.

use bitdial_protocol::{ActivationScheme, BackendChoice, Bits, Format, LayerOverride, Link, Recipe, WeightOverride};

use super::numbers::Numbers;
use super::settings::serves_activations;

/// A change to the link.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Another model, by id.
    Model(String),
    /// Other kernels.
    Backend(BackendChoice),
    /// Bits of every layer's weights.
    WeightBits(Bits),
    /// Bits of activations; [`Bits::FLOAT`] leaves them in f32.
    ActivationBits(Bits),
    /// One layer's own weight bits; `None` follows the recipe.
    LayerBits(String, Option<Bits>),
    /// A choice of a setting, by the setting's id: the recipe that it makes.
    Choose(&'static str, Recipe),
    /// A whole recipe, tried before or from a file.
    Recipe(Recipe),
    /// A recipe of a model, tried before.
    Restore(String, Recipe),
    /// Everything, as a lesson asks for it.
    Link(Link),
}

/// Where on the page a change was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The model picker.
    Model,
    /// The backend picker.
    Backend,
    /// The dial of the weights.
    WeightBits,
    /// The dial of the activations.
    ActivationBits,
    /// A layer's own bits.
    LayerBits(String),
    /// A setting, by its id.
    Setting(&'static str),
    /// A point of a chart, or a file.
    Recipe,
}

/// What was chosen last, apart from what a dial made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    /// Format of the weights.
    pub weights: Numbers,
    /// Format of the activations.
    pub activations: Numbers,
    /// The scheme of the activations when they were last quantized.
    pub scheme: ActivationScheme,
}

impl Chosen {
    /// What a recipe says, as far as it says something.
    pub fn of(recipe: &Recipe) -> Self {
        let scheme = recipe.activations.unwrap_or_default();
        let mut chosen = Self { weights: Numbers::default(), activations: Numbers::of_activations(&scheme), scheme };
        chosen.learn(recipe, None);
        chosen
    }

    /// Takes over what a recipe says, but for what the dial at `control` made of it.
    pub fn learn(&mut self, recipe: &Recipe, control: Option<&Control>) {
        let weights = Numbers::of_weights(&recipe.weights);
        if weights.width() < 32 && control != Some(&Control::WeightBits) {
            self.weights = weights;
        }
        if let Some(scheme) = recipe.activations {
            self.scheme = scheme;
            if control != Some(&Control::ActivationBits) {
                self.activations = Numbers::of_activations(&scheme);
            }
        }
    }

    /// Weights of another width, in the family chosen; `None` if it has no such width.
    pub fn weights_at(&self, bits: Bits) -> Option<Numbers> {
        self.weights.at(bits)
    }

    /// Weights of one layer at another width; `None` if an exception cannot say it.
    pub fn layer_at(&self, recipe: &Recipe, bits: Bits) -> Option<Numbers> {
        // Exponent bits are the same in all layers.
        self.weights_at(bits).filter(|numbers| numbers.format != Format::Minifloat || numbers.exponent == recipe.weights.exponent)
    }

    /// Activations of another width; `None` if the family has no such width.
    pub fn activations_at(&self, bits: Bits) -> Option<Numbers> {
        self.activations.at(bits).filter(|numbers| serves_activations(*numbers))
    }
}

impl Edit {
    /// Where the change was made.
    pub fn control(&self) -> Control {
        match self {
            Self::Model(_) => Control::Model,
            Self::Backend(_) => Control::Backend,
            Self::WeightBits(_) => Control::WeightBits,
            Self::ActivationBits(_) => Control::ActivationBits,
            Self::LayerBits(layer, _) => Control::LayerBits(layer.clone()),
            Self::Choose(id, _) => Control::Setting(id),
            Self::Recipe(_) | Self::Restore(..) | Self::Link(_) => Control::Recipe,
        }
    }

    /// Makes the change; what a family has no width for stays.
    pub fn apply(self, link: &mut Link, chosen: &Chosen) {
        let recipe = &mut link.recipe;
        match self {
            Self::Model(id) => {
                link.model = id;
                // Layer names belong to a model.
                recipe.layers.clear();
            }
            Self::Backend(backend) => link.backend = backend,
            Self::WeightBits(bits) => {
                if let Some(numbers) = chosen.weights_at(bits) {
                    recipe.weights = numbers.weights(recipe.weights);
                }
            }
            Self::ActivationBits(bits) if bits.is_float() => recipe.activations = None,
            Self::ActivationBits(bits) => {
                if let Some(numbers) = chosen.activations_at(bits) {
                    recipe.activations = Some(numbers.activations(recipe.activations.unwrap_or(chosen.scheme)));
                }
            }
            Self::LayerBits(layer, bits) => set_layer_bits(recipe, chosen, layer, bits),
            Self::Restore(id, whole) => (link.model, *recipe) = (id, whole),
            Self::Link(whole) => *link = whole,
            Self::Choose(_, whole) | Self::Recipe(whole) => *recipe = whole,
        }
    }
}

/// Gives one layer a width of its own, and the format that the family chosen has there.
fn set_layer_bits(recipe: &mut Recipe, chosen: &Chosen, layer: String, bits: Option<Bits>) {
    let own = bits.map(|bits| chosen.layer_at(recipe, bits));
    if own == Some(None) {
        return;
    }
    let own = own.flatten();
    let mut entry = recipe.layers.remove(&layer).unwrap_or_default();
    let format = own.map(|numbers| numbers.format).filter(|format| *format != recipe.weights.format);
    let weights = WeightOverride { format, bits, ..entry.weights.unwrap_or_default() };
    entry.weights = (weights != WeightOverride::default()).then_some(weights);
    if entry != LayerOverride::default() {
        recipe.layers.insert(layer, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(n: u8) -> Bits {
        Bits::new(n).unwrap()
    }

    #[test]
    fn edits_change_what_they_name() {
        let weights = |n| Edit::WeightBits(bits(n));
        let activations = |n| Edit::ActivationBits(bits(n));
        let own = |n: Option<u8>| Edit::LayerBits("fc".into(), n.map(bits));
        let cases: Vec<(&str, Vec<Edit>, &str)> = vec![
            ("", vec![weights(4)], "w=4"),
            ("", vec![activations(32)], "a=f32"),
            ("a-range=symmetric", vec![activations(32), activations(6)], "a=6&a-range=symmetric"),
            ("", vec![own(Some(2))], "layers=fc~w2"),
            ("", vec![own(Some(2)), own(None)], ""),
            ("", vec![own(Some(2)), Edit::Model("digits".into())], ""),
            ("samples=64", vec![Edit::Backend(BackendChoice::Scalar)], "backend=scalar&samples=64"),
            ("samples=64", vec![Edit::Recipe(Recipe::default())], ""),
            // A dial passes over widths, and comes back to the format that was chosen.
            ("w-format=e5m2", vec![weights(4)], "w=4&w-format=e2m1"),
            ("w-format=e5m2", vec![weights(7), weights(32), weights(8)], "w-format=e5m2"),
            ("w-format=e5m2", vec![weights(1)], "w-format=e5m2"),
            ("a-format=mxint8", vec![activations(4), activations(32), activations(5), activations(8)], "a-format=mxint8"),
            ("w=4&w-format=mxfp4", vec![own(Some(6))], "w=4&w-format=mxfp4&layers=fc~w6.mxfp6-e3m2"),
            ("w=4&w-format=mxfp4", vec![own(Some(5))], "w=4&w-format=mxfp4"),
            ("w-format=minifloat", vec![own(Some(7))], "w-format=minifloat"),
            ("w=4&w-format=mxfp4", vec![own(Some(32))], "w=4&w-format=mxfp4&layers=fc~w32.int"),
        ];
        for (before, edits, after) in cases {
            let (mut link, issues) = Link::from_fragment(before, &["digits"]);
            assert_eq!(issues, []);
            let mut chosen = Chosen::of(&link.recipe);
            for edit in edits {
                let control = edit.control();
                edit.apply(&mut link, &chosen);
                chosen.learn(&link.recipe, Some(&control));
            }
            let all = link.to_fragment();
            assert_eq!(all.strip_prefix("v=1&model=digits").unwrap().trim_start_matches('&'), after, "{before}");
        }
    }
}
