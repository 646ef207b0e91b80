"""The shapes of the toy pictures, as signed distances, and their textures.

Coordinates are relative to a shape's center, in units of its radius; x points
right and y down.
"""
from __future__ import annotations
from collections.abc import Callable, Sequence

import numpy as np

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
TEXTURES = ('plain', 'stripes', 'dots', 'checks', 'noise')


def _disc(radius: float) -> Distance:

    def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.hypot(x, y) - radius

    return distance


def _ring(radius: float, width: float) -> Distance:

    def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.abs(np.hypot(x, y) - radius) - width / 2

    return distance


def _moon(radius: float, bite: float, shift: float) -> Distance:
    """A disc without the disc of radius ``bite``, ``shift`` to its right."""

    def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x = x + shift / 4  # about the center of what is left
        outer = np.hypot(x, y) - radius
        return np.maximum(outer, bite - np.hypot(x - shift, y))

    return distance


def _polygon(corners: Sequence[tuple[float, float]]) -> Distance:
    start = np.asarray(corners, dtype=float)
    edges = np.hstack([start, np.roll(start, -1, axis=0) - start]).tolist()

    def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squared = np.full(x.shape, np.inf)
        inside = np.zeros(x.shape, dtype=bool)
        # One edge at a time is faster than an axis for them: it fits the
        # processor's cache.
        for x0, y0, ex, ey in edges:
            dx, dy = x - x0, y - y0
            along = np.clip((dx * ex + dy * ey) / (ex**2 + ey**2), 0, 1)
            np.minimum(
                squared, (dx - along * ex)**2 + (dy - along * ey)**2,
                out=squared)
            if ey != 0:  # does the way from here to the right cross it?
                inside ^= ((dy < 0) != (dy < ey)) & (dx < dy * (ex / ey))
        return np.where(inside, -1.0, 1.0) * np.sqrt(squared)

    return distance


def _spokes(count: int, radii: Sequence[float]) -> Distance:
    """A polygon with its first corner up, at ``radii`` in turn."""
    total = count * len(radii)
    angle = 2 * np.pi * np.arange(total) / total
    radius = np.tile(radii, count)
    return _polygon(
        np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1))


def _cross(arm: float, half: float) -> Distance:
    quarter = np.array([(half, -arm), (half, -half), (arm, -half)])
    turn = np.array([[0, 1], [-1, 0]])  # x -> y -> -x
    corners = [quarter]
    for _ in range(3):
        corners.append(corners[-1] @ turn)
    return _polygon(np.concatenate(corners))


def _heart(size: float) -> Distance:
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    x = 16 * np.sin(t)**3
    y = (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) -
         np.cos(4 * t))
    return _polygon(np.stack([x, -y - 2], axis=1) * size / 16)


# Kind -> signed distance; areas are alike, so that size is size.
SHAPES: dict[str, Distance] = {
    'disc': _disc(0.88),
    'square': _polygon([(-.78, -.78), (.78, -.78), (.78, .78), (-.78, .78)]),
    'triangle': _spokes(3, (1.18, )),
    'star': _spokes(5, (1.2, 0.56)),
    'ring': _ring(0.78, 0.46),
    'cross': _cross(1.0, 0.36),
    'heart': _heart(0.98),
    'moon': _moon(1.06, 0.85, 0.62),
}


def texture(name: str, x: np.ndarray, y: np.ndarray, period: float,
            phases: Sequence[float]) -> np.ndarray:
    """Evaluate a texture.

    Args:
        name: One of :data:`TEXTURES`.
        x: Coordinates, of any shape.
        y: Coordinates, of the same shape.
        period: Length after which it repeats, in the units of ``x``.
        phases: Four angles that make each instance different; the first one
            turns the texture.

    Returns:
        Values in [-1, 1], of the shape of ``x``.
    """
    turn, a, b, c = phases
    k = 2 * np.pi / period
    u = k * (x * np.cos(turn) + y * np.sin(turn)) + a
    v = k * (y * np.cos(turn) - x * np.sin(turn)) + b
    if name == 'plain':
        return np.zeros_like(u)
    if name == 'stripes':
        return np.tanh(3 * np.sin(u))
    if name == 'dots':
        return np.tanh(3 * (np.cos(u) + np.cos(v) - 0.6))
    if name == 'checks':
        return np.tanh(5 * np.sin(u / 2) * np.sin(v / 2))
    if name == 'noise':  # waves in unrelated directions
        return (np.sin(u + np.cos(1.3 * v)) + np.sin(0.6 * v - 0.8 * u + c) +
                np.sin(1.7 * v + 0.5 * u + a * c)) / 3
    raise ValueError(f'texture {name!r} is not known, choose from {TEXTURES}')
