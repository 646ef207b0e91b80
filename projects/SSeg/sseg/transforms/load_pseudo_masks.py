"""Adds the pseudo-masks of an image to the sample."""
from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmlangseg.io.nearest import resize_nearest
from mmlangseg.io.whole_image import require_whole_image
from ..datasets.pair_source import BrokenPairError
from ..pseudo_masks import PseudoMaskCache, PseudoMaskCacheError


@TRANSFORMS.register_module()
class LoadPseudoMasks(BaseTransform):
    """Load the pseudo-masks of an image from a cache, as a label map.

    Belongs behind the loading of the image and before whatever crops, flips
    or turns it, because a map covers the whole image; it is stretched over
    the image as it is here.

    Required keys: ``sample_id`` (int), ``key`` (str), ``img``,
    ``img_shape``; ``ignore_orientation`` (bool), how the image was loaded,
    ``ori_shape``, ``scale_factor`` and ``source_sizes`` may be absent.

    Added keys: ``gt_seg_map`` (H, W) uint8, numbers of clusters, and its
    name in ``seg_fields``, so that later transforms change it with the image.

    Args:
        cache: Folder that tools/sseg/generate_pseudo_masks.py made.
        expect: Header fields that the cache must have, for example
            ``dict(num_clusters=8)``.

    Raises:
        BrokenPairError: The image was broken when the cache was made.
        PseudoMaskCacheError: The entry is missing, damaged, or of another
            data set, or of images that were turned in another way.
    """

    def __init__(self, cache: str, expect: dict | None = None) -> None:
        self.cache = PseudoMaskCache(cache, expect)

    def transform(self, results: dict) -> dict:
        """Add the label map of one sample."""
        missing = [
            name for name in ('sample_id', 'key', 'img') if name not in results
        ]
        if missing:
            raise ValueError(
                f'LoadPseudoMasks needs {missing}, put it behind the loading '
                'of the image; sample_id and key come from ImageTextDataset')
        if results.get('flip'):
            raise ValueError('LoadPseudoMasks must stand before RandomFlip, '
                             'but the image is flipped already')
        require_whole_image(results, 'LoadPseudoMasks', 'a map is')
        made = self.cache.header['generator'].get('ignore_orientation')
        loaded = results.get('ignore_orientation')
        if None not in (made, loaded) and made != loaded:
            raise PseudoMaskCacheError(
                f'{self.cache.root} was made with ignore_orientation={made}, '
                f'the image was loaded with {loaded}: give the loading of the '
                'image the same, or make the cache with '
                f'{self.cache.tool} and this config')
        self._check_sources(results)
        key = results['key']
        labels = self.cache.load(results['sample_id'], key)
        if labels is None:
            raise BrokenPairError(
                key, 'image', f'has no pseudo-masks in {self.cache.root}, it '
                'was broken when they were made')
        size = results['img'].shape[:2]
        results['gt_seg_map'] = resize_nearest(labels, size)
        fields = results.setdefault('seg_fields', [])
        if 'gt_seg_map' not in fields:
            fields.append('gt_seg_map')
        return results

    def _check_sources(self, results: dict) -> None:
        """Refuse the sources of a config in another order: tools number the
        pairs of every data set alike, so that keys do not tell them apart."""
        made = self.cache.header.get('source_sizes')
        sizes = results.get('source_sizes')
        if not made or not sizes:
            return
        # the first of them may be all that this training takes
        if list(sizes) != made[:len(sizes)]:
            raise PseudoMaskCacheError(
                f'{self.cache.root} is of sources of {made} pairs, the '
                f'training has sources of {list(sizes)}: give it those of the '
                'cache, or the first of them, in their order, or make one '
                f'for it with {self.cache.tool}')

    def __repr__(self) -> str:
        return f'{type(self).__name__}(cache={str(self.cache.root)!r})'
