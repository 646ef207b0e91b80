"""Geometric augmentation that respects words such as "left"."""
from __future__ import annotations
import re
from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from scipy.spatial.transform import Rotation

from ..datasets.annotations import VIEW_WORDS
from ..datasets.mirrored_words import mirror_words


def is_view_dependent(sentence: str,
                      word_test: str = 'word',
                      view_words: Sequence[str] = VIEW_WORDS) -> bool:
    """Whether a sentence holds a word whose meaning depends on the view.

    Args:
        sentence: The sentence.
        word_test: ``'word'`` finds whole words anywhere, also as a part of
            "left-hand"; ``'released'`` is the test of the released code, which
            needs a blank on both sides and so misses the first word and words
            before a comma or a stop.
        view_words: The words.
    """
    if word_test == 'released':
        return any(f' {word} ' in f'{sentence} ' for word in view_words)
    words = '|'.join(map(re.escape, view_words))
    return bool(words) and re.search(rf'(?<!\w)({words})(?!\w)', sentence,
                                     re.IGNORECASE) is not None


def apply_rigid_augmentation(xyz: np.ndarray,
                             angles: Sequence[float] = (0.0, 0.0, 0.0),
                             flips: tuple[bool, bool] = (False, False),
                             noise: float | np.ndarray = 0.0,
                             shift: float | np.ndarray = 0.0,
                             scale: float = 1.0) -> np.ndarray:
    """Flip, rotate, disturb, shift and scale points, in this order.

    Args:
        xyz: (N, 3) points in meters.
        angles: Rotation about x, y and z in degrees; z is applied first,
            then x, then y, each right-handed.
        flips: Whether to mirror x and y.
        noise: (N, 3) or scalar, meters.
        shift: (3,) or scalar, meters.
        scale: Factor.

    Returns:
        (N, 3) float64.
    """
    signs = np.array([-1.0 if flips[0] else 1.0, -1.0 if flips[1] else 1.0, 1])
    x, y, z = angles
    turn = Rotation.from_euler('zxy', (z, x, y), degrees=True).as_matrix()
    xyz = (np.asarray(xyz, dtype=np.float64) * signs) @ turn.T
    return (xyz + noise + shift) * scale


@TRANSFORMS.register_module()
class ReferringAugment3D(BaseTransform):
    """Random rotation, flip, noise, shift and scale of a scan.

    With ``mode='view_aware'`` (released code) scans whose
    expressions are all view-independent turn freely (quarter turns and
    flips), any other one keeps its view up to ``jitter`` degrees. With
    ``mode='simple'`` (first public version) every scan is flipped at random
    and turned up to ``jitter`` degrees about each axis, whatever the sentence
    says; ``tilt``, ``noise`` and ``scale`` are not used.

    Random numbers come from NumPy's global generator, which the data set
    seeds for each sample.

    Required keys: ``points``, ``expressions`` (dicts with ``text`` and
    ``description``). Only coordinates change.

    Args:
        mode: ``'view_aware'`` or ``'simple'``.
        word_test: ``'word'`` or ``'released'``, see
            :func:`is_view_dependent`. The released test looks at
            ``description``, the other one at ``text``.
        jitter: Bound of the rotation about z in degrees (``'simple'``: about
            each axis).
        tilt: Bound of the rotation about x and y in degrees.
        noise: Upper bound in meters of the noise added to each coordinate.
        centered_noise: Draw the noise from [-noise, noise) instead of the
            released [0, noise), which shifts the scan by noise / 2.
        shift: Bound of the common shift along each axis in meters.
        scale: Range of the scale factor.
        quarter_turns: Turn view-independent scans by multiples of 90
            degrees (``'view_aware'``).
        flip: Mirror x and y of view-independent scans with probability 1/2
            each (``'view_aware'``).
        view_words: Words that make a sentence view-dependent.
        mirror: Mirror x of the other scans with probability 1/2 and exchange
            "left" and "right" in their sentences (``'view_aware'``). Neither
            the paper nor the released code does this; it helps small data.
    """

    def __init__(self,
                 mode: str = 'view_aware',
                 word_test: str = 'word',
                 jitter: float = 5.0,
                 tilt: float = 2.5,
                 noise: float = 0.005,
                 centered_noise: bool = False,
                 shift: float = 0.5,
                 scale: tuple[float, float] = (0.98, 1.02),
                 quarter_turns: bool = True,
                 flip: bool = True,
                 view_words: Sequence[str] = VIEW_WORDS,
                 mirror: bool = False) -> None:
        if mode not in ('view_aware', 'simple'):
            raise ValueError(
                f"mode must be 'view_aware' or 'simple', but is {mode!r}")
        if word_test not in ('word', 'released'):
            raise ValueError("word_test must be 'word' or 'released', but is "
                             f'{word_test!r}')
        self.mode = mode
        self.word_test = word_test
        self.jitter = jitter
        self.tilt = tilt
        self.noise = noise
        self.centered_noise = centered_noise
        self.shift = shift
        self.scale = tuple(scale)
        self.quarter_turns = quarter_turns
        self.flip = flip
        self.view_words = tuple(view_words)
        self.mirror = mirror

    def transform(self, results: dict) -> dict:
        """Augment one sample."""
        points = results['points']
        xyz = points.coord.numpy()
        draw = self._draw_simple if self.mode == 'simple' else self._draw
        xyz = apply_rigid_augmentation(xyz, **draw(results, len(xyz)))
        points.coord = torch.from_numpy(xyz.astype(np.float32))
        return results

    def _draw_simple(self, results: dict, count: int) -> dict:
        return dict(
            angles=np.random.uniform(-self.jitter, self.jitter, 3),
            flips=self._draw_flips(),
            shift=np.random.uniform(-self.shift, self.shift, 3))

    def _draw(self, results: dict, count: int) -> dict:
        free = not any(map(self._keeps_view, results['expressions']))
        tilt_x, tilt_y = np.random.uniform(-self.tilt, self.tilt, 2)
        turn = np.random.uniform(-self.jitter, self.jitter)
        if free and self.quarter_turns:
            turn += 90 * np.random.randint(4)
        flips = self._draw_flips()
        if not (free and self.flip):
            flips = (self.mirror and flips[0], False)
            if flips[0]:
                self._mirror_sentences(results)
        low = -self.noise if self.centered_noise else 0.0
        return dict(
            angles=(tilt_x, tilt_y, turn),
            flips=flips,
            noise=np.random.uniform(low, self.noise, (count, 3)),
            shift=np.random.uniform(-self.shift, self.shift, 3),
            scale=np.random.uniform(*self.scale))

    def _draw_flips(self) -> tuple[bool, bool]:
        x, y = np.random.rand(2) < 0.5
        return bool(x), bool(y)

    def _keeps_view(self, expression: dict) -> bool:
        key = 'description' if self.word_test == 'released' else 'text'
        return is_view_dependent(expression[key], self.word_test,
                                 self.view_words)

    def _mirror_sentences(self, results: dict) -> None:
        results['expressions'] = [
            dict(
                expression,
                text=mirror_words(expression['text']),
                description=mirror_words(expression['description']))
            for expression in results['expressions']
        ]

    def __repr__(self) -> str:
        names = ('mode', 'word_test', 'jitter', 'tilt', 'noise',
                 'centered_noise', 'shift', 'scale', 'quarter_turns', 'flip',
                 'view_words', 'mirror')
        options = ', '.join(f'{name}={getattr(self, name)!r}'
                            for name in names)
        return f'{self.__class__.__name__}({options})'
