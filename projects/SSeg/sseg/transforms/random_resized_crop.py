"""A random part of an image, at a fixed size."""
from __future__ import annotations
import math
from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmlangseg.io.nearest import resize_nearest

_ATTEMPTS = 10


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Cut a box of random area and aspect ratio, and resize it.

    The usual augmentation of Inception and of CLIP-like training; GroupViT
    has ``scale=(0.08, 1)``. If ten random boxes do not fit into the image,
    the largest box in its middle with an allowed aspect ratio is taken.

    Required keys: ``img`` (H, W, C); label maps (H, W) of any type in
    ``seg_fields`` are cut alike and resized by the nearest pixel.

    Modified keys: ``img``, ``img_shape``, the label maps. Added:
    ``crop_box``, (top, left, height, width) in pixels of the input.

    Args:
        size: Height and width of the result, or one number for both.
        scale: Least and largest area of the box, relative to the image.
        ratio: Least and largest width / height of the box.
        interpolation: Of the image; see :func:`mmcv.imresize`.
        backend: ``'cv2'`` or ``'pillow'``, which smooths when it shrinks.
    """

    def __init__(self,
                 size: int | Sequence[int],
                 scale: Sequence[float] = (0.08, 1.),
                 ratio: Sequence[float] = (3 / 4, 4 / 3),
                 interpolation: str = 'bicubic',
                 backend: str = 'pillow') -> None:
        size = (size, size) if isinstance(size, int) else tuple(size)
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f'size={size} must be height and width')
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f'scale={scale} must ascend within (0, 1]')
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f'ratio={ratio} must ascend above 0')
        if backend not in ('cv2', 'pillow'):
            raise ValueError(f"backend={backend!r} must be 'cv2' or 'pillow'")
        self.size = size
        self.scale = tuple(scale)
        self.ratio = tuple(ratio)
        self.interpolation = interpolation
        self.backend = backend

    def transform(self, results: dict) -> dict:
        """Cut and resize one sample."""
        shape = results['img'].shape[:2]
        top, left, height, width = box = self._draw(*shape)
        rows, columns = slice(top, top + height), slice(left, left + width)
        results['img'] = mmcv.imresize(
            np.ascontiguousarray(results['img'][rows, columns]),
            self.size[::-1],
            interpolation=self.interpolation,
            backend=self.backend)
        for name in results.get('seg_fields', []):
            if results[name].shape[:2] != shape:
                raise ValueError(
                    f'{name} of {results.get("key")} has the size '
                    f'{results[name].shape[:2]}, its image {shape}')
            results[name] = resize_nearest(results[name][rows, columns],
                                           self.size)
        results['img_shape'] = results['img'].shape[:2]
        results['crop_box'] = box
        return results

    def _draw(self, height: int, width: int) -> tuple[int, int, int, int]:
        for _ in range(_ATTEMPTS):
            area = height * width * np.random.uniform(*self.scale)
            ratio = math.exp(np.random.uniform(*np.log(self.ratio)))
            w, h = (round(math.sqrt(area * ratio)),
                    round(math.sqrt(area / ratio)))
            if 0 < w <= width and 0 < h <= height:
                return (np.random.randint(height - h + 1),
                        np.random.randint(width - w + 1), h, w)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        w, h = (max(1, round(min(width, height * ratio))),
                max(1, round(min(height, width / ratio))))
        return (height - h) // 2, (width - w) // 2, h, w

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(size={self.size}, '
                f'scale={self.scale}, ratio={self.ratio}, '
                f'interpolation={self.interpolation!r}, '
                f'backend={self.backend!r})')
