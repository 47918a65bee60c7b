"""Prints the top-1 test accuracy of an exported model, run in onnxruntime.

usage: check.py MODEL.onnx DATA
"""

import sys

import numpy as np
import onnxruntime as ort

import idx


def predictions(model, images, batch=500):
    """Predicted classes (i64, N) for u8 images (N x 28 x 28), fed as one channel of pixel/255."""
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    x = images[:, None].astype(np.float32) / 255
    logits = [session.run(None, {name: x[i : i + batch]})[0] for i in range(0, len(x), batch)]
    return np.concatenate(logits).argmax(1)


def accuracy(model, data):
    """Fraction of the images `t10k-*` in the folder `data` that the model classifies correctly."""
    images = idx.read(data, "t10k-images-idx3-ubyte")
    labels = idx.read(data, "t10k-labels-idx1-ubyte")
    return (predictions(model, images) == labels).mean()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(f"{sys.argv[1]}: {100 * accuracy(*sys.argv[1:]):.2f} %")
