"""Why a file is no checkpoint, in words that say what to do."""
from __future__ import annotations
import os
import re
import zipfile
from collections.abc import Mapping

from torch import Tensor

TRUST = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1'
_AGAIN = 'copy or download it again, or name another checkpoint'
_UNPICKLING = re.compile(
    r'^Weights only load failed.*?WeightsUnpickler error:', re.DOTALL)
_NESTED = 2  # levels of dicts in which research code keeps its weights


class CheckpointError(ValueError):
    """A checkpoint is damaged, or is of another model.

    The message is for users: tools print it without a traceback.
    """


def describe_damage(path: str, error: Exception) -> str:
    """Say what a file is that could not be read as a checkpoint.

    Args:
        path: The file.
        error: What reading it has raised.

    Returns:
        str: The file, what is wrong with it, and the remedy.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return f'cannot load checkpoint {path}: {error.strerror}'
    return f'cannot load checkpoint {path}: {_reason(path, error)}'


def require_weights(path: str, content: object) -> None:
    """Refuse what holds no tensors by name, such as other data of torch.

    Args:
        path: The file, for the message.
        content: What it holds.

    Raises:
        CheckpointError: It is no dict, or there are no tensors in it.
    """
    problem = _what_it_holds(content)
    if problem is not None:
        raise CheckpointError(
            f'cannot load checkpoint {path}: {problem}; name the file that '
            'the training has written')


def _what_it_holds(content: object) -> str | None:
    """Say what there is in place of weights by name, if they are missing."""
    if not isinstance(content, Mapping):
        return f'it holds a {type(content).__name__}, not weights by name'
    state = content.get('state_dict', content)
    if not isinstance(state, Mapping):
        return f'its state_dict is a {type(state).__name__}, not weights'
    if not _has_tensors(state, _NESTED):
        keys = ', '.join(str(key)[:40] for key in list(content)[:3])
        return f'there are no weights in it, only {keys or "an empty dict"}'
    for name in state:
        if not isinstance(name, str):
            return f'its weights have no names, but keys such as {name!r:.40}'
    return None


def _has_tensors(content: Mapping, levels: int) -> bool:
    return any(
        isinstance(value, Tensor) or levels and isinstance(value, Mapping)
        and _has_tensors(value, levels - 1) for value in content.values())


def _reason(path: str, error: Exception) -> str:
    size = os.path.getsize(path)
    if size == 0:
        return f'the file is empty; {_AGAIN}'
    with open(path, 'rb') as file:
        start = file.read(1024)
    text = start.decode('utf-8', 'replace').lstrip('\ufeff \t\r\n').lower()
    if text.startswith(('<!doctype', '<html', '<?xml', '<head', '<script')):
        return ('it is a web page, not a checkpoint: the link leads to a page '
                'that asks or reports something; open it in a browser and '
                'download the file itself')
    if text.startswith('version https://git-lfs'):
        return ('it is a pointer of Git LFS, not the checkpoint: fetch it '
                'with `git lfs pull`')
    if start.startswith(b'PK'):
        if not zipfile.is_zipfile(path):
            return (f'it is cut off, its {size:,} bytes have no end; {_AGAIN}')
        with zipfile.ZipFile(path) as archive:
            if not any(
                    name.endswith('/data.pkl') for name in archive.namelist()):
                return ('it is a zip archive, but none of torch.save: unpack '
                        'it, and name the checkpoint that is in it')
    elif start.startswith((b'\x1f\x8b', b'7z\xbc\xaf', b'Rar!')):
        return ('it is an archive: unpack it, and name the checkpoint that is '
                'in it')
    elif _is_text(start):
        return ('it is a text file, not a checkpoint; name the file that the '
                'training has written')
    # of torch's advice for programmers, that which says what there is
    reason = _UNPICKLING.sub('', str(error)).strip().split('\n', 1)[0]
    reason = f'{type(error).__name__}: {reason}'
    if 'weights_only' in str(error) and 'operand' not in reason:
        return (f'{reason}. Either the file is damaged or no checkpoint, or '
                'it holds more than tensors and plain data; if you trust it, '
                f'set {TRUST}')
    return f'{reason}. The file is damaged, or no checkpoint; {_AGAIN}'


def _is_text(start: bytes) -> bool:
    """Whether the beginning of a file has the bytes of a text only."""
    return not any(byte < 9 or 13 < byte < 32 for byte in start)
