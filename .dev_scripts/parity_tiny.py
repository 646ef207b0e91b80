"""Comparison with stored outputs of this repository's own, tiny models.

Unlike the outputs of the research code they are in the checkout. They do not
say what is right, but that nothing has changed.

Floats are computed in float32 and compared by their relative error. Another
order of the sums, as other vector units and libraries have it, moves outputs
by up to 7e-6 and gradients by up to 1.2e-4: so much between the kernels of
PyTorch and oneDNN for AVX512, for AVX2 and without either
(ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA). Changed formulas move them by
percents, so that the tolerances lie well above. Masks and chosen candidates
must be equal: the generator refuses inputs whose logits come too close to a
threshold.
"""
from __future__ import annotations
import copy
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from parity_report import Report, parameter
from parity_store import COMMAND, load
from torch import Tensor, nn

BASES = Path(__file__).resolve().parents[1] / 'configs/_base_/models'
# System: module with `compute(seed)`, which gives arrays by their names,
# and the `SCOPE` of its registry.
SYSTEMS = {
    'less': 'parity_tiny_less',
    'semires': 'parity_tiny_semires',
    'sseg': 'parity_tiny_sseg'
}
TOLERANCE, GRADIENT_TOLERANCE = 2e-4, 1e-3
# Of the largest norm. Gradients that are zero but for rounding, as of a bias
# in front of a normalization, reach 1e-5 of it, others begin at 3e-3.
_GRADIENT_NOISE = 1e-4
_SAMPLES = 64
_WEIGHTS, _GRADIENT, _MARGIN = 'weights', 'gradient', 'margin'
_NORMS = f'{_GRADIENT}_norms'
# Above what another order of the sums moves a logit by, see there.
SMALLEST_MARGIN = 5e-5


def check(folder: Path, report: Report, *systems: str) -> None:
    """Compute the outputs again and compare them with those in a folder.

    Args:
        folder (Path): With the files of :func:`parity_store.save`.
        report (Report): Takes the comparisons.
        systems (str): Some of :data:`SYSTEMS`; by default all.

    Raises:
        FileNotFoundError, ValueError: See :func:`parity_store.load`; or the
            models have other weights than the stored ones.
    """
    for system in systems or SYSTEMS:
        theirs, seed = load(folder, system)
        compare(system, compute(system, seed), theirs, report)


def compute(system: str, seed: int) -> dict[str, np.ndarray]:
    """The outputs of a tiny model as small arrays by their names."""
    module = importlib.import_module(SYSTEMS[system])
    with DefaultScope.overwrite_default_scope(module.SCOPE):
        return module.compute(seed)


def compare(system: str, ours: dict[str, np.ndarray],
            theirs: dict[str, np.ndarray], report: Report) -> None:
    """Compare arrays with those that were stored."""
    other = set(ours) ^ set(theirs)
    if not other and _WEIGHTS in theirs:
        other = set(ours[_WEIGHTS].tolist()) ^ set(theirs[_WEIGHTS].tolist())
    if other:
        raise ValueError(
            f'{system}: the tiny model, or what is computed of it, is not the '
            f'stored one: {", ".join(sorted(other)[:5])} is only in one of '
            f'them. If that is meant, run {COMMAND}')
    for name, value in theirs.items():
        title = f'{system} {name}'
        if name == _WEIGHTS or name.endswith(_MARGIN):
            continue
        if value.dtype.kind != 'f':
            report.exact(title, ours[name], value)
        elif name.endswith(_NORMS):
            report.relative(title, _above_noise(ours[name], value),
                            _above_noise(value, value), GRADIENT_TOLERANCE)
        else:
            report.relative_l2(
                title, ours[name], value,
                GRADIENT_TOLERANCE if _GRADIENT in name else TOLERANCE)


def _above_noise(norms: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Norms of gradients, but one value for all that are noise."""
    noise = _GRADIENT_NOISE * theirs.max()
    return np.where(norms < 0, norms, norms.clip(min=noise))


def tiny_config(base: str, changes: dict) -> Config:
    """The config of a model of ``configs/_base_/models``, changed."""
    cfg = Config.fromfile(BASES / f'{base}.py')
    # MMEngine takes `_delete_` out of what it merges.
    cfg.merge_from_dict(dict(model=copy.deepcopy(changes)))
    return cfg


def fill(model: nn.Module, seed: int) -> np.ndarray:
    """Give each weight the values that its name and shape have.

    Scalars, such as a temperature, and what is no float keep theirs.

    Returns:
        np.ndarray: Names and shapes of all weights, ascending.
    """
    names = []
    with torch.no_grad():
        for name, value in model.state_dict().items():
            names.append(f'{name} {tuple(value.shape)}')
            if value.is_floating_point() and value.ndim:
                value.copy_(
                    torch.from_numpy(parameter(name, value.shape, seed)))
    return np.array(sorted(names))


def uniform(*shape: int, seed: int) -> np.ndarray:
    """Numbers between 0 and 1, the same in all versions of NumPy."""
    return np.random.RandomState(seed).random_sample(shape)


def reduced(name: str, value: Tensor) -> Iterator[tuple[str, np.ndarray]]:
    """The norm of a tensor and some of its entries, by their names."""
    flat = value.detach().double().flatten()
    yield f'{name}/norm', flat.norm().numpy()
    index = np.unique(np.linspace(0, len(flat) - 1, _SAMPLES).astype(int))
    yield f'{name}/at', flat[index].numpy()


def gradients(model: nn.Module,
              total: Tensor,
              sampled: Iterable[str],
              prefix: str = '') -> dict[str, np.ndarray]:
    """The norms of all gradients, -1 for none, and entries of some.

    Args:
        model (nn.Module): Its gradients are replaced.
        total (Tensor): The loss.
        sampled (Iterable[str]): Parameters whose gradients are sampled.
        prefix (str): Of the names.
    """
    model.zero_grad()
    total.backward()
    parameters = dict(sorted(model.named_parameters()))
    out = {
        f'{prefix}{_NORMS}':
        np.array([
            -1. if x.grad is None else float(x.grad.double().norm())
            for x in parameters.values()
        ])
    }
    for name in sampled:
        out.update(
            reduced(f'{prefix}{_GRADIENT} {name}', parameters[name].grad))
    return out


def margin(distance: Tensor) -> np.ndarray:
    """The smallest distance from a threshold, as a share of the mean one.

    Another rounding moves what is too close to the other side, and with it
    masks and whatever is computed behind them.
    """
    size = distance.detach().double().abs()
    return (size.min() / size.mean()).numpy()


def close_margins(arrays: dict[str, np.ndarray]) -> list[str]:
    """The margins of a system that another rounding could close."""
    return [
        f'{name} = {value:.1e}' for name, value in arrays.items()
        if name.endswith(_MARGIN) and not value > SMALLEST_MARGIN
    ]
