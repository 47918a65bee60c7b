//! Bias correction and BatchNorm re-estimation: the channels of every quantized layer get back the statistics that they
//! have in f32.
//!
//! Layers come in order of execution; each is looked at with the layers before it quantized and corrected already, on
//! their integers, before its activation. With the mean `m` and the deviation `d` of a channel in f32, and `m'` and `d'`
//! of what the quantized layer `y' = w' x' + b` gives on the same images:
//!
//! - [`Correction::Bias`]: `b <- b + (m - m')`, so that the mean is `m`. Nagel et al. 2019, section 4.3; Nagel et al. 2021,
//!   'A white paper on neural network quantization', section 3.3, the empirical one.
//! - [`Correction::Bn`]: `g = d / d'`, `w' <- g w'`, `b <- g b + (m - g m')`, so that the mean is `m` and the deviation `d`.
//!   This is what a BatchNorm after the layer does whose statistics are taken again under quantization (Sun et al. 2019,
//!   'Hybrid 8-bit floating point training and inference', section 4) and whose own factor and offset are such that in
//!   f32 it gives `m` and `d`; only layers that had one are touched. Where each row of weights has a scale, the scale takes
//!   `g`, and integers stay what they are. One scale for the whole layer cannot take it,
//!   nor can a power of two: there `g = 1`.

use std::sync::Arc;

use bitdial_ir::{Graph, Weights};
use bitdial_protocol::{Correction, Format};

use super::layer::{bias_limits, parts, parts_mut, scale_rows};
use crate::error::QuantError;
use crate::pipeline::stats::{Channels, Measuring};
use crate::pipeline::walk::Walk;
use crate::pipeline::{Count, Entry, Report, State, Work};

/// A deviation is made larger or smaller by this factor at most: what is left of a channel with hardly any noise says
/// nothing about it.
const MOST: f64 = 4.0;

/// Where a correction stands.
#[derive(Debug)]
enum Phase {
    /// Statistics in f32.
    Float(Box<Measuring>),
    /// Statistics of the node that the walk has come to.
    Look(Box<Walk>, Channels),
    /// The node, corrected or without weights, computes what the next one sees.
    Advance(Box<Walk>),
}

/// One of the two corrections, at work.
#[derive(Debug)]
pub(crate) struct Matching {
    correction: Correction,
    phase: Option<Phase>,
    /// Statistics in f32 by node.
    float: Vec<Option<Channels>>,
    /// Whether each node is corrected.
    chosen: Vec<bool>,
    /// Times that all images went through something.
    passes: usize,
    entries: Vec<Entry>,
}

impl Matching {
    /// Begins with the statistics in f32.
    pub fn begin(correction: Correction, state: &State) -> Result<Box<dyn Work>, QuantError> {
        let named = |name: &str| correction == Correction::Bias || state.normalized.iter().any(|n| n == name);
        let chosen: Vec<bool> = state.float.nodes.iter().map(|node| parts(node).is_some() && named(&node.name)).collect();
        let (float, entries) = (Vec::new(), Vec::new());
        let phase = Some(Phase::Float(Box::new(Measuring::new(state)?)));
        Ok(Box::new(Self { correction, phase, float, chosen, passes: 0, entries }))
    }

    /// Images of all passes: through the f32 model, through each node, and once more through those that are corrected.
    fn total(&self, images: usize) -> usize {
        images * (1 + self.chosen.len() + self.chosen.iter().filter(|&&chosen| chosen).count())
    }

    /// What a node that was reached needs first.
    fn reached(&self, walk: Box<Walk>) -> Phase {
        match self.float.get(walk.at()) {
            Some(Some(channels)) if self.chosen[walk.at()] => Phase::Look(walk, Channels::new(channels.len())),
            _ => Phase::Advance(walk),
        }
    }

    /// Corrects a node of the quantized graph whose statistics are known.
    fn correct(&mut self, state: &mut State, index: usize, found: &Channels) -> Result<(), QuantError> {
        let Some(Some(float)) = self.float.get(index) else { return Ok(()) };
        let mut factors = vec![1.0; found.len()];
        if self.correction == Correction::Bn {
            let factor = |c| ratio(float.deviation(c), found.deviation(c)) as f32;
            factors = (0..found.len()).map(factor).collect();
            if !rescale(state, index, &factors)? {
                factors.fill(1.0);
            }
        }
        let graph = state.quantized_mut()?;
        let limits = bias_limits(graph, &graph.nodes[index]).unwrap_or_default();
        let node = &mut graph.nodes[index];
        let name = node.name.clone();
        let Some(layer) = parts_mut(node) else { return Ok(()) };
        let bias = layer.bias.get_or_insert_with(|| vec![0.0; layer.channels]);
        let mut left = Vec::with_capacity(found.len());
        for (c, bias) in bias.iter_mut().enumerate() {
            let factor = f64::from(factors[c]);
            let wanted = factor * f64::from(*bias) + (float.mean(c) - factor * found.mean(c));
            // A number that is none, of images or weights that are none, changes nothing.
            if wanted.is_finite() {
                *bias = (wanted as f32).clamp(-limits[c], limits[c]);
            }
            left.push(if wanted.is_finite() { f64::from(*bias) - wanted } else { 0.0 });
        }
        let entry = |figure, before: &dyn Fn(usize) -> f64, after: &dyn Fn(usize) -> f64| {
            let (before, after) = (rms(found.len(), before), rms(found.len(), after));
            Entry { layer: name.clone(), figure, before, after }
        };
        let spread = rms(float.len(), &|c| float.deviation(c)).max(f32::MIN_POSITIVE);
        let shift = |c| (found.mean(c) - float.mean(c)) / f64::from(spread);
        self.entries.push(entry(SHIFT, &shift, &|c| left[c] / f64::from(spread)));
        if self.correction == Correction::Bn {
            let error =
                |factor: f64, c| if float.deviation(c) > 0.0 { factor * found.deviation(c) / float.deviation(c) - 1.0 } else { 0.0 };
            self.entries.push(entry(SPREAD, &|c| error(1.0, c), &|c| error(f64::from(factors[c]), c)));
        }
        Ok(())
    }
}

