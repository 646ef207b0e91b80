"""What the parity checks of all systems share: weights, comparisons."""
from __future__ import annotations
import zlib
from collections.abc import Sequence

import numpy as np
import torch

_TABLES = ('embeddings.weight', 'relative_position_bias_table',
           'query_decoder.query.weight')
# Gains that keep the activations of the random networks in a useful range.
_GAINS = {
    'sentense_output_layer.3.weight': 0.1,
    'query_decoder.x_mask.2.weight': 0.15,
    'classifier.conv1_1.weight': 4.0,
}


def parameter(name: str, shape: Sequence[int], seed: int) -> np.ndarray:
    """The value of a weight in the fixtures, from its name and shape."""
    random = np.random.RandomState(zlib.crc32(name.encode()) ^ (8 + seed))
    value = random.standard_normal(tuple(shape)).astype(np.float32)
    if name.endswith('running_var'):
        return np.abs(value) * np.float32(0.5) + np.float32(0.5)
    if name.endswith('running_mean'):
        return np.float32(0.1) * value
    if value.ndim <= 1:  # biases and scales of normalizations
        scale = name.endswith('weight')
        return np.float32(0.1) * value + np.float32(scale)
    if name.endswith(_TABLES):
        return np.float32(0.5) * value
    gain = next((g for end, g in _GAINS.items() if name.endswith(end)), 1.0)
    if value.ndim == 5 and shape[1] > 1:  # sparse kernels
        gain = 1.5
    fan_in = int(np.prod(shape[1:]))
    return (value * np.float32(gain / np.sqrt(fan_in))).astype(np.float32)


class Report:
    """Prints one line per comparison and remembers the failures.

    Arguments ``ours`` and ``theirs`` are arrays, tensors or numbers of one
    shape.
    """

    def __init__(self) -> None:
        self.count = 0
        self.failed: list[str] = []

    def exact(self, name: str, ours, theirs) -> None:
        """No entry may differ."""
        ours, theirs = self._arrays(name, ours, theirs)
        self._add(name, 'entries', float((ours != theirs).sum()), 0.)

    def absolute(self, name: str, ours, theirs, tolerance: float) -> None:
        """Largest absolute difference."""
        ours, theirs = self._arrays(name, ours, theirs)
        self._add(name, 'absolute', np.abs(ours - theirs).max(), tolerance)

    def relative(self,
                 name: str,
                 ours,
                 theirs,
                 tolerance: float,
                 floor: float = 0.) -> None:
        """Largest ``|ours - theirs| / (|theirs| + floor)``."""
        ours, theirs = self._arrays(name, ours, theirs)
        error = np.abs(ours - theirs) / (np.abs(theirs) + floor)
        self._add(name, 'relative', error.max(), tolerance)

    def relative_l2(self, name: str, ours, theirs, tolerance: float) -> None:
        """``|ours - theirs| / |theirs|`` in the Euclidean norm."""
        ours, theirs = self._arrays(name, ours, theirs)
        error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
        self._add(name, 'relative L2', error, tolerance)

    def _arrays(self, name: str, ours,
                theirs) -> tuple[np.ndarray, np.ndarray]:
        arrays = [
            x.detach().cpu().numpy()
            if isinstance(x, torch.Tensor) else np.asarray(x)
            for x in (ours, theirs)
        ]
        if arrays[0].shape != arrays[1].shape:
            raise ValueError(f'{name}: shape {arrays[0].shape}, expected '
                             f'{arrays[1].shape}')
        return arrays[0].astype(np.float64), arrays[1].astype(np.float64)

    def _add(self, name: str, kind: str, value: float,
             tolerance: float) -> None:
        passed = bool(value <= tolerance)  # False for NaN
        self.count += 1
        if not passed:
            self.failed.append(name)
        print(
            f'{name:<52} {kind:<11} {value:9.2e}  tolerance '
            f'{tolerance:7.1e}  {"ok" if passed else "FAILED"}',
            flush=True)
