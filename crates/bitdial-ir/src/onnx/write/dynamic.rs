//! An input that is quantized on each run, image by image.

use crate::graph::{Graph, ValueId};
use crate::onnx::write::file::{File, Step, int};
use crate::op::DynamicQuant;

/// Writes what takes a value to the grid of its own range and back; gives the name. The formulas are those of
/// [`bitdial_numerics::ActivationParams`], operation by operation.
pub fn quantized(file: &mut File, graph: &Graph, value: ValueId, how: DynamicQuant) -> String {
    let key = (value, how.bits, how.symmetric);
    if let Some((.., known)) = file.dynamic.iter().find(|(value, bits, symmetric, _)| (*value, *bits, *symmetric) == key) {
        return known.clone();
    }
    let x = file.value(value);
    let base = format!("{x}/dynamic{}{}", how.bits, if how.symmetric { "s" } else { "" });
    let axes: Vec<i64> = (1..=graph.value(value).dims.len() as i64).collect();
    let axes = file.ints(format!("{base}/axes"), &axes);
    let mut number = |what: &str, x: f32| file.floats(format!("{base}/{what}"), &[], &[x]);
    let (zero, one) = (number("zero", 0.0), number("one", 1.0));
    let (smallest, largest) = (number("smallest", 1e-30), number("largest", f32::MAX));
    // Two integers have no middle: at 1 bit a symmetric grid is the affine one.
    let symmetric = how.symmetric && how.bits > 1;
    let top = u8::MAX >> (8 - how.bits + u8::from(symmetric));
    let (high, low) = (number("high", top.into()), number("low", -f32::from(top)));

    let mut w = Steps { file, base };
    let extreme = |w: &mut Steps, op| w.one("range", &x, Step::with(op, vec![axes.clone()]).set(int("keepdims", 1)));
    let (min, max) = (extreme(&mut w, "ReduceMin"), extreme(&mut w, "ReduceMax"));
    let range = if symmetric {
        let negative = w.op("Neg", &min, &[]);
        w.op("Max", &max, &[&negative, &zero])
    } else {
        let (min, max) = (w.op("Min", &min, &[&zero]), w.op("Max", &max, &[&zero]));
        w.op("Sub", &max, &[&min])
    };
    let tight = w.op("Div", &range, &[&high]);
    let positive = w.op("Greater", &tight, &[&zero]);
    let usable = w.op("Clip", &tight, &[&smallest, &largest]);
    let scale = w.op("Where", &positive, &[&usable, &one]);
    let (low, high) = if symmetric {
        (low, high)
    } else {
        let min = w.op("Min", &min, &[&zero]);
        let below = w.op("Neg", &min, &[]);
        let steps = w.op("Div", &below, &[&scale]);
        let rounded = w.op("Round", &steps, &[]);
        let zero_point = w.op("Clip", &rounded, &[&zero, &high]);
        (w.op("Neg", &zero_point, &[]), w.op("Sub", &high, &[&zero_point]))
    };
    let steps = w.op("Div", &x, &[&scale]);
    let above = w.op("Max", &steps, &[&low]);
    let inside = w.op("Min", &above, &[&high]);
    let integers = w.op("Round", &inside, &[]);
    let name = w.op("Mul", &integers, &[&scale]);
    let grid = if symmetric { "symmetric" } else { "affine" };
    file.note(
        format!("bitdial.activations.{x}"),
        format!("integers of {} bits, {grid}, on the range of each image, written in f32", how.bits),
    );
    file.dynamic.push((value, how.bits, how.symmetric, name.clone()));
    name
}

/// Writes single nodes.
struct Steps<'f> {
    file: &'f mut File,
    base: String,
}

impl Steps<'_> {
    fn op(&mut self, op: &'static str, first: &str, more: &[&String]) -> String {
        self.one(op, first, Step::with(op, more.iter().map(|&m| m.clone()).collect()))
    }

    fn one(&mut self, what: &str, from: &str, step: Step) -> String {
        self.file.before(&self.base, what, from.to_owned(), vec![step])
    }
}
