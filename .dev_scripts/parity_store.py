"""Fixtures that are kept in the checkout: small arrays and what vouches for
them."""
from __future__ import annotations
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from mmlangseg.io.digest import sha256_of
from mmlangseg.io.files import atomic_path, write_text

MANIFEST = 'manifest.json'
# The generator, as it is called in the root of a checkout.
COMMAND = 'python .dev_scripts/make_parity_fixtures.py'
# What the outputs could depend on.
_LIBRARIES = ('torch', 'numpy', 'scipy', 'mmengine', 'mmcv', 'mmcv-lite',
              'mmdet', 'mmsegmentation', 'mmdet3d', 'spconv', 'pycocotools')


def save(folder: Path, systems: Mapping[str, Mapping[str, np.ndarray]],
         seed: int) -> None:
    """Write ``<system>.npz`` of every system, and then the manifest.

    Args:
        folder (Path): Made if it does not exist.
        systems (Mapping): The arrays of each system by their names.
        seed (int): Of weights and inputs.
    """
    folder = Path(folder)
    files = {}
    for system, arrays in systems.items():
        path = folder / f'{system}.npz'
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **arrays)
        files[path.name] = dict(
            sha256=sha256_of(path),
            arrays={
                name: describe(array)
                for name, array in arrays.items()
            })
    manifest = dict(
        command=COMMAND, seed=seed, versions=_versions(), files=files)
    lines = json.dumps(manifest, indent=1)
    write_text(folder / MANIFEST, lines + '\n')


def load(folder: Path, system: str) -> tuple[dict[str, np.ndarray], int]:
    """Read the arrays of a system, and the seed of their inputs.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: The manifest cannot be read or does not know the system,
            or the file is not the one that it was written for.
    """
    path, manifest = Path(folder) / f'{system}.npz', Path(folder) / MANIFEST
    for file in (manifest, path):
        if not file.is_file():
            raise FileNotFoundError(
                f'{file} does not exist; check it out again, or run {COMMAND}')
    try:
        content = json.loads(manifest.read_text(encoding='utf-8'))
        seed, digest = content['seed'], content['files'][path.name]['sha256']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{manifest} says no checksum of {path.name} '
            f'({type(error).__name__}: {error}); check it out again, or run '
            f'{COMMAND}') from None
    # A damaged file is not even opened.
    if sha256_of(path) != digest:
        raise ValueError(
            f'{path} is damaged: its SHA-256 is not the one in {MANIFEST}; '
            f'check both out again, or run {COMMAND}')
    with np.load(path, allow_pickle=False) as file:
        return dict(file), seed


def describe(array: np.ndarray) -> str:
    """Kind and shape, such as 'float64 (3, 2)'."""
    return f'{array.dtype} {array.shape}'


def _versions() -> dict[str, str]:
    """Those of the libraries that are installed."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
