"""Reads a state dict that `torch.save` wrote before PyTorch 1.6, without PyTorch.

Such a file is four pickles (a magic number, the protocol, facts about the system, the object), then a
pickled list of storage keys, then each storage as its element count (i64, little-endian) and its
elements (torch/serialization.py, `_legacy_save`). Only the few names a state dict needs are looked up,
so that a pickle cannot run code.
"""

import collections
import io
import pickle
import struct

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
}


class Storage:
    """A flat buffer that tensors are views of; filled after the pickles are read."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.data = None

    def view(self, offset, size, stride):
        """A contiguous copy of the tensor with this offset, size and stride, all in elements."""
        strides = [step * self.dtype.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(self.data[offset:], size, strides).copy()


class StateDictUnpickler(pickle.Unpickler):
    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def persistent_load(self, pid):
        _, dtype, key, _location, _count, _view = pid
        return self.storages.setdefault(key, Storage(dtype))

    def find_class(self, module, name):
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: (storage, offset, size, stride)
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"a state dict does not need {module}.{name}")


def load_state_dict(raw):
    """Name -> array, from the bytes of a legacy .pth file."""
    file = io.BytesIO(raw)
    storages = {}
    if StateDictUnpickler(file, storages).load() != MAGIC:
        raise ValueError("not a legacy PyTorch file: its magic number differs")
    for _protocol_and_system in range(2):
        StateDictUnpickler(file, storages).load()
    tensors = StateDictUnpickler(file, storages).load()
    for key in StateDictUnpickler(file, storages).load():
        (count,) = struct.unpack("<q", file.read(8))
        dtype = storages[key].dtype
        storages[key].data = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: storage.view(*shape) for name, (storage, *shape) in tensors.items()}
