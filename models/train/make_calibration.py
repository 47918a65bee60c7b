"""Writes the images that the page uses: the test set, its first thousand, and calibration images.

usage: make_calibration.py DATA ASSETS

DATA is the folder that fetch_data.py filled. For both datasets, ASSETS gets the original test set
(`t10k-*`), its first 1,000 images (`first-*`, loaded before the rest) and 512 training images
(`calib-*`). The calibration set is stratified: its image k shows class k mod 10, so that every
prefix of it is balanced too. Which images of a class are taken, and in what order, is drawn with a
fixed seed.
"""

import pathlib
import sys

import numpy as np

import idx

SEED = 0
CALIBRATION = 512
FIRST = 1000
CLASSES = 10


def stratified(labels, count, seed):
    """Indices into `labels` (u8): `count` distinct ones, the k-th of class k mod CLASSES."""
    generator = np.random.default_rng(seed)
    drawn = [generator.permutation(np.flatnonzero(labels == c)) for c in range(CLASSES)]
    return np.array([drawn[k % CLASSES][k // CLASSES] for k in range(count)])


def write(folder, prefix, images, labels):
    idx.write_gz(folder / f"{prefix}-images-idx3-ubyte.gz", images)
    idx.write_gz(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    print(f"{folder}/{prefix}-*: {len(images)} images")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    data, assets = map(pathlib.Path, sys.argv[1:])
    for dataset in ("mnist", "fashion-mnist"):
        source, folder = data / dataset, assets / dataset
        folder.mkdir(parents=True, exist_ok=True)
        images = idx.read(source, "t10k-images-idx3-ubyte")
        labels = idx.read(source, "t10k-labels-idx1-ubyte")
        write(folder, "t10k", images, labels)
        write(folder, "first", images[:FIRST], labels[:FIRST])
        images = idx.read(source, "train-images-idx3-ubyte")
        labels = idx.read(source, "train-labels-idx1-ubyte")
        chosen = stratified(labels, CALIBRATION, SEED)
        write(folder, "calib", images[chosen], labels[chosen])


if __name__ == "__main__":
    main()
