"""Paint a cluttered toy picture."""
from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from .clutter import ClutterObject, Scene
from .clutter_shapes import texture

GROUNDS = ((122, 112, 100), (150, 146, 138), (98, 104, 110), (168, 158, 140),
           (128, 132, 122), (140, 124, 118), (112, 118, 92), (100, 112, 132),
           (132, 106, 86))
SOFTNESS = 1.6  # width of an edge in pixels
SHADOW = 0.35
EXPOSURE = 0.45  # largest deviation of the brightness of a picture
TINT = 0.25  # and of its red, green and blue from each other


def render_scene(scene: Scene,
                 rng: np.random.Generator,
                 ground: np.ndarray | None = None) -> np.ndarray:
    """Paint a picture.

    Args:
        scene: What lies where.
        rng: Of light and noise, and of the ground.
        ground: What lies behind, (size, size, 3), RGB from 0 to 255; a dull,
            textured one is drawn if left out.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    size = scene.size
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    picture = _ground(x, y, size, rng) if ground is None else ground.copy()
    sun = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(sun), np.sin(sun)])
    for item in scene.objects:
        columns, rows = (
            span[(span >= 0) & (span < size)] for span in item.window())
        part = np.ix_(rows, columns)
        picture[part] = _paint(item, picture[part], x[part], y[part], light)
    picture = gaussian_filter(picture, (0.5, 0.5, 0))
    picture += rng.normal(0, 3, picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def change_light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a picture brighter or darker, and the light colored.

    Args:
        picture: (size, size, 3) uint8, RGB.
        rng: Of the light.

    Returns:
        The same shape and type.
    """
    gain = rng.uniform(1 - EXPOSURE, 1 + EXPOSURE) * rng.uniform(
        1 - TINT, 1 + TINT, 3)
    return np.clip(np.round(picture * gain), 0, 255).astype(np.uint8)


def _paint(item: ClutterObject, behind: np.ndarray, x: np.ndarray,
           y: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Blend an object, with its shadow, over what lies behind it."""
    thrown = item.distance(x + 2 * light[0], y + 2 * light[1])
    shadow = SHADOW * np.clip(0.5 - thrown / 5, 0, 1)
    behind = behind * (1 - shadow[..., None])

    distance = item.distance(x, y)
    dx, dy = x - item.center[0], y - item.center[1]
    shade = 1 + 0.16 * (dx * light[0] + dy * light[1]) / item.radius
    shade -= 0.12 * np.clip(1 + distance / 3, 0, 1)  # a darker rim
    # Dark things show their pattern by lighter marks, bright ones by darker.
    offset = 1 if sum(item.rgb) < 150 else -0.4
    marks = 20 * (item.pattern(x, y) + offset)
    color = (item.rgb + marks[..., None]) * shade[..., None]
    cover = np.clip(0.5 - distance / SOFTNESS, 0, 1)[..., None]
    return cover * np.clip(color, 0, 255) + (1 - cover) * behind


def _ground(x: np.ndarray, y: np.ndarray, size: int,
            rng: np.random.Generator) -> np.ndarray:
    """A dull, textured background with a few strokes; (size, size, 3)."""
    first, second = np.array(
        GROUNDS, dtype=float)[rng.choice(len(GROUNDS), 2, replace=False)]
    way = rng.uniform(0, 2 * np.pi)
    mix = 0.5 + (np.cos(way) * (x / size - 0.5) + np.sin(way) *
                 (y / size - 0.5)) / np.sqrt(2)
    ground = first + mix[..., None] * (second - first)
    coarse = texture('noise', x, y, size * 0.5, rng.uniform(0, 6.28, 4))
    name = str(rng.choice(('stripes', 'checks', 'noise')))
    fine = texture(name, x, y, size * rng.uniform(0.05, 0.12),
                   rng.uniform(0, 6.28, 4))
    ground = ground + (18 * coarse + 7 * fine)[..., None]
    for _ in range(int(rng.integers(3, 8))):
        ground = _stroke(ground, x, y, size, rng)
    return ground


def _stroke(ground: np.ndarray, x: np.ndarray, y: np.ndarray, size: int,
            rng: np.random.Generator) -> np.ndarray:
    """Draw a dull line from anywhere to anywhere."""
    start, end = rng.uniform(0, size, (2, 2))
    way = end - start
    dx, dy = x - start[0], y - start[1]
    along = np.clip((dx * way[0] + dy * way[1]) / (way @ way), 0, 1)
    apart = np.hypot(dx - along * way[0], dy - along * way[1])
    cover = 0.8 * np.clip(size * rng.uniform(0.006, 0.016) - apart, 0, 1)
    tone = rng.choice(GROUNDS) + rng.uniform(-35, 35)
    return ground + cover[..., None] * (tone - ground)
