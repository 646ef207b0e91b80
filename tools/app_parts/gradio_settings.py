"""What the environment tells gradio."""
from __future__ import annotations
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = ('127.0.0.1', 'localhost')


def _are_gradios(name: str) -> bool:
    return name.startswith('GRADIO_') or name.lower() == 'no_proxy'


@contextmanager
def gradio_settings(uploads: Path, host: str) -> Iterator[None]:
    """Let gradio keep uploads in a folder, tell nobody of its use, and heed
    none of the variables that would open it to others.

    Args:
        uploads: The folder.
        host: Address that it listens at.
    """
    kept = {
        name: os.environ[name]
        for name in os.environ if _are_gradios(name)
    }
    ours = dict(GRADIO_TEMP_DIR=str(uploads), GRADIO_ANALYTICS_ENABLED='False')
    # it asks its own server whether it has started
    for name in ('NO_PROXY', 'no_proxy'):
        ours[name] = ','.join(filter(None, (*LOOPBACK, host, kept.get(name))))
    _replace(ours)
    try:
        yield
    finally:
        _replace(kept)


def _replace(values: dict[str, str]) -> None:
    for name in list(filter(_are_gradios, os.environ)):
        del os.environ[name]
    os.environ.update(values)
