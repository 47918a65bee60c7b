//! A value on a grid: `QuantizeLinear`, `Clip` where the grid does not use all integers, `DequantizeLinear`.

use bitdial_numerics::{ActivationParams, FakeQuant, WideGrid};

use crate::graph::Value;
use crate::onnx::proto::data_type;
use crate::onnx::write::file::{File, Step};

/// The steps that take real numbers to a grid and back, with integers from `ends.0` to `ends.1` only.
pub fn steps(file: &mut File, value: &str, grid: &ActivationParams, ends: (u8, u8)) -> Vec<Step> {
    let scale = file.floats(format!("{value}/scale"), &[], &[grid.scale]);
    let integer = |file: &mut File, what: &str, q: u8| file.constant(format!("{value}/{what}"), data_type::UINT8, &[], vec![q]);
    let zero_point = integer(file, "zero_point", grid.zero_point);
    let both = || vec![scale.clone(), zero_point.clone()];
    let mut steps = vec![Step::with("QuantizeLinear", both())];
    if ends != (0, u8::MAX) {
        let (low, high) = (integer(file, "low", ends.0), integer(file, "high", ends.1));
        steps.push(Step::with("Clip", vec![low, high]));
    }
    steps.push(Step::with("DequantizeLinear", both()));
    if grid.low > 0 || grid.high < u8::MAX {
        let note = format!("integers {} to {}, in UINT8", grid.low, grid.high);
        file.note(format!("bitdial.activations.{value}"), note);
    }
    steps
}

/// The steps after those that compute a value with no activation to come, named as in the file.
pub fn of_value(file: &mut File, value: &Value, name: &str) -> Vec<Step> {
    match (value.quant, value.simulated) {
        (Some(grid), _) => steps(file, name, &grid, (grid.low, grid.high)),
        (None, Some(FakeQuant::Grid(grid))) => wide(file, name, &grid),
        (None, _) => Vec::new(),
    }
}

/// The same as [`steps`] for up to 16 bits. There is no `Clip` of u16: it comes before, in f32, and its ends are values of
/// the grid.
fn wide(file: &mut File, value: &str, grid: &WideGrid) -> Vec<Step> {
    let mut float = |what: &str, x: f32| file.floats(format!("{value}/{what}"), &[], &[x]);
    let scale = float("scale", grid.scale);
    let end = |q: u16| (f32::from(q) - f32::from(grid.zero_point)) * grid.scale;
    let whole = grid.low == 0 && grid.high == u16::MAX;
    let mut steps = Vec::new();
    if !whole {
        let ends = vec![float("low", end(grid.low)), float("high", end(grid.high))];
        steps.push(Step::with("Clip", ends));
    }
    let zero_point = file.constant(format!("{value}/zero_point"), data_type::UINT16, &[], grid.zero_point.to_le_bytes().to_vec());
    steps.push(Step::with("QuantizeLinear", vec![scale.clone(), zero_point.clone()]));
    steps.push(Step::with("DequantizeLinear", vec![scale, zero_point]));
    file.note(format!("bitdial.activations.{value}"), format!("integers {} to {}, in UINT16", grid.low, grid.high));
    steps
}
