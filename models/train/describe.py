"""Counts an ONNX model's parameters and multiply-accumulates from its shapes.

usage: describe.py MODEL.onnx...
"""

import math
import pathlib
import sys

import onnx
from onnx import shape_inference

# Which inputs of an operator training adjusts. BatchNormalization's mean and variance are statistics.
LEARNED_INPUTS = {
    "Conv": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (1,),
    "BatchNormalization": (1, 2),
}


def shapes_at_batch_1(model):
    """Shape of every tensor of the graph for one image: initializers, inputs and values."""
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    graph = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {t.name: list(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shapes[value.name] = [d.dim_value for d in value.type.tensor_type.shape.dim]
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]
    return shapes


def parameters(node, shapes):
    """Number of trained values that `node` reads."""
    learned = LEARNED_INPUTS.get(node.op_type, ())
    return sum(math.prod(shapes[node.input[i]]) for i in learned if i < len(node.input))


def macs(node, shapes):
    """Multiply-accumulates of `node` for one image; BatchNorm is folded and counts as none."""
    out = math.prod(shapes[node.output[0]])
    if node.op_type == "Conv":
        return out * math.prod(shapes[node.input[1]][1:])
    if node.op_type in ("Gemm", "MatMul"):
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return out * shapes[node.input[0]][0 if transposed else -1]
    return 0


def describe(path):
    """{"parameters": trained values, "macs": multiply-accumulates for one image}."""
    model = onnx.load(str(path))
    shapes = shapes_at_batch_1(model)
    nodes = model.graph.node
    return {
        "parameters": sum(parameters(node, shapes) for node in nodes),
        "macs": sum(macs(node, shapes) for node in nodes),
    }


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for name in sys.argv[1:]:
        print(pathlib.Path(name).stem, describe(name))
