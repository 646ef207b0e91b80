"""From polygons to the mask that a sentence refers to."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmlangseg.io.coco_segmentation import OVERLAP_RULES, decode_segmentation
from mmlangseg.io.whole_image import require_whole_image


@TRANSFORMS.register_module()
class LoadReferringMask(BaseTransform):
    """Draw the mask of the targets at the original size of the image.

    A sentence without target gets an empty mask; several targets are united.
    Before ``Resize`` it gives the mask at the size of the network (training,
    and the papers' evaluation); after ``Resize`` that at the original size.

    Required keys: ``segmentation`` (list of COCO segmentations), ``height``,
    ``width``; ``ori_shape`` if an image was loaded.

    Added keys: ``gt_seg_map`` (H, W) uint8, 1 inside, entered in
    ``seg_fields``.

    Args:
        overlap: What pixels are that several polygons of one object cover:
            ``'union'``, foreground; ``'official'``, background, as in the
            released code.
        required: Whether an expression that was not annotated is an error.
            If not, it passes without mask; unlabelled images need none, but
            where they have one the quality of pseudo-labels can be measured.

    Raises:
        ValueError: There is no annotation, it is malformed, or the image does
            not have the annotated size, or was cropped or padded before.
    """

    def __init__(self, overlap: str = 'union', required: bool = True) -> None:
        if overlap not in OVERLAP_RULES:
            raise ValueError(f'overlap must be one of {OVERLAP_RULES}, but is '
                             f'{overlap!r}')
        self.overlap = overlap
        self.required = required

    def transform(self, results: dict) -> dict:
        """Draw the mask of one sample."""
        name = f'{results.get("img_path")}, ref_id {results.get("ref_id")}'
        if 'segmentation' not in results:
            if self.required:
                raise ValueError(
                    f'{name} has no "ann_id": it was not annotated. Use it as '
                    'unlabelled, with LoadReferringMask(required=False)')
            return results
        if results.get('flip'):
            raise ValueError('LoadReferringMask must come before '
                             'RandomReferringFlip in the pipeline')
        require_whole_image(results, 'LoadReferringMask', 'the mask is')
        size = results['height'], results['width']
        if results.get('ori_shape', size) != size:
            raise ValueError(
                f'{name}: the image has {results["ori_shape"]} pixels, but '
                f'its entry in instances.json says {size}. Correct "height" '
                'and "width", or replace the image; if that is its size '
                'before it is turned as EXIF says, set '
                'LoadImage(ignore_orientation=True)')
        mask = np.zeros(size, np.uint8)
        try:
            for segmentation in results['segmentation']:
                mask |= decode_segmentation(segmentation, *size, self.overlap)
        except ValueError as error:
            raise ValueError(f'{name}, "segmentation": {error}') from None
        results['gt_seg_map'] = mask
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return (f"{self.__class__.__name__}(overlap='{self.overlap}', "
                f'required={self.required})')
