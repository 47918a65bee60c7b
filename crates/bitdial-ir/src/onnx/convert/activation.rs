//! Relu, Clip, `LeakyRelu`, HardSigmoid, HardSwish, Sigmoid.

use crate::onnx::call::{Call, Made};
use crate::op::{Activation, Op};

fn activate(call: &mut Call, activation: Activation) -> Result<Made, String> {
    Ok(Made::Node(Op::Activate.into(), vec![call.value(0)?], activation))
}

pub fn relu(call: &mut Call) -> Result<Made, String> {
    activate(call, Activation::Relu)
}

pub fn sigmoid(call: &mut Call) -> Result<Made, String> {
    activate(call, Activation::Sigmoid)
}

pub fn hard_swish(call: &mut Call) -> Result<Made, String> {
    activate(call, Activation::HardSwish)
}

pub fn leaky_relu(call: &mut Call) -> Result<Made, String> {
    let alpha = call.attributes.float("alpha")?.unwrap_or(0.01);
    activate(call, Activation::LeakyRelu(alpha))
}

pub fn hard_sigmoid(call: &mut Call) -> Result<Made, String> {
    let alpha = call.attributes.float("alpha")?.unwrap_or(0.2);
    let beta = call.attributes.float("beta")?.unwrap_or(0.5);
    activate(call, Activation::HardSigmoid(alpha, beta))
}

/// The bounds are attributes before version 11 and operands since.
pub fn clip(call: &mut Call) -> Result<Made, String> {
    let (low, high) = if call.opset < 11 {
        (call.attributes.float("min")?, call.attributes.float("max")?)
    } else {
        let mut bound = |index| call.optional_constant(index, "bounds")?.map(|c| c.float()).transpose();
        (bound(1)?, bound(2)?)
    };
    // The largest finite values are how version 6 says that there is no bound.
    let low = low.filter(|&x| x != f32::MIN).unwrap_or(f32::NEG_INFINITY);
    let high = high.filter(|&x| x != f32::MAX).unwrap_or(f32::INFINITY);
    if low.is_nan() || high.is_nan() {
        return Err("a bound is not a number".to_owned());
    }
    let activation = match (low, high) {
        (f32::NEG_INFINITY, f32::INFINITY) => Activation::None,
        (0.0, f32::INFINITY) => Activation::Relu,
        // Where the bounds are in the wrong order, the upper one wins.
        _ => Activation::Clip(low.min(high), high),
    };
    activate(call, activation)
}
