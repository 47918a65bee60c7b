//! The rules. Each looks for one cause and names its evidence; `None` where it is not there.

use bitdial_protocol::{
    ActivationMode, ActivationScheme, Advice, Bits, CalibrationMethod, Correction, Format, Granularity, LayerDiagnosis, Recipe,
    TensorDiagnosis, WeightRange,
};

use super::Facts;
use super::edit::{changed, with, with_activation_bits, with_weight_bits};

/// Looks for one cause.
pub(super) type Rule = fn(&Facts) -> Option<Advice>;

/// Rules for a model that has lost something.
pub(super) const REPAIRS: [Rule; 10] = [
    channels,
    equalize,
    clipped_activations,
    stretched_activations,
    smooth,
    loud_layer,
    stretched_weights,
    shift,
    rounding,
    narrow_activations,
];

/// Ranges of channels that differ by so much: with a common scale, the narrowest has 3 bits less than the widest.
const RATIO: f32 = 8.0;
/// Values of a tensor that are clipped, share. Calibration methods cut 1 % at most where they work as they should.
const CLIPPED: f32 = 0.01;
/// Noise of activations that can be heard behind that of weights of 4 bits (about 20 dB), dB.
const HEARD: f32 = 30.0;
/// Share of the values that decide how wide a range must be; the rest are outliers.
const BULK: f32 = 0.999;
/// A range so many times as wide as its bulk wastes 2 bits.
const STRETCH: f32 = 4.0;
/// One layer's share of the noise of all: as much as all others together.
const LOUD: f32 = 0.5;
/// Weights that become 0, against what it would be if they were spread evenly: their bulk lies in the innermost half of
/// the range, the outermost costs a bit.
const ZEROED: f32 = 1.5;
/// Share of the noise that a change of biases can take back: a decibel.
const SHIFT: f32 = 0.2;

/// The layer of which a figure is the largest, among those where it is known and at least `least`.
fn worst<'a>(facts: &Facts<'a>, least: f32, figure: impl Fn(&LayerDiagnosis) -> Option<f32>) -> Option<(&'a LayerDiagnosis, f32)> {
    let figures = facts.diagnosis.layers.iter().filter_map(|layer| Some((layer, figure(layer)?)));
    figures.filter(|(_, x)| *x >= least).reduce(|a, b| if b.1 > a.1 { b } else { a })
}

fn advice(text: String, recipe: Recipe) -> Option<Advice> {
    Some(Advice { text, recipe })
}

/// Bits in which the widest range of channels and the narrowest differ.
fn lost_bits(ratio: f32) -> f32 {
    libm::log2f(ratio)
}

/// The layer with one scale whose channels differ most.
fn shared<'a>(facts: &Facts<'a>) -> Option<(&'a LayerDiagnosis, f32)> {
    worst(facts, RATIO, |layer| {
        let scheme = facts.recipe.weights_of(&layer.name);
        let one_scale = scheme.granularity == Granularity::Tensor && scheme.format.block().is_none() && scheme.width() <= 8;
        layer.weights.as_ref().filter(|_| one_scale).map(|weights| weights.range_ratio)
    })
}

/// One scale for channels of very different ranges.
fn channels(facts: &Facts) -> Option<Advice> {
    let (layer, ratio) = shared(facts)?;
    let text = format!(
        "The channel ranges of '{}' differ {ratio:.0}-fold, so that its narrowest channel is left with {:.0} bits less than its widest: give each channel a scale.",
        layer.name,
        lost_bits(ratio)
    );
    let recipe = changed(facts.recipe, |recipe| {
        recipe.weights.granularity = Granularity::Channel;
        recipe.layers.values_mut().filter_map(|own| own.weights.as_mut()).for_each(|own| own.granularity = None);
    });
    advice(text, recipe)
}

/// The same, where one scale is to stay.
fn equalize(facts: &Facts) -> Option<Advice> {
    let (layer, ratio) = shared(facts)?;
    if facts.recipe.corrections.contains(&Correction::Cle) {
        return None;
    }
    let text = format!(
        "The channel ranges of '{}' differ {ratio:.0}-fold: cross-layer equalization evens them out and keeps one scale.",
        layer.name
    );
    advice(text, with(facts.recipe, Correction::Cle))
}

/// A range that cuts too much.
fn clipped_activations(facts: &Facts) -> Option<Advice> {
    let is_static = facts.recipe.activations?.mode == ActivationMode::Static;
    if !is_static || facts.recipe.calibration.method == CalibrationMethod::MinMax {
        return None;
    }
    let (layer, share) = worst(facts, CLIPPED, |layer| layer.activations.as_ref().map(|a| a.clipped))?;
    let text = format!("{:.1} % of the activations of '{}' are clipped: choose min-max ranges.", 100.0 * share, layer.name);
    advice(text, changed(facts.recipe, |recipe| recipe.calibration.method = CalibrationMethod::MinMax))
}

