"""The configs of the project, for tests of all or of one by its name."""
from __future__ import annotations
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# What can be trained or tested, but no bases.
ENTRIES = sorted(
    path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)


def entries(*prefixes: str) -> list[Path]:
    """The entry configs whose names begin with one of the words."""
    return [path for path in ENTRIES if path.stem.startswith(prefixes)]


def find_config(name: str) -> Path:
    """The entry config of a name, with or without its suffix."""
    path, = (path for path in ENTRIES if path.stem == name.removesuffix('.py'))
    return path
