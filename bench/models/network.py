"""Reads one of the project's ONNX files as a list of layers, BatchNorm folded and activations fused, NHWC in mind."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper


@dataclass
class Layer:
    """One layer; `weight` is OIHW for `conv`, IO for `linear`."""

    op: str  # conv, depthwise, add, mean or linear
    inputs: list
    output: str
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    strides: tuple = (1, 1)
    pads: tuple = (0, 0, 0, 0)  # top, left, bottom, right
    activation: str | None = None  # relu or relu6


@dataclass
class Network:
    """The layers in order, the shape (C, H, W) of the input, the names of the two ends."""

    input: str
    shape: tuple
    output: str
    layers: list = field(default_factory=list)


def read(path):
    """The network in an ONNX file of the operators that this project's models are made of."""
    graph = onnx.load(path).graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    shape = tuple(d.dim_value for d in graph.input[0].type.tensor_type.shape.dim[1:])
    network = Network(graph.input[0].name, shape, graph.output[0].name)
    made = {}  # value name -> the layer that puts it out
    alias = {}  # value name -> the value it equals here
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        source = [alias.get(name, name) for name in node.input]
        if node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(attributes["value"])
        elif node.op_type == "Identity" and source[0] in values:
            values[node.output[0]] = values[source[0]]
        elif node.op_type == "BatchNormalization":
            fold(made[source[0]], *(values[name] for name in source[1:]), attributes["epsilon"])
            alias[node.output[0]] = source[0]
        elif node.op_type in ("Relu", "Clip"):
            made[source[0]].activation = activation(node.op_type, [values[name] for name in source[1:]])
            alias[node.output[0]] = source[0]
        elif node.op_type == "Flatten":
            alias[node.output[0]] = source[0]
        else:
            layer = make(node, attributes, source, values)
            network.layers.append(layer)
            made[layer.output] = layer
    network.output = alias.get(network.output, network.output)
    return network


def make(node, attributes, source, values):
    """The layer of a node that computes."""
    output = node.output[0]
    if node.op_type == "Conv":
        weight = values[source[1]]
        bias = values[source[2]] if len(source) > 2 else np.zeros(weight.shape[0], np.float32)
        groups = attributes.get("group", 1)
        if groups not in (1, weight.shape[0]) or any(d != 1 for d in attributes.get("dilations", [])):
            raise SystemExit(f"{node.name}: grouped and dilated convolutions are not known here")
        op = "conv" if groups == 1 else "depthwise"
        return Layer(op, source[:1], output, weight, bias, tuple(attributes["strides"]), tuple(attributes["pads"]))
    if node.op_type == "Add":
        return Layer("add", source, output)
    if node.op_type == "GlobalAveragePool":
        return Layer("mean", source, output)
    if node.op_type == "Gemm" and attributes.get("transB") == 1:
        return Layer("linear", source[:1], output, values[source[1]].T.copy(), values[source[2]])
    raise SystemExit(f"{node.name}: the operator {node.op_type} is not known here")


def fold(layer, gamma, beta, mean, variance, epsilon):
    """Folds BatchNorm into the convolution before it, in f64."""
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    layer.weight = (layer.weight * scale[:, None, None, None]).astype(np.float32)
    layer.bias = ((layer.bias - mean) * scale + beta).astype(np.float32)


def activation(op, bounds):
    """The name of an activation."""
    if op == "Relu":
        return "relu"
    if [float(b) for b in bounds] == [0.0, 6.0]:
        return "relu6"
    raise SystemExit(f"a Clip to {bounds} is not known here")


def same_pads(size, kernel, stride):
    """TensorFlow's SAME padding along one axis: (before, after, output size)."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out


def padding(layer, height, width):
    """`("SAME" or "VALID" or None, output height, output width)`; None where neither says what the layer pads."""
    (top, left, bottom, right), (sy, sx) = layer.pads, layer.strides
    ky, kx = layer.weight.shape[2:]
    out = ((height + top + bottom - ky) // sy + 1, (width + left + right - kx) // sx + 1)
    same = [same_pads(size, k, s) for size, k, s in ((height, ky, sy), (width, kx, sx))]
    if [(top, bottom, out[0]), (left, right, out[1])] == same:
        return "SAME", *out
    return ("VALID" if layer.pads == (0, 0, 0, 0) else None), *out
