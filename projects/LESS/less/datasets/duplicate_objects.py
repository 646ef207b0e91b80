"""Objects that stand twice in ScanNet's annotations.

In scene0217_00 the whole list of objects is there twice, with other ids the
second time. The instance mask has the first copies.
"""
from __future__ import annotations
from collections.abc import Mapping
from pathlib import Path

from mmlangseg.io.annotations import AnnotationError, load_json
from mmlangseg.io.files import PathLike, write_json

FILE = 'duplicate_objects.json'


def read_duplicate_objects(root: PathLike) -> dict[str, dict[int, int]]:
    """Read ``duplicate_objects.json``.

    Args:
        root: Data root; without the file no object is a copy.

    Returns:
        Scene to (id of a copy to id of the first one).

    Raises:
        AnnotationError: The file is malformed.
    """
    path = Path(root) / FILE
    if not path.is_file():
        return {}
    content = load_json(path)
    try:
        copies = {
            scene: {
                int(copy): first
                for copy, first in ids.items()
            }
            for scene, ids in content.items()
        }
    except (AttributeError, ValueError):
        copies = None
    if copies is None or not all(
            type(first) is int for ids in copies.values()
            for first in ids.values()):
        raise AnnotationError(
            f'{path} is not {{"scene": {{"copy": object}}}}. Delete it, and '
            'make it again with tools/dataset_converters/scannet.py')
    return copies


def add_duplicate_objects(root: PathLike,
                          found: Mapping[str, Mapping[int, int]]) -> None:
    """Set the entries of some scans in ``duplicate_objects.json``.

    Args:
        root: Data root.
        found: Scene to copies; an empty entry removes that of the scene.
    """
    path = Path(root) / FILE
    try:
        old = read_duplicate_objects(root)
    except AnnotationError:
        old = {}  # It is made again.
    new = {scene: ids for scene, ids in {**old, **found}.items() if ids}
    if new or path.is_file():
        write_json(path, new)
