"""Images with referring expressions."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import join_path
from mmseg.registry import DATASETS

from mmlangseg.engine import SeededSampleMixin
from mmlangseg.io.annotations import AnnotationError
from .image_files import find_images, read_image_ids
from .refer_files import (find_refs_file, read_instances, read_refs,
                          select_split)


@DATASETS.register_module()
class RefCOCODataset(SeededSampleMixin, BaseDataset):
    """RefCOCO, RefCOCO+, RefCOCOg, gRefCOCO, or own images in their layout.

    In training a sample is one object with one of its sentences, drawn anew
    in every epoch; in test mode every (object, sentence) pair is a sample.
    Samples are functions of (seed, epoch, index), see
    :class:`SeededSampleMixin`.

    The files are those of REFER; images lie where ``data_prefix`` says::

        <data_root>/<ann_folder>/instances.json
        <data_root>/<ann_folder>/refs(<split_by>).p  or  grefs(<split_by>).json
        <data_root>/<data_prefix['img_path']>/COCO_train2014_000000000009.jpg

    A sample enters the pipeline as a dict with ``img_path``, ``img_id``,
    ``ref_id``, ``sent_id``, ``text``, ``groups`` (list of str, for the
    metric), ``height``, ``width``, ``seg_fields`` (empty),
    ``reduce_zero_label`` (False), and of the targets ``object_ids`` (the
    ``ann_id``) and ``segmentation``, both empty if nothing is meant. An
    expression whose ``ann_id`` is absent was not annotated; it has neither.

    Args:
        ann_folder: Folder of the annotations, relative to ``data_root``.
        split: train, val, testA, testB or test, by the rules of REFER.
        split_by: Who made the splits: unc, umd or google.
        data_root: Root of the data.
        data_prefix: Folder ``img_path`` of the images; by default that of
            REFER. In MMDetection's layout it is ``train2014``.
        image_ids: Use only the images of this list, see
            ``tools/dataset_converters/refcoco_split.py``; relative to
            ``data_root``.
        text_field: ``'sent'``, the cleaned sentence (released training), or
            ``'raw'``, what the annotator wrote (released test).
        pipeline: Transforms.
        test_mode: Whether this is for testing.
        indices: Use only these samples, or the first so many.
        lazy_init: Put off reading the annotations.

    Raises:
        FileNotFoundError: A file or some of the images are missing.
        AnnotationError: An annotation file is malformed.
    """

    METAINFO = dict(
        dataset='RefCOCO',
        classes=('background', 'target'),
        palette=[[0, 0, 0], [255, 0, 0]])

    def __init__(self,
                 ann_folder: str,
                 split: str,
                 split_by: str = 'unc',
                 data_root: str = '',
                 data_prefix: dict[str, str] | None = None,
                 image_ids: str | None = None,
                 text_field: str = 'sent',
                 pipeline: Sequence[dict] = (),
                 test_mode: bool = False,
                 indices: int | None = None,
                 lazy_init: bool = False) -> None:
        if text_field not in ('sent', 'raw'):
            raise ValueError(
                f"text_field must be 'sent' or 'raw', but is {text_field!r}")
        self.folder = join_path(data_root, ann_folder)
        self.split = split
        self.split_by = split_by
        self.text_field = text_field
        self.image_ids = image_ids and join_path(data_root, image_ids)
        prefix = dict(img_path='images/mscoco/images/train2014')
        prefix.update(data_prefix or {})
        super().__init__(
            ann_file=join_path(ann_folder, 'instances.json'),
            data_root=data_root,
            data_prefix=prefix,
            pipeline=list(pipeline),
            test_mode=test_mode,
            indices=indices,
            lazy_init=lazy_init)

    def load_data_list(self) -> list[dict]:
        """One entry per object, in test mode one per sentence."""
        refs_file = find_refs_file(self.folder, self.split_by)
        refs = select_split(
            read_refs(refs_file, self.text_field), self.split, refs_file)
        if self.image_ids:
            refs = self._listed(refs, refs_file)
        images, segmentations = read_instances(self.ann_file, refs)
        paths = find_images(self.data_prefix['img_path'],
                            (image['file_name'] for image in images.values()))
        data_list = []
        for ref in refs:
            image = images[ref['image_id']]
            entry = dict(
                img_path=paths[image['file_name']],
                img_id=ref['image_id'],
                ref_id=ref['ref_id'],
                height=image['height'],
                width=image['width'])
            if ref['ann_ids'] is not None:
                entry['object_ids'] = list(ref['ann_ids'])
                entry['segmentation'] = [
                    segmentations[i] for i in ref['ann_ids']
                ]
            if self.test_mode:
                data_list += [
                    dict(entry, sentences=[sentence])
                    for sentence in ref['sentences']
                ]
            else:
                data_list.append(dict(entry, sentences=ref['sentences']))
        return data_list

    def _listed(self, refs: list[dict], refs_file: str) -> list[dict]:
        assert self.image_ids  # or all refs are used
        wanted = set(read_image_ids(self.image_ids))
        chosen = [ref for ref in refs if ref['image_id'] in wanted]
        absent = wanted - {ref['image_id'] for ref in chosen}
        if absent or not chosen:
            raise AnnotationError(
                f'{self.image_ids}: {len(absent)} of {len(wanted)} images '
                f'({sorted(absent)[:3]}...) are not in split {self.split!r} '
                f'of {refs_file}. Make the list again for this data set with '
                'tools/dataset_converters/refcoco_split.py')
        return chosen

    def get_data_info(self, idx: int) -> dict:
        """The sample's annotation with the sentence drawn."""
        data = super().get_data_info(idx)
        sentences = data.pop('sentences')
        data.update(sentences[np.random.randint(len(sentences))])
        data.update(seg_fields=[], reduce_zero_label=False)
        return data
