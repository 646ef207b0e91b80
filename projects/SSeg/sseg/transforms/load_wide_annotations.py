"""Label maps with ids above 255."""
from __future__ import annotations
import io
from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.transforms import LoadAnnotations
from mmengine.fileio import get
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmlangseg.io.whole_image import require_whole_image
from ..datasets.class_file_dataset import WIDE_IGNORE_INDEX

# The header of a PNG has bits per channel and kind at these places.
_PNG, _BIT_DEPTH, _COLOR_TYPE = b'\x89PNG', 24, 25


@TRANSFORMS.register_module()
class LoadWideAnnotations(LoadAnnotations):
    """Load a label map of 8, 16 or 32 bits, or one with ids in its colors.

    mmseg's ``LoadAnnotations`` cuts ids to 8 bits. As there, label 0 is
    ignored and the others are moved down by one if the data set says
    ``reduce_zero_label``, and then its ``label_map`` is applied; what it maps
    to 255, as mmseg does with classes that are left out, is ignored only if
    ``ignore_index`` is 255.

    Required keys: ``seg_map_path``; ``reduce_zero_label`` (bool),
    ``label_map`` (dict of int to int or None), ``ignore_ids`` (ids in the
    file) and ``ignore_index`` of :class:`ClassFileDataset`, ``ori_shape``,
    ``img_path`` if they are there.

    Added keys: ``gt_seg_map`` (H, W) int32, entered in ``seg_fields``.

    Args:
        rgb: Whether the file is in color, with ids R + 256 G + 65536 B.
        ignore_ids: Ids in the file of pixels to ignore, besides
            ``ignore_index``.
        ignore_index: Label of ignored pixels. The metric must have the same.
        backend_args: Of the file backend.

    Raises:
        ValueError: The file is no image, has another number of channels, or
            is not as large as the image, which was cropped or padded before;
            or the data set ignores another label.
    """

    def __init__(self,
                 rgb: bool = False,
                 ignore_ids: Sequence[int] = (),
                 ignore_index: int = WIDE_IGNORE_INDEX,
                 backend_args: dict | None = None) -> None:
        super().__init__(
            with_bbox=False,
            with_label=False,
            with_seg=True,
            imdecode_backend='pillow',  # as `decode_labels`
            backend_args=backend_args)
        self.rgb = rgb
        self.ignore_ids = tuple(ignore_ids)
        self.ignore_index = ignore_index

    def _load_seg_map(self, results: dict) -> None:
        """Load the ids and turn them into labels."""
        wanted = results.get('ignore_index', self.ignore_index)
        if wanted != self.ignore_index:
            raise ValueError(
                f'LoadWideAnnotations(ignore_index={self.ignore_index}) '
                f'belongs to a data set with ignore_index={wanted}, so that '
                'ignored pixels would be of a class: give both, and the '
                'metric, the same')
        require_whole_image(results, 'LoadWideAnnotations', 'the labels are')
        path = results['seg_map_path']
        ids = self._decode(path)
        if results.get('ori_shape', ids.shape)[:2] != ids.shape:
            raise ValueError(
                f'{path} has {ids.shape} pixels, but the image '
                f'{results["ori_shape"][:2]} (height, width): '
                f'{results.get("img_path")}. Save the label map at the size '
                'of the image; if it was drawn before the image is turned as '
                'EXIF says, set LoadImage(ignore_orientation=True)')
        ignored = np.isin(ids, (*self.ignore_ids, self.ignore_index,
                                *results.get('ignore_ids', ())))
        if results.get('reduce_zero_label'):
            ignored |= ids == 0
            ids -= 1
        if results.get('label_map'):
            # of the few ids that occur, not of each pixel
            values, inverse = np.unique(ids, return_inverse=True)
            label_map = results['label_map']
            values = [label_map.get(value, value) for value in values.tolist()]
            ids = np.array(values, np.int32)[inverse.reshape(ids.shape)]
        ids[ignored] = self.ignore_index
        results['gt_seg_map'] = ids
        results.setdefault('seg_fields', []).append('gt_seg_map')

    def _decode(self, path: str) -> np.ndarray:
        """Ids of a file, (H, W) int32."""
        data = get(path, backend_args=self.backend_args)
        try:
            image = decode_labels(data)
        except (OSError, SyntaxError) as error:
            raise ValueError(f'{path} is not a whole image: {error}') from None
        if image.shape[2:] != ((3, ) if self.rgb else ()):
            raise ValueError(
                f'{path} has shape {image.shape}. It must be ' +
                ('RGB' if self.rgb else
                 'of one channel: save the number of the class at each pixel '
                 'as gray values of 8 or 16 bits, or with a palette') +
                '; for ids in colors set LoadWideAnnotations(rgb=True)')
        if image.dtype.kind == 'f':
            raise ValueError(f'{path} has fractions. The numbers of classes '
                             'must be saved as integers')
        if self.rgb:
            image = image.astype(np.int32)  # in the order BGR
            return image[..., 2] + 256 * image[..., 1] + 65536 * image[..., 0]
        return image.astype(np.int32)

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(rgb={self.rgb}, '
                f'ignore_ids={self.ignore_ids}, '
                f'ignore_index={self.ignore_index}, '
                f'backend_args={self.backend_args})')


def decode_labels(data: bytes) -> np.ndarray:
    """Numbers in the file of a label map, (H, W), or (H, W, 3) BGR.

    Raises:
        OSError: It is no whole image; or SyntaxError.
    """
    # Pillow skips the checksums of the pixels when it decodes them.
    with Image.open(io.BytesIO(data)) as file:
        file.verify()
    # Pillow gives the indices of palette images
    image = mmcv.imfrombytes(data, flag='unchanged', backend='pillow')
    step = _gray_step(data)
    return image if step == 1 else image // step


def _gray_step(data: bytes) -> int:
    """By how much the values of an image are spread: Pillow makes 0, 85, 170
    and 255 of the numbers 0 to 3 in a gray PNG of 2 bits."""
    if data[:4] != _PNG or data[_COLOR_TYPE] != 0:
        return 1
    return {2: 85, 4: 17}.get(data[_BIT_DEPTH], 1)
