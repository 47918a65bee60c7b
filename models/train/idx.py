"""Reads and writes IDX files, the format MNIST is published in (LeCun, Cortes, Burges 1998)."""

import gzip
import pathlib
import struct

import numpy as np

UNSIGNED_BYTE = 8


def read(folder, stem):
    """The array in `folder/stem` or `folder/stem.gz`, as u8 with the file's own dimensions."""
    for name in (stem, f"{stem}.gz"):
        path = pathlib.Path(folder) / name
        if path.exists():
            raw = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
            return parse(raw, path)
    raise SystemExit(f"{stem}[.gz] is not in {folder}: run fetch_data.py {folder}")


def parse(raw, path):
    """Decodes the bytes of an IDX file of unsigned bytes; `path` is for the error message."""
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != UNSIGNED_BYTE:
        raise SystemExit(f"{path} is not an IDX file of unsigned bytes")
    rank = raw[3]
    dims = struct.unpack_from(f">{rank}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(dims).copy()


def write_gz(path, array):
    """Writes `array` (u8) as gzipped IDX. No name and no time in the header: same array, same bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    write_gz_bytes(path, header + array.astype(np.uint8).tobytes())


def write_gz_bytes(path, raw):
    """Gzips `raw` without name or time in the header, so that equal input gives an equal file."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(raw)
