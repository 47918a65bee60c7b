//! Whether a graph keeps its invariants.

use std::collections::HashSet;

use crate::error::{IrError, shorten};
use crate::graph::Graph;
use crate::infer::{check_activation, infer, work};
use crate::limits::{self, Budget};
use crate::op::Op;

impl Graph {
    /// Checks every invariant of a graph: order, ids, names, dimensions, constants, grids and size.
    ///
    /// # Errors
    /// [`IrError::Node`] where a node does not fit its operands, [`IrError::TooLarge`], else [`IrError::Graph`].
    pub fn check(&self) -> Result<(), IrError> {
        let broken = |reason: String| Err(IrError::Graph(reason));
        let (mut values, mut constants) = (Budget::values(), Budget::constants());
        let large = |what: &str| IrError::TooLarge(what.to_owned());
        if self.nodes.len() > limits::NODES {
            return Err(large("it has more than 16,384 nodes"));
        }
        if self.inputs.len().max(self.outputs.len()) > limits::INPUTS {
            return Err(large("it has more than 256 inputs or outputs"));
        }
        for value in &self.values {
            let Some(n) = limits::elements(&value.dims) else {
                return broken(format!("`{}` has no usable dimensions", shorten(&value.name)));
            };
            values.take(n).map_err(large)?;
            if let Some(q) = value.quant
                && !(q.scale.is_finite() && q.scale > 0.0 && q.low <= q.zero_point && q.zero_point <= q.high)
            {
                return broken(format!("`{}` has a grid that is not one", shorten(&value.name)));
            }
        }
        if let Some(value) = self.values.iter().find(|v| v.simulated.is_some_and(|f| v.quant.is_some() || !f.is_sound())) {
            return broken(format!("`{}` has a simulated format that is not one", shorten(&value.name)));
        }
        if self.accumulator.is_some_and(|a| !(8..=32).contains(&a.bits)) {
            return broken("it has sums of other than 8 to 32 bits".to_owned());
        }
        let mut written = vec![false; self.values.len()];
        for id in &self.inputs {
            match written.get_mut(id.0) {
                Some(seen @ false) => *seen = true,
                _ => return broken("its inputs are not all different values".to_owned()),
            }
        }
        let mut names = HashSet::new();
        let mut effort = 0u64;
        for node in &self.nodes {
            let fail = |reason: String| IrError::node(&node.name, node.op.name(), reason);
            if !names.insert(node.name.as_str()) {
                return Err(IrError::Duplicate(shorten(&node.name)));
            }
            if let Some(id) = node.inputs.iter().find(|id| !written.get(id.0).copied().unwrap_or(false)) {
                return Err(fail(format!("it reads value {}, which nothing before it writes", id.0)));
            }
            match written.get_mut(node.output.0) {
                Some(seen @ false) => *seen = true,
                _ => return Err(fail("its output is not a value of its own".to_owned())),
            }
            let inputs: Vec<_> = node.inputs.iter().map(|&id| self.value(id).dims.as_slice()).collect();
            let dims = infer(&node.op, &inputs, self.layout).map_err(fail)?;
            if dims != self.value(node.output).dims {
                return Err(fail("its result has other dimensions than the value it writes".to_owned()));
            }
            check_activation(node.activation).map_err(fail)?;
            if let Some(dynamic) = node.dynamic {
                let fits = matches!(node.op, Op::Conv(_) | Op::Linear(_)) && (1..=8).contains(&dynamic.bits);
                if !fits {
                    return Err(fail("it cannot quantize its input on each run".to_owned()));
                }
            }
            constants.take(node.op.constant_len()).map_err(large)?;
            effort = effort.saturating_add(work(&node.op, inputs[0], &dims));
        }
        if effort > limits::WORK {
            return Err(large("it makes more than 69 billion multiplications per image"));
        }
        if written.iter().any(|w| !w) {
            return broken("it has a value that nothing writes".to_owned());
        }
        if self.outputs.is_empty() {
            return broken("it has no output".to_owned());
        }
        if self.outputs.iter().any(|id| id.0 >= self.values.len()) {
            return broken("an output is not one of its values".to_owned());
        }
        Ok(())
    }
}
