"""Files of a folder that a user names."""
from __future__ import annotations
from collections.abc import Collection
from pathlib import Path


def list_files(folder: Path,
               suffixes: Collection[str],
               deep: bool = False,
               other: str | None = None) -> list[Path]:
    """Files of a kind, in the order of their names.

    Hidden ones are left out, and what is in hidden folders: macOS leaves
    ``._room.ply`` beside copies of ``room.ply``, which is none.

    Args:
        folder: Where they are.
        suffixes: Of their names, in small letters, with the dot.
        deep: Whether folders within are looked into.
        other: End of the names of files that lie beside those of the kind,
            and have a suffix of theirs.
    """
    found = folder.rglob('*') if deep else folder.iterdir()
    return sorted(path for path in found
                  if path.suffix.lower() in suffixes and path.is_file()
                  and not (other and path.name.endswith(other)) and not any(
                      part.startswith('.')
                      for part in path.relative_to(folder).parts))
