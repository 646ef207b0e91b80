"""Telling files apart by what they hold."""
from __future__ import annotations
import hashlib
from pathlib import Path

from .files import PathLike

# Of a folder of transformers, which reads the first kind that is there.
_WEIGHTS = ('model*.safetensors', 'pytorch_model*.bin')
# What else such a folder says: of the network, of its images and its texts.
_SETTINGS = ('config.json', 'preprocessor_config.json',
             'processor_config.json', 'tokenizer.json',
             'tokenizer_config.json', 'special_tokens_map.json',
             'added_tokens.json', 'vocab.json', 'vocab.txt', 'merges.txt')
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


def digests_of(pretrained: PathLike) -> dict[str, dict[str, str]]:
    """All that tells folders of a pretrained network apart.

    Args:
        pretrained: Folder of transformers, or name on the hub.

    Returns:
        dict[str, dict[str, str]]: ``sha256`` of the weights and
        ``settings_sha256`` of the other files, by their names; empty for a
        name on the hub.
    """
    weights = sha256_of_weights(pretrained)
    if not weights:
        return {}
    paths = (Path(pretrained, name) for name in _SETTINGS)
    settings = {path.name: sha256_of(path) for path in paths if path.is_file()}
    return dict(sha256=weights, settings_sha256=settings)


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
