"""Makes the peers' files of every model from the project's own ONNX files and checks what they compute.

usage: make.py ROOT OUT [MODEL...]

ROOT is the checkout, OUT a folder. For each model of ROOT/models/models.json, or those named, OUT gets
MODEL.tflite, MODEL.int8.tflite, MODEL.int8.onnx and MODEL.tfjs/. All but the last are run here and must
agree with onnxruntime on the original, by the cosine of the logits over calibration inputs; the last is
compared by the bench itself.
"""

import json
import sys
from pathlib import Path

import numpy as np

import inputs
import network
import qdq
import tfjs
import tflite

IMAGES = 16
LEAST_F32 = 0.99999
LEAST_INT8 = 0.95


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    root, out, only = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    out.mkdir(parents=True, exist_ok=True)
    models = json.loads((root / "models/models.json").read_text())
    unknown = set(only) - {model["id"] for model in models}
    if unknown:
        raise SystemExit(f"models.json names no {', '.join(sorted(unknown))}")
    for model in models:
        if not only or model["id"] in only:
            make(root, model, out)


def make(root, model, out):
    """The files of one model."""
    source = root / model["file"]
    images = inputs.calibration(root, model)
    layers = network.read(source)
    files = {kind: out / f"{model['id']}.{kind}" for kind in ("tflite", "int8.tflite", "int8.onnx")}
    tflite.write(layers, images, files["tflite"], files["int8.tflite"])
    tfjs.write(layers, out / f"{model['id']}.tfjs")
    qdq.write(source, images, files["int8.onnx"])

    images = images[:IMAGES]
    wanted = qdq.run(source, images)
    for kind, file in files.items():
        found = (qdq if kind.endswith("onnx") else tflite).run(file, images)
        near = cosine(wanted, found)
        print(f"{file.name}: {file.stat().st_size} bytes, cosine {near:.5f}, same class {agreement(wanted, found):.2f}", flush=True)
        if near < (LEAST_INT8 if kind.startswith("int8") else LEAST_F32):
            raise SystemExit(f"{file.name} does not compute what {source.name} does")


def cosine(a, b):
    """The smallest cosine between the rows of two arrays."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def agreement(a, b):
    """How often the largest of a row is the same."""
    return float((a.argmax(1) == b.argmax(1)).mean())


if __name__ == "__main__":
    main()
