//! One function per ONNX operator.

mod activation;
mod binary;
mod constants;
mod conv;
mod linear;
mod movement;
mod pool;
mod reduce;
mod reshape;
mod window;

use crate::onnx::call::{Call, Made};

/// Turns a node of the file into a node of the graph, or says why not.
pub type Converter = fn(&mut Call) -> Result<Made, String>;

/// The function for an operator; `None` if it is not supported.
pub fn converter(op_type: &str) -> Option<Converter> {
    Some(match op_type {
        "Add" => binary::add,
        "AveragePool" => pool::average_pool,
        "BatchNormalization" => conv::batch_norm,
        "Cast" => constants::cast,
        "Clip" => activation::clip,
        "Concat" => movement::concat,
        "Constant" => constants::constant,
        "Conv" => conv::conv,
        "Dropout" => reshape::dropout,
        "Flatten" => reshape::flatten,
        "Gather" => constants::gather,
        "Gemm" => linear::gemm,
        "GlobalAveragePool" => reduce::global_average_pool,
        "HardSigmoid" => activation::hard_sigmoid,
        "HardSwish" => activation::hard_swish,
        "Identity" => reshape::identity,
        "LeakyRelu" => activation::leaky_relu,
        "MatMul" => linear::mat_mul,
        "MaxPool" => pool::max_pool,
        "Mul" => binary::mul,
        "Pad" => movement::pad,
        "ReduceMean" => reduce::reduce_mean,
        "Relu" => activation::relu,
        "Reshape" => reshape::reshape,
        "Shape" => constants::shape,
        "Sigmoid" => activation::sigmoid,
        "Slice" => constants::slice,
        "Softmax" => reduce::softmax,
        "Squeeze" => reshape::squeeze,
        "Transpose" => movement::transpose,
        "Unsqueeze" => reshape::unsqueeze,
        _ => return None,
    })
}
