"""Runs exported ONNX files in onnxruntime and compares its predictions with ours.

usage: judge.py FOLDER

FOLDER holds cases.json and the files that crates/bitdial-quant/examples/export.rs writes, and random.json and those of
crates/bitdial-quant/tests/graphs/exported.rs. Every file must pass onnx.checker and run. Of the models, at least 99.5 %
of the predictions must equal ours, and the accuracy must lie within 0.1 points of ours. Of the random graphs together,
99 % of the outputs must lie within 1e-4 of the largest of their graph: a sum that is rounded the other way, or a sigmoid
that differs in its last bit, is a whole step of a narrow grid later. Prints a table, then a line for each failure; exits
with 1 if there is one.
"""

import gzip
import json
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATASETS = {"digits": "mnist", "fashion-resnet": "fashion-mnist", "fashion-mobilenet": "fashion-mnist"}
LEAST_EQUAL = 99.5
MOST_APART = 0.1
LEAST_NEAR = 99
NEAR = 1e-4


def idx(model, name, header):
    """The elements of an IDX file of a model's dataset."""
    path = ROOT / "assets" / DATASETS[model] / f"{name}.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)[header:]


def checked_session(path):
    """A session of a file that passes onnx.checker."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Without VNNI, x86 products of u8 and i8 saturate in pairs unless this is set.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def predict(path, images):
    """The class of each image."""
    session = checked_session(path)
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: images[i : i + 100]})[0] for i in range(0, len(images), 100)]
    return np.concatenate(parts).argmax(1)


def judge(folder, case):
    """Figures of a case, and what is wrong with it."""
    path = folder / case["file"]
    count = case["images"]
    images = idx(case["model"], "t10k-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)[:count].astype(np.float32) / 255
    labels = idx(case["model"], "t10k-labels-idx1-ubyte", 8)[:count]
    start = time.monotonic()
    predictions = predict(path, images)
    seconds = time.monotonic() - start
    equal = int((predictions == np.array(case["predictions"])).sum())
    accuracy = 100 * (predictions == labels).mean()
    wrong = []
    if equal < LEAST_EQUAL / 100 * count:
        wrong.append(f"{equal} of {count} predictions are ours, and {LEAST_EQUAL} % must be")
    # Of fewer images, one is more than that.
    if count >= 10_000 and abs(accuracy - case["accuracy"]) > MOST_APART + 1e-9:
        wrong.append(f"its accuracy is {accuracy:.2f} % and ours {case['accuracy']:.2f} %")
    return (count, equal, case["accuracy"], accuracy, path.stat().st_size, seconds), wrong


def near(folder, case):
    """How many outputs of a random graph are as ours, and how many there are."""
    session = checked_session(folder / case["file"])
    x = np.array(case["input"], np.float32).reshape([case["images"]] + case["dims"])
    found = session.run(None, {session.get_inputs()[0].name: x})
    equal = total = 0
    for theirs, ours in zip(found, case["outputs"], strict=True):
        ours = np.array(ours, np.float32)
        equal += int((np.abs(theirs.ravel() - ours) <= NEAR * max(np.abs(ours).max(), 1e-9)).sum())
        total += ours.size
    return equal, total


def judge_random(folder):
    """What is wrong with the random graphs."""
    cases = json.loads((folder / "random.json").read_text())
    failures, equal, total = [], 0, 0
    for case in cases:
        try:
            figures = near(folder, case)
            equal, total = equal + figures[0], total + figures[1]
        except Exception as error:  # onnx and onnxruntime have many kinds
            failures.append(f"{case['file']}, {case['recipe']}: {type(error).__name__}: {error}")
    print(f"{len(cases)} random graphs: {equal} of {total} outputs are ours")
    if total == 0 or equal < LEAST_NEAR / 100 * total:
        failures.append(f"{equal} of {total} outputs of random graphs are ours, and {LEAST_NEAR} % must be")
    return failures


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = json.loads((folder / "cases.json").read_text())
    failures = judge_random(folder)
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}")
    head = ("model", "recipe", "images", "equal", "ours %", "theirs %", "bytes", "s")
    print("{:18} {:32} {:>6} {:>6} {:>7} {:>8} {:>8} {:>5}".format(*head))
    for case in cases:
        try:
            figures, wrong = judge(folder, case)
            row = "{:18} {:32} {:6} {:6} {:7.2f} {:8.2f} {:8} {:5.1f}"
            print(row.format(case["model"], case["recipe"], *figures), flush=True)
        except Exception as error:  # onnx and onnxruntime have many kinds
            wrong = [f"{type(error).__name__}: {error}"]
        failures += [f"{case['model']}, {case['recipe']}: {reason}" for reason in wrong]
    for failure in failures:
        print(f"FAILED {failure}")
    passed = max(len(cases) + 1 - len(failures), 0)
    print(f"test result: {'FAILED' if failures else 'ok'}. {passed} passed; {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