/// A range that outliers stretch.
fn stretched_activations(facts: &Facts) -> Option<Advice> {
    let is_static = facts.recipe.activations?.mode == ActivationMode::Static;
    if !is_static || !matches!(facts.recipe.calibration.method, CalibrationMethod::MinMax | CalibrationMethod::MovingAverage) {
        return None;
    }
    let (layer, stretch) = worst(facts, STRETCH, |layer| {
        let tensor = layer.activations.as_ref()?;
        tensor.sqnr.filter(|&db| db < HEARD)?;
        Some(stretch(tensor))
    })?;
    let text = format!(
        "The range of the activations of '{}' is {stretch:.1} times as wide as 99.9 % of them need, which costs {:.0} bits: choose ranges by their squared error.",
        layer.name,
        lost_bits(stretch)
    );
    advice(text, changed(facts.recipe, |recipe| recipe.calibration.method = CalibrationMethod::Mse))
}

/// How many times as wide as its bulk the range of a histogram is.
fn stretch(tensor: &TensorDiagnosis) -> f32 {
    let counts = &tensor.histogram.counts;
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let spare = ((1.0 - f64::from(BULK)) * total as f64) as u64;
    // Bins are dropped at the end that holds less, as long as no more than the rest of the bulk is lost.
    let (mut first, mut last, mut dropped) = (0, counts.len(), 0);
    while first + 1 < last {
        let (low, high) = (u64::from(counts[first]), u64::from(counts[last - 1]));
        if dropped + low.min(high) > spare {
            break;
        }
        dropped += low.min(high);
        if low <= high { first += 1 } else { last -= 1 }
    }
    counts.len() as f32 / (last - first).max(1) as f32
}

/// Channels of activations of very different ranges, which can have but one scale.
fn smooth(facts: &Facts) -> Option<Advice> {
    facts.recipe.activations?;
    if facts.recipe.corrections.contains(&Correction::Smooth) {
        return None;
    }
    let (layer, ratio) = worst(facts, RATIO, |layer| {
        let tensor = layer.activations.as_ref()?;
        tensor.sqnr.filter(|&db| db < HEARD).map(|_| tensor.range_ratio)
    })?;
    let text = format!(
        "The channels of the activations of '{}' differ {ratio:.0}-fold and must share a scale: activation equalization moves the difference into the weights.",
        layer.name
    );
    advice(text, with(facts.recipe, Correction::Smooth))
}

/// One layer that is worse than all others together.
fn loud_layer(facts: &Facts) -> Option<Advice> {
    let noise = |layer: &LayerDiagnosis| layer.only.map(|db| libm::powf(10.0, -0.1 * db));
    let all: f32 = facts.diagnosis.layers.iter().filter_map(noise).sum();
    let (layer, share) = worst(facts, LOUD, |layer| noise(layer).map(|noise| noise / all))?;
    if facts.diagnosis.layers.len() < 3 {
        return None;
    }
    let db = |tensor: &Option<TensorDiagnosis>| tensor.as_ref().and_then(|tensor| tensor.sqnr);
    let weights = match (db(&layer.weights), db(&layer.activations)) {
        (Some(weights), Some(activations)) => weights <= activations,
        (weights, _) => weights.is_some(),
    };
    let (part, width) = match weights {
        true => ("weights", Some(facts.recipe.weights_of(&layer.name)).filter(|s| s.format == Format::Int)?.bits),
        false => ("activations", facts.recipe.activations_of(&layer.name).filter(|s| s.format == Format::Int)?.bits),
    };
    let wider = wider(width)?;
    let recipe = if weights { with_weight_bits } else { with_activation_bits }(facts.recipe, &layer.name, wider);
    let only = layer.only.unwrap_or_default();
    let text = format!(
        "'{}' alone brings {:.0} % of the noise of all layers ({only:.1} dB at the output by itself): give its {part} {wider} bits.",
        layer.name,
        100.0 * share
    );
    advice(text, recipe)
}

/// Twice the bits, 8 at most; `None` for those that have as many.
fn wider(bits: Bits) -> Option<Bits> {
    (bits < Bits::MAX).then(|| Bits::new((2 * bits.get()).min(Bits::MAX.get())).ok()).flatten()
}

