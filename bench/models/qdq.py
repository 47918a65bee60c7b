"""Writes an ONNX file as int8 in QDQ form, the way onnxruntime quantizes: u8 activations, i8 weights per channel."""

import tempfile
from pathlib import Path

import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(CalibrationDataReader):
    """Hands out inputs one by one."""

    def __init__(self, name, inputs):
        self.batches = ({name: image[None]} for image in inputs)

    def get_next(self):
        return next(self.batches, None)


def write(model, inputs, output):
    """Quantizes `model`; `inputs` (N x C x H x W) calibrate it."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        name = session(prepared).get_inputs()[0].name
        quantize_static(
            str(prepared),
            str(output),
            Reader(name, inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def session(model):
    """An onnxruntime session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def run(model, inputs):
    """The outputs of an ONNX file, N x classes."""
    opened = session(model)
    return opened.run(None, {opened.get_inputs()[0].name: inputs})[0]
