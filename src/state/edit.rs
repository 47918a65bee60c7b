//! What a person can change, and what that makes of the link.

use bitdial_protocol::{
    ActivationMode, ActivationScheme, BackendChoice, Bits, Granularity, GroupSize, LayerOverride, Link, Recipe, WeightOverride,
};

/// A change to the link.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Another model, by id.
    Model(String),
    /// Other kernels.
    Backend(BackendChoice),
    /// Bits of every layer's weights.
    WeightBits(Bits),
    /// What shares a scale.
    WeightScale(Granularity),
    /// Weights of a group, if groups share a scale.
    WeightGroup(GroupSize),
    /// Symmetric or affine weights.
    WeightRange(bool),
    /// Bits of activations; `None` leaves them in f32.
    ActivationBits(Option<Bits>),
    /// Symmetric or affine activations.
    ActivationRange(bool),
    /// Static or dynamic.
    Mode(ActivationMode),
    /// Calibration images.
    Samples(u32),
    /// One layer's own weight bits; `None` follows the recipe.
    LayerBits(String, Option<Bits>),
    /// A whole recipe, tried before.
    Recipe(Recipe),
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
    /// Scale per tensor, channel or group.
    WeightScale,
    /// Weights of a group.
    WeightGroup,
    /// Symmetric or affine weights.
    WeightRange,
    /// The dial of the activations.
    ActivationBits,
    /// Symmetric or affine activations.
    ActivationRange,
    /// Static or dynamic.
    Mode,
    /// Calibration images.
    Samples,
    /// A layer's own bits.
    LayerBits(String),
    /// A point of a chart.
    Recipe,
}

impl Edit {
    /// Where the change was made.
    pub fn control(&self) -> Control {
        match self {
            Self::Model(_) => Control::Model,
            Self::Backend(_) => Control::Backend,
            Self::WeightBits(_) => Control::WeightBits,
            Self::WeightScale(_) => Control::WeightScale,
            Self::WeightGroup(_) => Control::WeightGroup,
            Self::WeightRange(_) => Control::WeightRange,
            Self::ActivationBits(_) => Control::ActivationBits,
            Self::ActivationRange(_) => Control::ActivationRange,
            Self::Mode(_) => Control::Mode,
            Self::Samples(_) => Control::Samples,
            Self::LayerBits(layer, _) => Control::LayerBits(layer.clone()),
            Self::Recipe(_) => Control::Recipe,
        }
    }

    /// Makes the change. `activations` is the scheme that was in use when activations were last quantized.
    pub fn apply(self, link: &mut Link, activations: ActivationScheme) {
        let recipe = &mut link.recipe;
        match self {
            Self::Model(id) => {
                link.model = id;
                // Layer names belong to a model.
                recipe.layers.clear();
            }
            Self::Backend(backend) => link.backend = backend,
            Self::WeightBits(bits) => recipe.weights.bits = bits,
            Self::WeightScale(granularity) => recipe.weights.granularity = granularity,
            Self::WeightGroup(size) => recipe.weights.group = size,
            Self::WeightRange(symmetric) => recipe.weights.symmetric = symmetric,
            Self::ActivationBits(bits) => recipe.activations = bits.map(|bits| ActivationScheme { bits, ..activations }),
            Self::ActivationRange(symmetric) => {
                if let Some(scheme) = &mut recipe.activations {
                    scheme.symmetric = symmetric;
                }
            }
            Self::Mode(mode) => {
                if let Some(scheme) = &mut recipe.activations {
                    scheme.mode = mode;
                }
            }
            Self::Samples(samples) => recipe.calibration.samples = samples,
            Self::LayerBits(layer, bits) => set_layer_bits(recipe, layer, bits),
            Self::Recipe(whole) => *recipe = whole,
        }
    }
}

fn set_layer_bits(recipe: &mut Recipe, layer: String, bits: Option<Bits>) {
    let mut entry = recipe.layers.remove(&layer).unwrap_or_default();
    let weights = WeightOverride { bits, ..entry.weights.unwrap_or_default() };
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
        let scheme = ActivationScheme { symmetric: true, ..Default::default() };
        let cases: Vec<(Vec<Edit>, &str)> = vec![
            (vec![Edit::WeightBits(bits(4))], "v=1&model=digits&w=4"),
            (vec![Edit::WeightScale(Granularity::Tensor), Edit::WeightRange(false)], "v=1&model=digits&w-scale=tensor&w-range=affine"),
            (
                vec![Edit::WeightScale(Granularity::Group), Edit::WeightGroup(GroupSize::ALL[2])],
                "v=1&model=digits&w-scale=group&w-group=64",
            ),
            (vec![Edit::ActivationBits(None), Edit::Mode(ActivationMode::Dynamic)], "v=1&model=digits&a=f32"),
            (vec![Edit::ActivationBits(None), Edit::ActivationBits(Some(bits(6)))], "v=1&model=digits&a=6&a-range=symmetric"),
            (vec![Edit::LayerBits("fc".into(), Some(bits(2)))], "v=1&model=digits&layers=fc~w2"),
            (vec![Edit::LayerBits("fc".into(), Some(bits(2))), Edit::LayerBits("fc".into(), None)], "v=1&model=digits"),
            (vec![Edit::LayerBits("fc".into(), Some(bits(2))), Edit::Model("other".into())], "v=1&model=other"),
            (vec![Edit::Samples(64), Edit::Backend(BackendChoice::Scalar)], "v=1&model=digits&backend=scalar&samples=64"),
            (vec![Edit::Samples(64), Edit::Recipe(Recipe::default())], "v=1&model=digits"),
        ];
        for (edits, fragment) in cases {
            let mut link = Link::new("digits");
            edits.into_iter().for_each(|edit| edit.apply(&mut link, scheme));
            assert_eq!(link.to_fragment(), fragment);
        }
    }
}
