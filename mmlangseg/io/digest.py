"""Telling files apart by what they hold."""
from __future__ import annotations
import hashlib
from pathlib import Path

from .files import PathLike

# Of a folder of transformers, which reads the first kind that is there.
_WEIGHTS = ('model*.safetensors', 'pytorch_model*.bin')
# As PyTorch, and optimum, end the names of files beside an ONNX file.
_ONNX_DATA = ('.data', '_data')


def sha256_of(path: PathLike) -> str:
    """SHA-256 of a file, read in pieces: weights are gigabytes.

    Raises:
        FileNotFoundError: There is no such file.
    """
    digest = hashlib.sha256()
    try:
        with open(path, 'rb') as file:
            while piece := file.read(1 << 24):
                digest.update(piece)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    return digest.hexdigest()


def sha256_of_weights(pretrained: PathLike) -> dict[str, str]:
    """SHA-256 of the weights of a pretrained network, by the file's name.

    Args:
        pretrained: Folder of transformers, or name on the hub.

    Returns:
        dict[str, str]: Empty for a name on the hub.
    """
    for pattern in _WEIGHTS:
        paths = sorted(Path(pretrained).glob(pattern))
        if paths:
            return {path.name: sha256_of(path) for path in paths}
    return {}


def sha256_of_onnx_data(path: PathLike) -> dict[str, str]:
    """SHA-256 of the files beside an ONNX file that hold its weights, by
    their names: that of the file itself says nothing about them."""
    path = Path(path)
    return {
        other.name: sha256_of(other)
        for other in sorted(path.parent.iterdir())
        if other.is_file() and other.name.startswith(
            tuple(path.name + end for end in _ONNX_DATA))
    }
