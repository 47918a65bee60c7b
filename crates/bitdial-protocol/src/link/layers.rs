//! What single layers do differently, in a link: `conv1~w4.tensor.a8;fc~nf4`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::escape;
use super::names::{FORMATS, GRANULARITIES, WEIGHT_RANGES, name_of, read_name};
use crate::recipe::{ActivationOverride, LayerOverride, WeightOverride};
use crate::scheme::Bits;

/// Layers, each with what it does differently; one that does nothing differently is left out.
pub fn write_layers(layers: &BTreeMap<String, LayerOverride>) -> String {
    let one = |(name, layer): (&String, &LayerOverride)| {
        let weights = layer.weights.unwrap_or_default();
        let parts: Vec<String> = [
            weights.bits.map(|bits| format!("w{bits}")),
            weights.format.and_then(|format| name_of(FORMATS, format)).map(str::to_owned),
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

/// The layers of a text; `None` if it is none.
pub fn read_layers(text: &str) -> Option<BTreeMap<String, LayerOverride>> {
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
    let bits = |text: &str| Bits::new(text.parse().ok()?).ok();
    for part in parts.split('.') {
        if let Some(format) = read_name(FORMATS, part) {
            weights.format = Some(format);
        } else if let Some(granularity) = read_name(GRANULARITIES, part) {
            weights.granularity = Some(granularity);
        } else if let Some(symmetric) = read_name(WEIGHT_RANGES, part) {
            weights.symmetric = Some(symmetric);
        } else if let Some(width) = part.strip_prefix('w') {
            weights.bits = Some(bits(width)?);
        } else {
            activations.bits = Some(bits(part.strip_prefix('a')?)?);
        }
    }
    Some(LayerOverride {
        weights: (weights != WeightOverride::default()).then_some(weights),
        activations: (activations != ActivationOverride::default()).then_some(activations),
    })
}
