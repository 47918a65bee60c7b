"""Measures the models and writes models.json, which the page reads, and the figures in their cards.

usage: catalogue.py [--check]

Run in any folder; paths in models.json are relative to the site's root. With --check nothing is
written, and a file that is out of date is an error.
"""

import argparse
import hashlib
import json
import pathlib
import re

import check
import describe
import idx

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "models" / "models.json"
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)

MODELS = [
    {
        "id": "digits",
        "title": "Digits",
        "dataset": "mnist",
        "description": "A CNN of five convolutions that reads handwritten digits.",
    },
    {
        "id": "fashion-resnet",
        "title": "Fashion ResNet",
        "dataset": "fashion-mnist",
        "description": "A residual network that tells ten kinds of clothing apart: it quantizes well.",
    },
    {
        "id": "fashion-mobilenet",
        "title": "Fashion MobileNet",
        "dataset": "fashion-mnist",
        "description": "A depthwise-separable network with ReLU6: per-tensor weights break it.",
    },
    {
        "id": "efficientnet-lite0",
        "title": "EfficientNet-Lite0",
        "dataset": "imagenet",
        "description": "A mobile network that names 1,000 kinds of things in photos.",
    },
]
INPUTS = {
    "mnist": ([1, 28, 28], {"mean": 0, "std": 255}),
    "fashion-mnist": ([1, 28, 28], {"mean": 0, "std": 255}),
    "imagenet": ([3, 224, 224], {"mean": 127, "std": 128}),
}


def idx_files(dataset, prefix, key=""):
    """The page's entries for one pair of IDX files and their count, each name prefixed by `key`."""
    folder = f"assets/{dataset}"
    return {
        f"{key}images": f"{folder}/{prefix}-images-idx3-ubyte.gz",
        f"{key}labels": f"{folder}/{prefix}-labels-idx1-ubyte.gz",
        f"{key}count": len(idx.read(ROOT / folder, f"{prefix}-labels-idx1-ubyte")),
    }


def entry(model):
    """One element of models.json: what is written above, and what can be measured."""
    file, dataset = f"models/{model['id']}.onnx", model["dataset"]
    raw = (ROOT / file).read_bytes()
    labelled = dataset != "imagenet"
    shape, normalize = INPUTS[dataset]
    if labelled:
        accuracy = float(check.accuracy(ROOT / file, ROOT / "assets" / dataset))
        test = {**idx_files(dataset, "t10k"), **idx_files(dataset, "first", "first_")}
        calibration = idx_files(dataset, "calib")
    else:
        accuracy, test = None, None
        calibration = {"photos": "assets/photos/index.json"}
    return {
        "id": model["id"],
        "title": model["title"],
        "description": model["description"],
        "file": file,
        "card": f"models/{model['id']}.md",
        "bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        **describe.describe(ROOT / file),
        "input": shape,
        "normalize": normalize,
        "dataset": dataset,
        "labels": f"assets/{dataset}/labels.txt",
        "test": test,
        "calibration": calibration,
        "f32_accuracy": accuracy,
    }


def figures(model):
    """The table of figures in a model card."""
    accuracy = model["f32_accuracy"]
    rows = [
        ("parameters", f"{model['parameters']:,}"),
        ("multiply-accumulates an image", f"{model['macs']:,}"),
        ("file", f"{model['bytes']:,} bytes, f32"),
        ("SHA-256", f"`{model['sha256']}`"),
    ]
    if accuracy is not None:
        count = f"{model['test']['count']:,}"
        rows.append(("top-1 accuracy, f32", f"{100 * accuracy:.2f} % of {count} test images"))
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    only_check = parser.parse_args().check

    catalogue = [entry(model) for model in MODELS]
    texts = {CATALOGUE: json.dumps(catalogue, indent=2) + "\n"}
    for model in catalogue:
        card = ROOT / model["card"]
        table = figures(model)
        text, replaced = FIGURES.subn(lambda _, table=table: table, card.read_text())
        if replaced != 1:
            raise SystemExit(f"{card} needs one <!-- figures --> ... <!-- /figures -->")
        texts[card] = text

    for path, text in texts.items():
        if only_check and path.read_text() != text:
            raise SystemExit(f"{path} is out of date: run catalogue.py")
        if not only_check:
            path.write_text(text)
    for model in catalogue:
        print(model["id"], model["parameters"], model["macs"], model["f32_accuracy"])


if __name__ == "__main__":
    main()
