//! Changes of a recipe.

use bitdial_protocol::{Bits, Correction, Recipe};

/// The recipe with a change.
pub(super) fn changed(recipe: &Recipe, change: impl FnOnce(&mut Recipe)) -> Recipe {
    let mut recipe = recipe.clone();
    change(&mut recipe);
    recipe
}

/// The recipe with one more correction, where it makes sense among the others.
pub(super) fn with(recipe: &Recipe, correction: Correction) -> Recipe {
    let rank = |c: &Correction| Correction::ALL.iter().position(|other| other == c);
    changed(recipe, |recipe| {
        let at = recipe.corrections.iter().position(|other| rank(other) > rank(&correction));
        recipe.corrections.insert(at.unwrap_or(recipe.corrections.len()), correction);
    })
}

/// The recipe with another width of one layer's weights.
pub(super) fn with_weight_bits(recipe: &Recipe, layer: &str, bits: Bits) -> Recipe {
    changed(recipe, |recipe| recipe.layers.entry(layer.to_owned()).or_default().weights.get_or_insert_default().bits = Some(bits))
}

/// The recipe with another width of the activations that a layer puts out.
pub(super) fn with_activation_bits(recipe: &Recipe, layer: &str, bits: Bits) -> Recipe {
    changed(recipe, |recipe| recipe.layers.entry(layer.to_owned()).or_default().activations.get_or_insert_default().bits = Some(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_go_where_they_make_sense() {
        use Correction::{Adaround, Bias, Bn, Cle};
        for (before, new, after) in [
            (&[][..], Bias, &[Bias][..]),
            (&[Bias], Adaround, &[Adaround, Bias]),
            (&[Cle, Bn, Bias], Adaround, &[Cle, Adaround, Bn, Bias]),
            (&[Cle], Bias, &[Cle, Bias]),
        ] {
            let recipe = Recipe { corrections: before.to_vec(), ..Recipe::default() };
            assert_eq!(with(&recipe, new).corrections, after);
        }
    }
}