/// How far the means of a layer's channels lie from those in f32.
const SHIFT: &str = "shift of channel means, in deviations of the output";
/// How far the deviations of a layer's channels lie from those in f32.
const SPREAD: &str = "error of channel deviations, relative";

impl Work for Matching {
    fn step(&mut self, state: &mut State, images: usize) -> Result<Count, QuantError> {
        let all = state.images();
        let Some(phase) = self.phase.take() else { return Ok(Count { done: self.total(all), total: self.total(all) }) };
        let (seen, phase) = match phase {
            Phase::Float(mut measuring) => {
                let seen = measuring.step(state, images, &mut Vec::new())?;
                if seen < all {
                    (seen, Phase::Float(measuring))
                } else {
                    self.float = measuring.finish();
                    (seen, self.reached(Box::new(Walk::new(state.quantized()?, state)?)))
                }
            }
            Phase::Look(mut walk, mut channels) => {
                let seen = walk.look(state.quantized()?, images, &mut |x| channels.add(x))?;
                if seen < all {
                    (seen, Phase::Look(walk, channels))
                } else {
                    self.correct(state, walk.at(), &channels)?;
                    (seen, Phase::Advance(walk))
                }
            }
            Phase::Advance(mut walk) => {
                let seen = walk.advance(state.quantized()?, images)?;
                (seen, if seen < all { Phase::Advance(walk) } else { self.reached(walk) })
            }
        };
        self.phase = Some(phase);
        let done = self.passes * all + seen;
        self.passes += usize::from(seen == all);
        Ok(Count { done, total: self.total(all) })
    }

    fn finish(self: Box<Self>, _state: &mut State) -> Result<Option<Report>, QuantError> {
        let figure = if self.correction == Correction::Bn { SPREAD } else { SHIFT };
        let of = || self.entries.iter().filter(|entry| entry.figure == figure);
        let worst = of().reduce(|worst, entry| if entry.before > worst.before { entry } else { worst });
        let summary = match (worst, self.correction) {
            (None, Correction::Bn) => "No layer of this model had a BatchNorm, so there was nothing to find again.".to_owned(),
            (None, _) => "This model has no layer with a bias to correct.".to_owned(),
            (Some(worst), Correction::Bn) => format!(
                "Matched mean and deviation of the channels of {} layers to f32; the deviations were off by {:.1} % at most, in '{}'.",
                of().count(),
                100.0 * worst.before,
                worst.layer
            ),
            (Some(worst), _) => format!(
                "Moved the biases of {} layers; the largest shift was {:.3} deviations of the output, in '{}'.",
                of().count(),
                worst.before,
                worst.layer
            ),
        };
        Ok(Some(Report { correction: self.correction, entries: self.entries, summary }))
    }
}

/// The factor between two deviations, 1 if there is none.
fn ratio(wanted: f64, found: f64) -> f64 {
    let ratio = wanted / found;
    if wanted > 0.0 && found > 0.0 && ratio.is_finite() { ratio.clamp(1.0 / MOST, MOST) } else { 1.0 }
}

/// Root of the mean square.
fn rms(count: usize, x: &dyn Fn(usize) -> f64) -> f32 {
    ((0..count).map(|c| x(c) * x(c)).sum::<f64>() / count.max(1) as f64).sqrt() as f32
}

