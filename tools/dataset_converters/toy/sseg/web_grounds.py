"""The grounds of web-like toy pictures, each with a name."""
from __future__ import annotations
from typing import NamedTuple

import numpy as np

from ..semires.clutter_shapes import texture

Color = tuple[int, int, int]


class Ground(NamedTuple):
    """How a ground looks: two colors, mixed by a texture."""

    first: Color
    second: Color
    texture: str
    period: float  # as a share of the picture's side


GROUNDS: dict[str, Ground] = {
    'grass': Ground((96, 128, 74), (78, 110, 62), 'noise', 0.10),
    'sand': Ground((204, 186, 148), (188, 168, 130), 'noise', 0.16),
    'water': Ground((96, 142, 168), (120, 162, 182), 'stripes', 0.20),
    'snow': Ground((206, 212, 220), (190, 198, 210), 'noise', 0.34),
    'wood': Ground((146, 112, 82), (130, 98, 70), 'stripes', 0.12),
    'stone': Ground((134, 134, 136), (118, 118, 122), 'checks', 0.24),
}


def paint_ground(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Paint a ground.

    Args:
        name: Key of :data:`GROUNDS`.
        size: Side of the picture in pixels.
        rng: Of its shade and texture.

    Returns:
        (size, size, 3) float64, RGB from 0 to 255.
    """
    ground = GROUNDS[name]
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    phases = rng.uniform(0, 2 * np.pi, 4)
    fine = texture(ground.texture, x, y, size * ground.period, phases)
    coarse = texture('noise', x, y, size * 0.6, rng.uniform(0, 2 * np.pi, 4))
    mix = (0.5 + 0.5 * fine)[..., None]
    picture = mix * ground.first + (1 - mix) * np.array(ground.second)
    shade = rng.uniform(-8, 8, 3) + 8 * coarse[..., None]
    return np.clip(picture + shade, 0, 255)
