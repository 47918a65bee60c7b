"""Calibration inputs of the project's models, as the page normalizes them."""

import gzip
import json
import struct

import numpy as np
from PIL import Image

COUNT = 128


def calibration(root, model):
    """Up to `COUNT` inputs, N x C x H x W, of `model`, an entry of models.json; `root` is the site's root."""
    if "photos" in model["calibration"]:
        pixels = photos(root / model["calibration"]["photos"], model["input"])
    else:
        pixels = idx(root / model["calibration"]["images"])[:COUNT, None]
    normalize = model["normalize"]
    return ((pixels.astype(np.float32) - normalize["mean"]) / normalize["std"]).astype(np.float32)


def photos(index, shape):
    """The sample photos, resized, as N x C x H x W."""
    _, height, width = shape
    images = [Image.open(index.parent / entry["file"]).convert("RGB") for entry in json.loads(index.read_text())]
    resized = [np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)) for image in images]
    return np.stack(resized).transpose(0, 3, 1, 2)


def idx(path):
    """The images of a gzipped IDX file, N x H x W (LeCun, Cortes, Burges 1998)."""
    raw = gzip.decompress(path.read_bytes())
    count, height, width = struct.unpack_from(">III", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=16).reshape(count, height, width)
