"""From the file of an image to its pixels."""
from __future__ import annotations
import io
import os

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image, ImageOps, UnidentifiedImageError

from ..datasets.pair_source import BrokenPairError

# Photographs on the web; other formats of Pillow run foreign programs.
_FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP')
_DEEP_GREY = ('I;16', 'I;16L', 'I;16B', 'I;16N', 'I')


@TRANSFORMS.register_module()
class LoadPairImage(BaseTransform):
    """Decode the image of an image-caption pair.

    JPEG, PNG, WebP, GIF or BMP, whatever the name of the file says. Turned as
    its EXIF data say, like MMCV's loaders. Greyscale (8 and 16 bit), palette
    and CMYK become colour, what is transparent lies on white, of an animation
    the first picture is taken.

    Required keys: ``img_bytes`` (bytes) or ``img_path`` (str); ``key`` (str)
    may be absent. Removed: ``img_bytes``.

    Added keys: ``img`` (H, W, 3) uint8, BGR; ``ori_shape`` and ``img_shape``,
    both (H, W); ``seg_fields``, empty.

    Args:
        max_pixels: Images with more pixels are refused before they are
            decoded: a small file may hold a picture that fills the memory.
        min_size: Images whose shorter side has fewer pixels are refused:
            those of one pixel that visits of a page are counted with, lines.

    Raises:
        BrokenPairError: The image cannot be decoded, is cut off, or is
            refused.
    """

    def __init__(self, max_pixels: int = 1 << 26, min_size: int = 8) -> None:
        self.max_pixels = max_pixels
        self.min_size = min_size

    def transform(self, results: dict) -> dict:
        """Decode the image of one sample."""
        data = results.pop('img_bytes', None)
        key = results.get('key') or results.get('img_path') or 'a pair'
        try:
            if data is None:
                with open(results['img_path'], 'rb') as file:
                    image = self._decode(file)
            else:
                image = self._decode(io.BytesIO(data))
        except MemoryError:
            raise
        except Exception as error:  # a damaged file raises almost anything
            reason = str(error) or type(error).__name__
            raise BrokenPairError(key, 'image', f'is unusable: {reason}') \
                from error
        results['img'] = image
        results['ori_shape'] = results['img_shape'] = image.shape[:2]
        results.setdefault('seg_fields', [])
        return results

    def _decode(self, file: io.IOBase) -> np.ndarray:
        if not file.seek(0, os.SEEK_END):
            raise ValueError('it is empty')
        file.seek(0)
        with _open(file) as image:
            width, height = image.size
            if width * height > self.max_pixels:
                raise ValueError(f'it has {width} x {height} pixels, more '
                                 f'than max_pixels={self.max_pixels}')
            if min(width, height) < self.min_size:
                raise ValueError(f'it has {width} x {height} pixels, less '
                                 f'than min_size={self.min_size} on a side')
            rgb = np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
        return mmcv.rgb2bgr(rgb)

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(max_pixels={self.max_pixels}, '
                f'min_size={self.min_size})')


def _open(file: io.IOBase) -> Image.Image:
    try:
        return Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError:  # whose text names an object of Python
        raise ValueError(
            f'{getattr(file, "name", "it")} is none of '
            f'{", ".join(_FORMATS)}, or damaged from the beginning on. '
            'Download it again, or convert it to .jpg, .jpeg, .png or '
            '.webp') from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_GREY:  # Pillow would cut off above 255
        grey = np.asarray(image).astype(np.int64).clip(0, 65535) >> 8
        return Image.fromarray(grey.astype(np.uint8)).convert('RGB')
    if 'transparency' in image.info or image.mode in ('RGBA', 'LA', 'PA'):
        rgba = image.convert('RGBA')
        white = Image.new('RGBA', rgba.size, 'white')
        return Image.alpha_composite(white, rgba).convert('RGB')
    return image.convert('RGB')