/// Outliers of weights that stretch the range of the others.
fn stretched_weights(facts: &Facts) -> Option<Advice> {
    if facts.recipe.weights.range != WeightRange::MinMax {
        return None;
    }
    let even = |layer: &LayerDiagnosis| {
        let scheme = facts.recipe.weights_of(&layer.name);
        // One integer of all that there are; a sign has no zero.
        (scheme.format == Format::Int && (2..=4).contains(&scheme.width())).then(|| 1.0 / (libm::exp2f(f32::from(scheme.width())) - 1.0))
    };
    let (layer, times) = worst(facts, ZEROED, |layer| Some(layer.weights.as_ref()?.zeroed / even(layer)?))?;
    let zeroed = layer.weights.as_ref()?.zeroed;
    let text = format!(
        "{:.0} % of the weights of '{}' become 0, where it would be {:.0} % if they were spread evenly: outliers stretch its ranges. Choose them by their squared error.",
        100.0 * zeroed,
        layer.name,
        100.0 * zeroed / times
    );
    advice(text, changed(facts.recipe, |recipe| recipe.weights.range = WeightRange::Mse))
}

/// An error that is the same for all images.
fn shift(facts: &Facts) -> Option<Advice> {
    let corrected = facts.recipe.corrections.iter().any(|c| matches!(c, Correction::Bias | Correction::Bn));
    if corrected || facts.diagnosis.shift < SHIFT {
        return None;
    }
    let text = format!(
        "{:.0} % of the noise at the output is the same for every image: bias correction takes that back.",
        100.0 * facts.diagnosis.shift
    );
    advice(text, with(facts.recipe, Correction::Bias))
}

/// The mean of a figure, dB.
fn mean(facts: &Facts, of: impl Fn(&LayerDiagnosis) -> &Option<TensorDiagnosis>) -> Option<f32> {
    let figures: Vec<f32> = facts.diagnosis.layers.iter().filter_map(|layer| of(layer).as_ref()?.sqnr).collect();
    (!figures.is_empty()).then(|| figures.iter().sum::<f32>() / figures.len() as f32)
}

/// Weights that are rounded one by one, as if the others were not.
fn rounding(facts: &Facts) -> Option<Advice> {
    let rounds = facts.recipe.corrections.iter().any(|c| matches!(c, Correction::Adaround | Correction::Gptq));
    let scheme = facts.recipe.weights;
    if rounds || scheme.format != Format::Int || !(2..=4).contains(&scheme.width()) {
        return None;
    }
    let weights = mean(facts, |layer| &layer.weights)?;
    if mean(facts, |layer| &layer.activations).is_some_and(|activations| activations <= weights) {
        return None;
    }
    let output = facts.diagnosis.output?;
    let text = format!(
        "Weights of {} bits have {weights:.0} dB on average, activations more, and the output has {output:.0} dB: let AdaRound choose which weights to round up.",
        scheme.bits
    );
    advice(text, with(facts.recipe, Correction::Adaround))
}

/// Activations that are worse than weights.
fn narrow_activations(facts: &Facts) -> Option<Advice> {
    let scheme = facts.recipe.activations.filter(|scheme| scheme.format == Format::Int)?;
    let (weights, activations) = (mean(facts, |layer| &layer.weights)?, mean(facts, |layer| &layer.activations)?);
    let wider = wider(scheme.bits)?;
    // A bit is 6 dB: less does not tell which of both is too narrow.
    if activations > weights - 6.0 {
        return None;
    }
    let text = format!(
        "Activations of {} bits have {activations:.0} dB on average, weights {weights:.0} dB: give activations {wider} bits.",
        scheme.bits
    );
    advice(text, changed(facts.recipe, |recipe| recipe.activations = Some(ActivationScheme { bits: wider, ..scheme })))
}

/// Room for narrower weights.
pub(super) fn fewer_bits(facts: &Facts) -> Option<Advice> {
    let scheme = facts.recipe.weights;
    if scheme.format != Format::Int || scheme.bits.is_float() {
        return None;
    }
    // Steps that can be seen: 16, 8, 6, then one by one; a sign is another kind of weight.
    let narrower = match scheme.bits.get() {
        9.. => 8,
        7..=8 => 6,
        bits => Some(bits - 1).filter(|&bits| bits >= 2)?,
    };
    let narrower = Bits::new(narrower).ok()?;
    let evidence = match (facts.lost, facts.diagnosis.output) {
        (Some(lost), _) if lost <= 0.0 => "No accuracy is lost".to_owned(),
        (Some(lost), _) => format!("Only {lost:.2} points of accuracy are lost"),
        (None, Some(db)) => format!("The output has {db:.0} dB, which changes hardly a prediction"),
        (None, None) => return None,
    };
    advice(
        format!("{evidence}: there is room for weights of {narrower} bits."),
        changed(facts.recipe, |recipe| recipe.weights.bits = narrower),
    )
}
