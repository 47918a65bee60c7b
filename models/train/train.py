"""Trains one of the three small classifiers and exports it to ONNX.

The 10,000 test images are used once, after training, for the final figure. BatchNorm stays in the
exported graph. The settings each committed model was made with are in its model card.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import idx
from networks import NETWORKS

BATCH = 128
PEAK_RATE = 0.1


def split(folder, part):
    """Images (f32, N x 1 x 28 x 28, pixel/255) and labels (i64, N) of `train` or `t10k`."""
    images = torch.from_numpy(idx.read(folder, f"{part}-images-idx3-ubyte"))
    labels = torch.from_numpy(idx.read(folder, f"{part}-labels-idx1-ubyte"))
    return images[:, None].float() / 255, labels.long()


def augment(x, mirror):
    """Shifts the batch by up to two pixels; with `mirror`, also flips each image or leaves it."""
    if mirror:
        flip = torch.rand(len(x)) < 0.5
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
    dy, dx = np.random.randint(0, 5, 2)
    return F.pad(x, (2, 2, 2, 2))[:, :, dy : dy + 28, dx : dx + 28]


@torch.no_grad()
def accuracy(model, x, y):
    """Top-1 accuracy, 0..1."""
    model.eval()
    batches = zip(x.split(1000), y.split(1000), strict=True)
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in batches)
    return right / len(x)


def parameter_groups(model, decay):
    """Weight decay for dense weights only: it harms BatchNorm and the few depthwise weights."""
    depthwise = {id(m.weight) for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups > 1}
    decayed, rest = [], []
    for weight in model.parameters():
        (decayed if weight.ndim > 1 and id(weight) not in depthwise else rest).append(weight)
    return [
        {"params": decayed, "weight_decay": decay},
        {"params": rest, "weight_decay": 0},
    ]


def train(model, x, y, args):
    """SGD with Nesterov momentum under a one-cycle schedule (Smith 2018)."""
    steps = args.steps or len(x) // BATCH
    groups = parameter_groups(model, args.decay)
    optimizer = torch.optim.SGD(groups, PEAK_RATE, 0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=args.epochs * steps, pct_start=0.2
    )
    for epoch in range(args.epochs):
        model.train()
        order, start, total = torch.randperm(len(x)), time.time(), 0.0
        for step in range(steps):
            i = order[step * BATCH : (step + 1) * BATCH]
            logits = model(augment(x[i], mirror=args.model != "digits"))
            loss = F.cross_entropy(logits, y[i], label_smoothing=args.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.time() - start
        print(f"epoch {epoch + 1}/{args.epochs}  loss {total / steps:.4f}  {seconds:.0f} s", flush=True)


def export(model, path):
    """Writes ONNX with a symbolic batch size and BatchNorm as nodes of its own."""
    model.eval()
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 28, 28),),
        str(path),
        input_names=["image"],
        output_names=["logits"],
        opset_version=17,
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=NETWORKS)
    parser.add_argument("--data", required=True, help="folder with the four IDX files")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--steps", type=int, help="steps an epoch; default: all training images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--decay", type=float, default=5e-4, help="weight decay")
    parser.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    images, labels = split(args.data, "train")
    model = NETWORKS[args.model]()
    train(model, images, labels, args)

    args.out.mkdir(parents=True, exist_ok=True)
    export(model, args.out / f"{args.model}.onnx")
    facts = {
        "model": args.model,
        "parameters": sum(w.numel() for w in model.parameters()),
        "test_accuracy": accuracy(model, *split(args.data, "t10k")),
        "epochs": args.epochs,
        "seed": args.seed,
        "decay": args.decay,
        "smoothing": args.smoothing,
        "torch": torch.__version__,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
