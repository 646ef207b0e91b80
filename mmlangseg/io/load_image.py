"""The image of a sample, on its way into a pipeline."""
from __future__ import annotations
from collections.abc import Iterable

import mmcv
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from .images import MAX_PIXELS, read_image

# Steps of a pipeline that open the file of an image.
IMAGE_LOADERS = ('LoadImage', 'LoadImageFromFile', 'LoadPairImage')


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Load an image with the decoder of inference and of all tools.

    MMCV's ``LoadImageFromFile`` gives other pixels with each of its backends
    where a file has 16 bits, transparency or an orientation; see
    :func:`mmlangseg.io.images.decode_image` for what they are here.

    Required keys: ``img_path`` (str).

    Added keys: ``img`` (H, W, 3) uint8, BGR; ``img_shape`` and ``ori_shape``,
    both (H, W); ``ignore_orientation`` (bool), the argument.

    Args:
        ignore_orientation: Whether pixels stay as they are stored, whatever
            the EXIF data say: for benchmarks, whose label maps were drawn on
            those. By default the image is turned, as people, annotation tools
            and inference see it.
        max_pixels: Larger images are refused before they are decoded.
        backend_args: Of MMEngine's file backend.

    Raises:
        FileNotFoundError: There is no such file.
        ImageFileError: It is no image that can be used.
    """

    def __init__(self,
                 ignore_orientation: bool = False,
                 max_pixels: int = MAX_PIXELS,
                 backend_args: dict | None = None) -> None:
        self.ignore_orientation = ignore_orientation
        self.max_pixels = max_pixels
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Load the image of one sample."""
        rgb = read_image(
            results['img_path'],
            ignore_orientation=self.ignore_orientation,
            max_pixels=self.max_pixels,
            backend_args=self.backend_args)
        results['img'] = mmcv.rgb2bgr(rgb)
        results['img_shape'] = results['ori_shape'] = rgb.shape[:2]
        results['ignore_orientation'] = self.ignore_orientation
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}('
                f'ignore_orientation={self.ignore_orientation}, '
                f'max_pixels={self.max_pixels}, '
                f'backend_args={self.backend_args})')


def ignores_orientation(transforms: Iterable) -> bool:
    """Whether a pipeline leaves images as they are stored.

    What is drawn over an image must know that, to read it again alike.
    """
    return any(
        getattr(transform, 'ignore_orientation', False)
        or 'ignore_orientation' in getattr(transform, 'color_type', '')
        for transform in transforms)
