//! The graph: ONNX in, shape inference, passes.
