"""Reading and writing of pictures in RGB order."""
from __future__ import annotations
import os

import cv2
import numpy as np
from mmengine.fileio import get

from mmlangseg.fileio import write_bytes


def read_image(path: str) -> np.ndarray:
    """Read an image file as uint8 RGB (H, W, 3)."""
    data = np.frombuffer(get(path), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise ValueError(f'{path} is not an image that OpenCV can read')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write uint8 RGB (H, W, 3) or grey (H, W) as PNG, atomically."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode('.png', image)
    write_bytes(path, data.tobytes())
