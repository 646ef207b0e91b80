"""Which checkpoint a run continues from."""
from __future__ import annotations
import re
from pathlib import Path


def find_resume_checkpoint(work_dir: str | Path) -> str | None:
    """Find the newest complete checkpoint of a run, for ``--resume``.

    MMEngine trusts the file ``last_checkpoint``, which a killed run can
    leave empty, or naming a checkpoint that was deleted. Then the newest
    ``epoch_*.pth`` or ``iter_*.pth`` is taken. Of a folder that was copied or
    renamed it names the old one, so a checkpoint of that name in this folder
    goes first, and one in the folder of another run does not count.

    Returns:
        The path, or None where nothing was saved yet.
    """
    work_dir = Path(work_dir)
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file():
        path = Path(pointer.read_text().strip())
        if path.name and (work_dir / path.name).is_file():
            return str(work_dir / path.name)
        # CheckpointHook.out_dir keeps them elsewhere
        if path.is_file() and not (path.parent / 'last_checkpoint').exists():
            return str(path)
    saved = [
        path for path in work_dir.glob('*.pth')
        if re.fullmatch(r'(epoch|iter)_\d+', path.stem)
    ]
    if not saved:
        return None
    return str(max(saved, key=lambda path: int(path.stem.split('_')[1])))
