"""Image-caption pairs in tars, made for the tests."""
from __future__ import annotations
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int = 0, size=(12, 16), suffix: str = 'png') -> bytes:
    """An encoded random image of (height, width)."""
    pixels = np.random.default_rng(seed).integers(
        0, 255, (*size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file,
        dict(jpg='JPEG', jpeg='JPEG').get(suffix, suffix.upper()))
    return file.getvalue()


def write_tar(path: Path,
              members: Iterable[tuple[str, bytes | tarfile.TarInfo]],
              form: int = tarfile.PAX_FORMAT) -> Path:
    """A tar of contents, or of headers without content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w', format=form) as tar:
        for name, data in members:
            if isinstance(data, tarfile.TarInfo):
                data.name = name
                tar.addfile(data)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def pairs(number: int, first: int = 0) -> list[tuple[str, bytes]]:
    """Members of pairs as img2dataset writes them."""
    members = []
    for i in range(first, first + number):
        caption = f'caption {i} of a dog'
        members += [(f'{i:09d}.jpg', picture(i, suffix='jpg')),
                    (f'{i:09d}.txt', caption.encode()),
                    (f'{i:09d}.json',
                     json.dumps(dict(caption=f'json {i}',
                                     key=f'{i:09d}')).encode())]
    return members
