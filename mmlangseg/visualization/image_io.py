"""Writing of pictures in RGB order."""
from __future__ import annotations
import os

import cv2
import numpy as np

from mmlangseg.io.files import write_bytes


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write uint8 RGB (H, W, 3) or gray (H, W) as PNG, atomically."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode('.png', image)
    write_bytes(path, data.tobytes())
