"""Which checkpoint a run continues from."""
from __future__ import annotations
import re
from pathlib import Path


def find_resume_checkpoint(work_dir: str | Path) -> str | None:
    """Find the newest complete checkpoint of a run, for ``--resume``.

    MMEngine trusts the file ``last_checkpoint``, which a killed run can
    leave empty, or naming a checkpoint that was deleted. Then the newest
    ``epoch_*.pth`` or ``iter_*.pth`` is taken. Nor does it know of a folder
    that was copied or renamed: only checkpoints of this one count.

    Returns:
        The path, or None where nothing was saved yet.
    """
    work_dir = Path(work_dir)
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file():
        name = Path(pointer.read_text().strip()).name
        if name and (work_dir / name).is_file():
            return str(work_dir / name)
    saved = [
        path for path in work_dir.glob('*.pth')
        if re.fullmatch(r'(epoch|iter)_\d+', path.stem)
    ]
    if not saved:
        return None
    return str(max(saved, key=lambda path: int(path.stem.split('_')[1])))
