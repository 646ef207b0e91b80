"""Repairs of the libraries, each with its reason and its end.

Every repair is a function that may be called more than once. Project packages
call what they need when they are imported.
"""
from __future__ import annotations
import functools
import hashlib
import logging
import os
from urllib.parse import urlparse

import mmengine.runner.checkpoint
import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmlangseg.io.checkpoint_damage import (CheckpointError, describe_damage,
                                            require_weights)
from mmlangseg.io.files import read_text, write_text


def repair_checkpoint_loading() -> None:
    """Let MMEngine read its own checkpoints with torch >= 2.6.

    Reason: since torch 2.6 ``torch.load`` accepts tensors and plain data
    only, while MMEngine's checkpoints carry the history of the log
    (``HistoryBuffer``, NumPy arrays), so that ``--resume`` fails.
    The loader registered here allows just these types and stays safe
    otherwise. MMEngine's loader of URLs accepts everything; it is replaced by
    one that downloads the file and reads it in the same way. For a checkpoint
    that needs more, and that you trust, set the environment variable
    ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1``.

    Unnecessary with: MMEngine > 0.10.7 (it loads with ``weights_only=False``,
    which runs whatever code the file names).
    """
    CheckpointLoader.register_scheme(
        prefixes='', loader=load_from_local, force=True)
    # of http(s), and of the model zoos, whose names become URLs
    mmengine.runner.checkpoint.load_url = load_from_url


def repair_kernel_loading() -> None:
    """Load kernels of sparse convolutions from state dicts without metadata.

    Reason: mmdet3d takes kernels for those of spconv 1, and permutes them,
    unless ``_metadata`` of the state dict says otherwise. Averaged weights,
    plain dicts and safetensors have none, and MMEngine does not find it under
    names that begin with ``module.``. The sizes then disagree, MMEngine logs
    that, and the layer keeps its random weights. Here a kernel that has the
    shape of the layer's is loaded as it is.

    Unnecessary with: an mmdet3d > 1.4.0 that looks at the shape.
    """
    import mmdet3d.models.layers.spconv  # noqa: F401  (sets what is wrapped)
    from spconv.pytorch import SparseModule

    load = SparseModule._load_from_state_dict
    if getattr(load, '_mmlangseg_repaired', False):
        return

    @functools.wraps(load)
    def by_shape(module, state_dict, prefix, local_metadata, *args):
        own = module._parameters.get('weight')
        saved = state_dict.get(f'{prefix}weight')
        if own is not None and getattr(saved, 'shape', None) == own.shape:
            local_metadata = dict(local_metadata, version=module._version)
        load(module, state_dict, prefix, local_metadata, *args)

    setattr(by_shape, '_mmlangseg_repaired', True)
    SparseModule._load_from_state_dict = by_shape


def silence_fx_tracing() -> None:
    """Keep a warning of torch for its programmers off the console.

    Reason: spconv makes its tensors by ``torch.fx.ProxyableClassMeta``, which
    (torch 2.13) asks its own ``is_fx_tracing`` and so warns, once, that
    another function should be asked. Users can do nothing about it.

    Unnecessary with: a torch whose metaclass does not warn.
    """
    logging.getLogger('torch.fx._symbolic_trace').addFilter(_not_of_tracing)


def _not_of_tracing(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith('is_fx_tracing will return')


def load_from_local(filename: str, map_location=None) -> dict:
    """Load a checkpoint file without running code from it.

    Args:
        filename: Path of the checkpoint, of torch or of safetensors, ``~`` is
            expanded.
        map_location: Same as :func:`torch.load`.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged, is no checkpoint, or holds
            types that are not allowed.
    """
    filename = os.path.expanduser(filename)
    if not os.path.isfile(filename):
        raise FileNotFoundError(f'checkpoint {filename} does not exist')
    try:
        if _is_safetensors(filename):
            content = _load_safetensors(filename, map_location)
        else:
            with torch.serialization.safe_globals(_checkpoint_types()):
                content = torch.load(filename, map_location=map_location)
    except Exception as error:  # torch raises almost anything here
        raise CheckpointError(describe_damage(filename, error)) from error
    require_weights(filename, content)
    return content


def require_readable(path: str | None) -> None:
    """Read a checkpoint that is needed later, to know that it can be read.

    Args:
        path: A file; a URL, and None, are passed over.

    Raises:
        CheckpointError: See :func:`load_from_local`.
    """
    if path and os.path.isfile(os.path.expanduser(path)):
        load_from_local(path, 'cpu')


def _is_safetensors(filename: str) -> bool:
    """Whether the file begins with the length of a header and the header."""
    with open(filename, 'rb') as file:
        start = file.read(9)
    length = int.from_bytes(start[:8], 'little')
    return start[8:] == b'{' and 8 + length <= os.path.getsize(filename)


def _load_safetensors(filename: str, map_location) -> dict:
    from safetensors.torch import load_file
    state = load_file(filename)
    if not isinstance(map_location, (str, torch.device)):
        return state
    return {name: value.to(map_location) for name, value in state.items()}


def load_from_url(url: str,
                  model_dir: str | None = None,
                  map_location=None,
                  progress: bool = True) -> dict:
    """Download a checkpoint, once, and load it by :func:`load_from_local`.

    Args:
        url: Of the file.
        model_dir: Folder where it is kept, by default, and under the same
            name, that of ``torch.hub``; see :func:`_place_of`.
        map_location: Same as :func:`torch.load`.
        progress: Whether to show a bar.

    Raises:
        CheckpointError: It cannot be downloaded; or see there.
    """
    folder = model_dir or os.path.join(torch.hub.get_dir(), 'checkpoints')
    path = _place_of(url, folder)
    if not os.path.isfile(path):
        os.makedirs(folder, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, path, progress=progress)
        except (OSError, ValueError) as error:  # no connection, no such URL
            raise CheckpointError(
                f'cannot download checkpoint {url}: {error}; download it '
                'elsewhere, and name the file') from error
        write_text(f'{path}.url', url)
    return load_from_local(path, map_location)


def _place_of(url: str, folder: str) -> str:
    """Where the file of a URL is kept.

    Many runs call their files ``epoch_20.pth``: where there is one of another
    URL, as the file ``.url`` beside it says, the name gets a number.
    """
    path = os.path.join(folder, os.path.basename(urlparse(url).path))
    try:
        origin = read_text(f'{path}.url')
    except FileNotFoundError:  # of torch.hub, or put there by hand
        origin = url
    if origin == url:
        return path
    stem, suffix = os.path.splitext(path)
    return f'{stem}-{hashlib.sha256(url.encode()).hexdigest()[:16]}{suffix}'


def _checkpoint_types() -> list:
    """Types in MMEngine's checkpoints besides tensors and plain data."""
    reconstruct = np.zeros(1).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdU'}
    types = [
        HistoryBuffer, np.ndarray, np.dtype, *dtypes,
        (_history_statistic, 'builtins.getattr')
    ]
    # files written by numpy 2 name numpy._core, by numpy 1 numpy.core
    for core in ('numpy.core', 'numpy._core'):
        types.append((reconstruct, f'{core}.multiarray._reconstruct'))
        types.append((scalar, f'{core}.multiarray.scalar'))
    return types


def _history_statistic(owner: type, name: str):
    """The only attributes that a checkpoint refers to.

    ``HistoryBuffer`` pickles its methods as ``getattr(HistoryBuffer, name)``;
    the real ``getattr`` would give a file access to everything.
    """
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean',
                                                  'current'):
        raise ValueError(f'attribute {name} of {owner} is not allowed')
    return getattr(owner, name)