/// Multiplies the rows of a node's weights, and those that they are rounded from. `false` if that cannot be.
fn rescale(state: &mut State, index: usize, factors: &[f32]) -> Result<bool, QuantError> {
    // A power of two times a factor is none.
    if state.recipe.weights_of(&state.float.nodes[index].name).format == Format::Fixed {
        return Ok(false);
    }
    let graph = state.quantized_mut()?;
    let Some(layer) = parts_mut(&mut graph.nodes[index]) else { return Ok(false) };
    if !scale_rows(layer.weights, factors) {
        return Ok(false);
    }
    let reference: &mut Graph = Arc::make_mut(&mut state.reference);
    if let Some(layer) = parts_mut(&mut reference.nodes[index])
        && matches!(layer.weights, Weights::F32(_))
    {
        scale_rows(layer.weights, factors);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, Layout, Linear, Node, Op, Value, ValueId};
    use bitdial_kernels::Backend;
    use bitdial_protocol::{Bits, Granularity, Recipe};
    use bitdial_runtime::{Options, Plan};

    use super::*;
    use crate::{Pipeline, Samples, Setup};

    /// Inputs of four numbers.
    #[derive(Debug)]
    struct Fours(Vec<f32>);

    impl Samples for Fours {
        fn count(&self) -> usize {
            self.0.len() / 4
        }

        fn batch(&self, first: usize, count: usize) -> Vec<f32> {
            self.0[4 * first..4 * (first + count)].to_vec()
        }
    }

    fn fours() -> Vec<f32> {
        (0..400).map(|i| (i * i % 101) as f32 / 50.0 - 0.5).collect()
    }

    /// Three outputs of four inputs, of which the last channel has no deviation.
    fn graph() -> Graph {
        let weights = vec![0.9, -0.4, 0.3, 0.2, 0.01, 0.04, -0.07, 0.02, 0.0, 0.0, 0.0, 0.0];
        let op = Op::Linear(Linear { out_features: 3, in_features: 4, weights: Weights::F32(weights), bias: Some(vec![0.5, -1.0, 2.0]) });
        let value = |len| Value { name: format!("v{len}"), dims: vec![len], quant: None, simulated: None };
        let (inputs, outputs) = (vec![ValueId(0)], vec![ValueId(1)]);
        let node = Node { name: "fc".into(), op, inputs: inputs.clone(), output: ValueId(1), activation: Activation::None, dynamic: None };
        Graph {
            name: String::new(),
            values: vec![value(4), value(3)],
            nodes: vec![node],
            inputs,
            outputs,
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    fn statistics(graph: &Graph) -> Channels {
        let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict: true }).unwrap();
        let mut channels = Channels::new(3);
        channels.add(&plan.run(&[&fours()], 100).unwrap()[0]);
        channels
    }

    fn corrected(granularity: Granularity, normalized: &[&str]) -> crate::Outcome {
        let mut recipe = Recipe { corrections: vec![Correction::Bn], ..Recipe::default() };
        (recipe.weights.bits, recipe.weights.granularity) = (Bits::new(2).unwrap(), granularity);
        let normalized = normalized.iter().map(|&n| n.to_owned()).collect();
        let setup = Setup { backend: Backend::Scalar, samples: Some(Box::new(Fours(fours()))), ranges: None, normalized };
        Pipeline::new(&Arc::new(graph()), &recipe, setup).unwrap().finish().unwrap()
    }

    #[test]
    fn mean_and_deviation_are_found_again() {
        let (float, outcome) = (statistics(&graph()), corrected(Granularity::Channel, &["fc"]));
        let found = statistics(&outcome.graph);
        for c in 0..3 {
            let (mean, deviation) = (float.mean(c) - found.mean(c), float.deviation(c) - found.deviation(c));
            assert!(mean.abs() < 1e-5 && deviation.abs() < 1e-5, "channel {c}: {mean} {deviation}");
        }
        // The weights to compare with took the same factors.
        let weights = |graph: &Graph, c: usize| match parts(&graph.nodes[0]) {
            Some((Weights::F32(weights), _)) => weights[4 * c],
            other => panic!("{other:?}"),
        };
        let factor = |c| weights(&outcome.reference, c) / weights(&graph(), c);
        assert!((factor(0) - 1.0).abs() > 0.01, "{}", factor(0));
        assert!(outcome.reports[0].entries.iter().any(|e| e.before > 0.01 && e.after < 1e-5), "{:?}", outcome.reports);
    }

    #[test]
    fn one_scale_takes_no_factors_and_other_layers_are_left_alone() {
        let (float, found) = (statistics(&graph()), statistics(&corrected(Granularity::Tensor, &["fc"]).graph));
        assert!((0..3).all(|c| (float.mean(c) - found.mean(c)).abs() < 1e-5));
        assert!((float.deviation(0) - found.deviation(0)).abs() > 1e-3);
        let outcome = corrected(Granularity::Channel, &[]);
        assert!(outcome.reports[0].entries.is_empty() && outcome.reports[0].summary.contains("No layer"), "{:?}", outcome.reports);
        assert!((float.mean(1) - statistics(&outcome.graph).mean(1)).abs() > 1e-3);
    }

    #[test]
    fn factors_are_kept_within_reason() {
        for (wanted, found, expected) in
            [(2.0, 1.0, 2.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (f64::NAN, 1.0, 1.0), (1.0, 1e-9, 4.0), (1e-9, 1.0, 0.25)]
        {
            assert_eq!(ratio(wanted, found), expected, "{wanted} / {found}");
        }
    }
}
