"""Adds the mask candidates of an image to the sample."""
from __future__ import annotations
import logging

from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmseg.registry import TRANSFORMS

from mmlangseg.io.whole_image import require_whole_image
from ..candidates import CandidateCache, CandidateCacheError
from ..datasets.image_files import number_of_name


@TRANSFORMS.register_module()
class LoadMaskCandidates(BaseTransform):
    """Load the mask candidates of an image from a cache.

    Belongs behind the resize, since the masks have the training size, and
    takes no image that was cropped or padded to it. They stay run-length
    coded.

    Required Keys:

    - img_id
    - img_shape
    - flip (optional)
    - flip_direction (optional)
    - ignore_orientation (optional), how the image was loaded
    - ori_shape (optional)
    - scale_factor (optional), of the resize

    Added Keys:

    - candidates (Candidates | None)

    Args:
        cache: Folder that tools/semires/generate_candidates.py made.
        required: Whether an image without an entry is an error; otherwise
            its candidates are None and its pseudo-labels stay as they are.
        expect: Header fields that the cache must have, for example
            ``dict(dataset='refcoco')``. A cache made by the released code's
            ``resize='corner'`` is warned of, unless it is expected.
    """

    def __init__(self,
                 cache: str,
                 required: bool = False,
                 expect: dict | None = None) -> None:
        self.cache = CandidateCache(cache, expect)
        if self.cache.header['resize'] == 'corner' and 'resize' not in (expect
                                                                        or {}):
            print_log(
                f'{cache}: the masks were brought to {self.cache.size} by the '
                'corners of pixels, as in the released code, but true masks '
                'are by their centers. Unless they had this size before, make '
                'the cache again, or say LoadMaskCandidates(expect='
                "dict(resize='corner')) to have it so", 'current',
                logging.WARNING)
        self.required = required

    def transform(self, results: dict) -> dict:
        size = tuple(results['img_shape'][:2])
        if size != self.cache.size:
            raise ValueError(
                f'{self.cache.root}: the candidates have the size '
                f'{self.cache.size}, the image {size}. Put LoadMaskCandidates '
                'behind the resize, and make the cache with --size '
                f'{size[0]} {size[1]} if that is the training size')
        require_whole_image(results, 'LoadMaskCandidates', 'the masks are')
        # only a cache of images that were not turned says so
        if self.cache.header['generator'].get('ignore_orientation') and \
                results.get('ignore_orientation') is False:
            raise CandidateCacheError(
                f'{self.cache.root} was made with --ignore-orientation, but '
                'the image was turned as EXIF says: set LoadImage('
                'ignore_orientation=True), or make the cache without it')
        self._check_id(results)
        candidates = self.cache.load(results['img_id'])
        if candidates is None and self.required:
            raise ValueError(
                f'{self.cache.root} has no candidates of image '
                f'{results["img_id"]} ({results.get("img_path")}); run '
                'tools/semires/generate_candidates.py again, which makes only '
                'what is missing')
        if results.get('flip'):
            direction = results.get('flip_direction') or 'horizontal'
            if direction != 'horizontal':
                raise ValueError(
                    'LoadMaskCandidates mirrors masks left to right only, but '
                    f'the flip of the image is {direction}: put it behind '
                    'no other flip than RandomReferringFlip')
            if candidates is not None:
                candidates = candidates.flipped()
        results['candidates'] = candidates
        return results

    def _check_id(self, results: dict) -> None:
        """Refuse the candidates of another image: export tools count images
        from 0 or 1, whatever their names say."""
        path = results.get('img_path')
        if self.cache.header.get('ids') != 'names' or path is None:
            return
        number = number_of_name(path)
        if not number or int(number) != results['img_id']:
            raise CandidateCacheError(
                f'{self.cache.root} was made without --annotations, so that '
                f'it goes by the numbers of names, but {path} is image '
                f'{results["img_id"]} of the data set: make it again with '
                '--annotations')

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(cache={str(self.cache.root)!r}, '
                f'required={self.required})')
