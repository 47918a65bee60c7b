"""Writes a network as .tflite: f32, and int8 with per-channel weights, f32 at both ends."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf

from network import padding

ACTIVATIONS = {None: lambda x: x, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


def function(network):
    """The network as a TensorFlow function of one NHWC input."""
    channels, height, width = network.shape

    def forward(image):
        values = {network.input: image}
        for layer in network.layers:
            inputs = [values[name] for name in layer.inputs]
            values[layer.output] = ACTIVATIONS[layer.activation](apply(layer, inputs))
        return values[network.output]

    signature = tf.TensorSpec((1, height, width, channels), tf.float32)
    return tf.function(forward).get_concrete_function(signature)


def apply(layer, inputs):
    """One layer without its activation."""
    x = inputs[0]
    if layer.op == "add":
        return tf.add(*inputs)
    if layer.op == "mean":
        return tf.reduce_mean(x, axis=[1, 2])
    if layer.op == "linear":
        return tf.nn.bias_add(tf.matmul(x, layer.weight), layer.bias)
    name, _, _ = padding(layer, x.shape[1], x.shape[2])
    if name is None:
        top, left, bottom, right = layer.pads
        x = tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]])
        name = "VALID"
    strides = [1, *layer.strides, 1]
    if layer.op == "depthwise":
        y = tf.nn.depthwise_conv2d(x, layer.weight.transpose(2, 3, 0, 1), strides, name)
    else:
        y = tf.nn.conv2d(x, layer.weight.transpose(2, 3, 1, 0), strides, name)
    return tf.nn.bias_add(y, layer.bias)


def write(network, inputs, f32, int8):
    """Writes both files; `inputs` (N x C x H x W) calibrate the second."""
    concrete = function(network)
    f32.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())

    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in nhwc(inputs))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    int8.write_bytes(converter.convert())


def run(path, inputs):
    """The outputs of a .tflite file, N x classes."""
    interpreter = tf.lite.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for image in nhwc(inputs):
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(sink["index"])[0])
    return np.stack(outputs)


def nhwc(inputs):
    """N x C x H x W as N x H x W x C, contiguous."""
    return np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))
