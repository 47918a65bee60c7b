"""Writes a network as a TensorFlow.js graph model, with the fused operators that its own converter writes."""

import base64
import json

import numpy as np

from network import padding

FUSED = {None: [], "relu": ["Relu"], "relu6": ["Relu6"]}
FLOAT = {"type": "DT_FLOAT"}


def write(network, folder):
    """Writes `folder`/model.json and weights.bin."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(network)
    (folder / "weights.bin").write_bytes(b"".join(array.tobytes() for array in writer.weights.values()))
    weights = [
        {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)} for name, array in writer.weights.items()
    ]
    ends = {kind: {kind: tensor(name, shape)} for kind, name, shape in writer.ends}
    model = {
        "format": "graph-model",
        "signature": ends,
        "modelTopology": {"node": writer.nodes, "library": {}, "versions": {}},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": weights}],
    }
    (folder / "model.json").write_text(json.dumps(model))


def tensor(name, shape):
    """The signature of one end."""
    return {"name": f"{name}:0", "dtype": "DT_FLOAT", "tensorShape": dims(shape)}


def dims(shape):
    return {"dim": [{"size": str(size)} for size in shape]}


def string(text):
    return base64.b64encode(text.encode()).decode()


def ints(numbers):
    return {"list": {"i": [str(number) for number in numbers]}}


class Writer:
    """Collects nodes and weights."""

    def __init__(self, network):
        self.nodes, self.weights, self.names = [], {}, {}
        channels, height, width = network.shape
        self.shapes = {network.input: (1, height, width, channels)}
        self.names[network.input] = self.node("Placeholder", [], dtype=FLOAT, shape={"shape": dims(self.shapes[network.input])})
        for layer in network.layers:
            self.names[layer.output] = self.layer(layer)
        self.ends = [
            (kind, self.names[name], self.shapes[name])
            for kind, name in (("inputs", network.input), ("outputs", network.output))
        ]

    def node(self, op, inputs, **attributes):
        """Adds a node; its name."""
        name = f"n{len(self.nodes)}"
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": attributes})
        return name

    def constant(self, array):
        """Adds a constant; its name."""
        kind = {"float32": "DT_FLOAT", "int32": "DT_INT32"}[str(array.dtype)]
        value = {"tensor": {"dtype": kind, "tensorShape": dims(array.shape)}}
        name = self.node("Const", [], dtype={"type": kind}, value=value)
        self.weights[name] = np.ascontiguousarray(array)
        return name

    def layer(self, layer):
        """Adds the nodes of a layer; the name of the last."""
        inputs = [self.names[name] for name in layer.inputs]
        batch, *image = self.shapes[layer.inputs[0]]
        if layer.op == "add":
            self.shapes[layer.output] = (batch, *image)
            name = self.node("AddV2", inputs, T=FLOAT)
            return self.node(FUSED[layer.activation][0], [name], T=FLOAT) if layer.activation else name
        if layer.op == "mean":
            self.shapes[layer.output] = (batch, image[-1])
            return self.node("Mean", [*inputs, self.constant(np.array([1, 2], np.int32))], keep_dims={"b": False}, T=FLOAT)
        operations = [string(name) for name in ["BiasAdd", *FUSED[layer.activation]]]
        fused = {"T": FLOAT, "num_args": {"i": "1"}, "fused_ops": {"list": {"s": operations}}, "epsilon": {"f": 0}}
        if layer.op == "linear":
            self.shapes[layer.output] = (batch, layer.weight.shape[1])
            inputs += [self.constant(layer.weight), self.constant(layer.bias)]
            return self.node("_FusedMatMul", inputs, transpose_a={"b": False}, transpose_b={"b": False}, **fused)
        return self.conv(layer, inputs, image, fused)

    def conv(self, layer, inputs, image, fused):
        """Adds a convolution; its name."""
        pad, height, width = padding(layer, image[0], image[1])
        self.shapes[layer.output] = (1, height, width, layer.weight.shape[0])
        top, left, bottom, right = layer.pads
        if pad is None:
            fused["explicit_paddings"] = ints([0, 0, top, bottom, left, right, 0, 0])
        order = (2, 3, 0, 1) if layer.op == "depthwise" else (2, 3, 1, 0)
        op = "FusedDepthwiseConv2dNative" if layer.op == "depthwise" else "_FusedConv2D"
        return self.node(
            op,
            [*inputs, self.constant(layer.weight.transpose(order)), self.constant(layer.bias)],
            strides=ints([1, *layer.strides, 1]),
            padding={"s": string(pad or "EXPLICIT")},
            dilations=ints([1, 1, 1, 1]),
            data_format={"s": string("NHWC")},
            **fused,
        )
