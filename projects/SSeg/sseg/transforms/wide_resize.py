from mmseg.datasets.transforms import Resize
from mmseg.registry import TRANSFORMS

from mmlangseg.io.nearest import resize_nearest


@TRANSFORMS.register_module()
class WideResize(Resize):
    """MMSegmentation's ``Resize`` for label maps of any integer type.

    MMCV resizes label maps by the rule of the image's backend, and with
    Pillow, whose rule reads the centers of pixels, only 8 bits. Here they
    follow :func:`mmlangseg.io.nearest.resize_nearest`, whatever the backend.

    Required keys: ``img`` and the label maps (h, w) of ``seg_fields``.
    """

    def _resize_seg(self, results: dict) -> None:
        for key in results.get('seg_fields', []):
            results[key] = resize_nearest(results[key], results['img_shape'])
