"""From the file of an image to its pixels."""
from __future__ import annotations

import mmcv
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmlangseg.io.images import ImageFileError, decode_image
from ..datasets.pair_source import BrokenPairError


@TRANSFORMS.register_module()
class LoadPairImage(BaseTransform):
    """Decode the image of an image-caption pair.

    The pixels are those of :func:`mmlangseg.io.images.decode_image`, turned
    as the EXIF data say.

    Required keys: ``img_bytes`` (bytes) or ``img_path`` (str); ``key`` (str)
    may be absent. Removed: ``img_bytes``.

    Added keys: ``img`` (H, W, 3) uint8, BGR; ``ori_shape`` and ``img_shape``,
    both (H, W); ``ignore_orientation`` (bool), False; ``seg_fields``, empty.

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
        data, name = results.pop('img_bytes', None), 'it'
        key = results.get('key') or results.get('img_path') or 'a pair'
        try:
            if data is None:
                name = results['img_path']
                with open(name, 'rb') as file:
                    data = file.read()
            rgb = decode_image(
                data, name, max_pixels=self.max_pixels, min_size=self.min_size)
        except (OSError, ImageFileError) as error:
            raise BrokenPairError(key, 'image', f'is unusable: {error}') \
                from error
        results['img'] = mmcv.rgb2bgr(rgb)
        results['ori_shape'] = results['img_shape'] = rgb.shape[:2]
        results['ignore_orientation'] = False
        results.setdefault('seg_fields', [])
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(max_pixels={self.max_pixels}, '
                f'min_size={self.min_size})')
