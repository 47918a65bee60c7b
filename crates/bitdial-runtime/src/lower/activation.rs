//! Activations: as an interval where they only clamp, in f32 through `libm`, and as tables between grids.

use bitdial_ir::{Activation, Node};
use bitdial_kernels::Elementwise;
use bitdial_numerics::ActivationParams;

use super::check::output_dims;
use super::{FloatOutput, Held, Lowered, Lowering};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::plan::Execution;

/// The interval that an activation clamps to, if that is all it does. Its ends are in order: like ONNX's Clip, a
/// lower end above the upper one gives the upper one.
#[must_use]
pub fn interval(activation: Activation) -> Option<(f32, f32)> {
    let (low, high) = activation.clamp()?;
    // A bound that is no number bounds nothing.
    let low = if low.is_nan() { f32::NEG_INFINITY } else { low };
    let high = if high.is_nan() { f32::INFINITY } else { high };
    Some((low.min(high), high))
}

/// The interval for a kernel's own clamp, and whether the activation is then still to be applied.
#[must_use]
pub fn split(activation: Activation) -> (f32, f32, bool) {
    interval(activation).map_or((f32::NEG_INFINITY, f32::INFINITY, true), |(low, high)| (low, high, false))
}

/// The grid with only those integers that a clamping activation lets through; `None` for other activations.
#[must_use]
pub fn clamped(grid: ActivationParams, activation: Activation) -> Option<ActivationParams> {
    let (low, high) = interval(activation)?;
    Some(ActivationParams { low: grid.quantize(low), high: grid.quantize(high), ..grid })
}

/// An activation of one number.
#[must_use]
pub fn apply(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::None | Activation::Relu | Activation::Clip(..) => {
            let (low, high) = interval(activation).unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
            x.clamp(low, high)
        }
        Activation::LeakyRelu(alpha) => {
            if x < 0.0 {
                alpha * x
            } else {
                x
            }
        }
        Activation::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
        Activation::HardSwish => x * (x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0),
        Activation::Sigmoid => 1.0 / (1.0 + libm::expf(-x)),
    }
}

/// What each integer of one grid becomes on another, with an activation between.
#[must_use]
pub fn table(from: &ActivationParams, activation: Activation, to: &ActivationParams) -> [u8; 256] {
    std::array::from_fn(|q| to.quantize(apply(activation, from.dequantize(q as u8))))
}

/// The table, if it changes anything.
#[must_use]
pub fn table_if_needed(from: &ActivationParams, activation: Activation, to: &ActivationParams) -> Option<[u8; 256]> {
    (from != to || activation != Activation::None).then(|| table(from, activation, to))
}

impl Lowering<'_> {
    /// Emits `out = activation(x)`.
    pub(crate) fn emit_activation(&mut self, activation: Activation, x: Buf<f32>, out: Buf<f32>) {
        let kernels = self.elementwise();
        self.emit(move |m| {
            let (out, others) = m.f32s.write(out);
            activate(kernels, activation, others.get(x), out);
        });
    }

    /// Emits an activation in place, if there is one.
    pub(crate) fn emit_in_place(&mut self, activation: Activation, buf: Buf<f32>) {
        if activation != Activation::None {
            self.emit(move |m| m.f32s.get_mut(buf).iter_mut().for_each(|x| *x = apply(activation, *x)));
        }
    }

    /// Emits what `split` said is still to be applied.
    pub(crate) fn emit_rest(&mut self, node: &Node, out: &FloatOutput) {
        if split(node.activation).2 {
            self.emit_in_place(node.activation, out.buf);
        }
    }

    /// Emits `out = table[x]`.
    pub(crate) fn emit_table(&mut self, table: [u8; 256], x: Buf<u8>, out: Buf<u8>) {
        let kernels = self.elementwise();
        self.emit(move |m| {
            let (out, others) = m.u8s.write(out);
            kernels.lookup(others.get(x), &table, out);
        });
    }
}

fn activate(kernels: &dyn Elementwise, activation: Activation, x: &[f32], out: &mut [f32]) {
    if let Some((low, high)) = interval(activation) {
        kernels.clamp_f32(x, low, high, out);
    } else {
        for (y, &x) in out.iter_mut().zip(x) {
            *y = apply(activation, x);
        }
    }
}

/// A node that is its activation and nothing else.
pub(crate) fn lower(l: &mut Lowering, node: &Node) -> Result<Lowered, RuntimeError> {
    output_dims(l.graph, node, &l.graph.value(node.inputs[0]).dims)?;
    if let (Held::U8(x, from), Some(to)) = (l.input(node, 0), l.graph.value(node.output).quant) {
        let out = l.output_u8(node);
        l.emit_table(table(&from, node.activation, &to), x, out);
        return Ok(Lowered::new("table-u8", Execution::Integer));
    }
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    l.emit_activation(node.activation, x, out.buf);
    l.finish_float(&out);
    Ok(Lowered::new("activation-f32", Execution::Float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_of_known_numbers() {
        use Activation::{Clip, HardSigmoid, HardSwish, LeakyRelu, None, Relu, Sigmoid};
        for (activation, x, y) in [
            (None, -3.0, -3.0),
            (Relu, -3.0, 0.0),
            (Relu, 3.0, 3.0),
            (Clip(0.0, 6.0), 7.0, 6.0),
            (Clip(2.0, 1.0), 7.0, 1.0),
            (Clip(2.0, 1.0), -7.0, 1.0),
            (Clip(f32::NAN, 1.0), -7.0, -7.0),
            (LeakyRelu(0.1), -2.0, -0.2),
            (LeakyRelu(0.1), 2.0, 2.0),
            (HardSigmoid(0.2, 0.5), 1.0, 0.7),
            (HardSigmoid(0.2, 0.5), -9.0, 0.0),
            (HardSwish, 3.0, 3.0),
            (HardSwish, 1.5, 1.125),
            (HardSwish, -3.0, 0.0),
            (Sigmoid, 0.0, 0.5),
            (Sigmoid, 100.0, 1.0),
            (Sigmoid, -1000.0, 0.0),
        ] {
            let got = apply(activation, x);
            assert!((got - y).abs() < 1e-6, "{activation:?} of {x}: {got}, not {y}");
        }
    }

    #[test]
    fn a_clamp_in_the_grid_is_the_clamp_in_f32() {
        let grid = ActivationParams::affine(-3.0, 5.0, 8);
        for activation in [Activation::None, Activation::Relu, Activation::Clip(-1.0, 2.0), Activation::Clip(0.5, 100.0)] {
            let clamped = clamped(grid, activation).unwrap();
            for (q, &y) in table(&grid, activation, &grid).iter().enumerate() {
                assert_eq!(y, (q as u8).clamp(clamped.low, clamped.high), "{activation:?} of {q}");
            }
        }
        assert_eq!(clamped(grid, Activation::HardSwish), None);
    }
}
