"""Writing conformance cases: NAME.h5 with inputs and expected outputs, NAME.ckpt with weights."""
import os
from collections import OrderedDict

import h5py
import numpy as np


def numpy_of(value):
    """A tensor, list or array as the array that a case stores: int32, uint8, float32, or float64 left as it is."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    value = np.asarray(value)
    if value.dtype.kind == "i":
        value = value.astype(np.int32)
    if value.dtype == bool:
        value = value.astype(np.uint8)
    return np.atleast_1d(value)


def write(folder, name, arrays, attributes, double=()):
    """arrays: path -> value; float arrays become float32 unless their path is in `double` (True: all)."""
    with h5py.File(os.path.join(folder, name + ".h5"), "w") as f:
        for key, value in attributes.items():
            if isinstance(value, str):
                f.attrs.create(key, np.bytes_(value))
            elif isinstance(value, (bool, int, np.integer)):
                f.attrs.create(key, np.int32(value))
            else:
                f.attrs.create(key, np.float64(value))
        for path, value in arrays.items():
            if isinstance(value, dict):
                group = f.require_group(path)
                for key, v in value.items():
                    group.attrs.create(key, np.bytes_(v) if isinstance(v, str) else np.asarray(v))
                continue
            value = numpy_of(value)
            if value.dtype.kind == "f" and not (double is True or path in double):
                value = value.astype(np.float32)
            f.create_dataset(path, data=value)


def checkpoint(folder, name, state, wrap="state_dict"):
    """state: name -> tensor, saved as float32 in the layout of released files (wrap=None: the dictionary itself)."""
    import torch
    tensors = OrderedDict((k, v.detach().float() if v.is_floating_point() else v.detach()) for k, v in state.items())
    torch.save({wrap: tensors} if wrap else tensors, os.path.join(folder, name + ".ckpt"))
