//! A value on a grid: `QuantizeLinear`, `Clip` where the grid does not use all of u8, `DequantizeLinear`.

use bitdial_numerics::ActivationParams;

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
