"""The files of SemiRES, and pictures of all systems."""
from __future__ import annotations
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from refer_data import HEIGHT, WIDTH, make_instances, make_ref, write_refer

from mmlangseg.semires.candidates import (CandidateCache, Candidates,
                                          read_released)
from mmlangseg.semires.datasets import RefCOCODataset
from mmlangseg.semires.transforms import LoadReferringMask
from mmlangseg.sseg.transforms import LoadPairImage
from mmlangseg.visualization import read_image
from .harness import Kind

SIZE = (20, 30)
IMAGE_ID = 12


def _make_refer(folder: Path) -> None:
    refs = [make_ref(i, 100 + i // 2, 'train') for i in range(4)]
    instances = make_instances(refs)
    # run-length codes, not compressed and compressed
    runs = [5, 10, HEIGHT * WIDTH - 15]
    instances['annotations'][1]['segmentation'] = dict(
        size=[HEIGHT, WIDTH], counts=runs)
    write_refer(folder, refs, instances)
    (folder / 'ids.json').write_text(
        json.dumps(dict(metainfo=dict(seed=0), image_ids=[100, 101])))
    grefs = [
        dict(ref, ann_id=[ref['ann_id']], no_target=False) for ref in refs
    ]
    (folder / 'gref').mkdir()
    (folder / 'gref' / 'grefs(unc).json').write_text(json.dumps(grefs))
    (folder / 'gref' / 'instances.json').write_text(json.dumps(instances))


def _refer(name: str):

    def read(folder: Path) -> Any:
        dataset = RefCOCODataset(
            name,
            'train',
            data_root=str(folder),
            image_ids='ids.json',
            test_mode=True)
        draw = LoadReferringMask(required=False)
        samples = []
        for i in range(len(dataset)):
            sample = draw(dataset.get_data_info(i))
            samples.append({
                key: sample.get(key)
                for key in ('img_id', 'ref_id', 'text', 'groups', 'object_ids',
                            'gt_seg_map')
            })
        return samples

    return read


def _check_refer(result: list) -> str | None:
    for sample in result:
        mask = sample['gt_seg_map']
        if mask is not None and sample['object_ids'] and not mask.any():
            return f'ref_id {sample["ref_id"]} means an empty mask'
        if not isinstance(sample['text'], str):
            return f'the sentence is {sample["text"]!r}'
    return None


def _candidates() -> Candidates:
    rng = np.random.default_rng(0)
    return Candidates.from_masks(
        rng.random((3, *SIZE)) < 0.5, SIZE, rng.random(3))


def _make_candidates(folder: Path) -> None:
    cache = CandidateCache.create(
        folder / 'cache',
        dict(
            dataset='toy', size=SIZE, generator=dict(name='x', parameters={})))
    cache.save(IMAGE_ID, _candidates())


def _candidate_file() -> str:
    cache = CandidateCache.__new__(CandidateCache)
    cache.root = Path('cache')
    return str(cache.path(IMAGE_ID))


def _read_candidates(folder: Path) -> dict:
    cache = CandidateCache(folder / 'cache')
    return _plain(cache.load(IMAGE_ID))


def _plain(candidates: Candidates | None) -> dict:
    return {} if candidates is None else dict(
        size=candidates.size,
        counts=[rle['counts'] for rle in candidates.rles],
        areas=candidates.areas,
        boxes=candidates.boxes,
        scores=candidates.scores)


def _runs(text: bytes) -> list[int]:
    """Run lengths of a compressed code, without pycocotools, which must not
    see a damaged one."""
    runs, value, shift = [], 0, 0
    for bits in (character - 48 for character in text):
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs


def _check_candidates(result: dict) -> str | None:
    if not result:
        return None
    height, width = result['size']
    for counts, area in zip(result['counts'], result['areas'].tolist()):
        runs = _runs(counts)
        if sum(runs) != height * width or min(runs) < 0:
            return f'runs of {sum(runs)} pixels, not {height * width}'
        if sum(runs[1::2]) != area:
            return f'the area {area} of a mask of {sum(runs[1::2])} pixels'
    if not np.isfinite(result['scores']).all():
        return f'the scores {result["scores"]}'
    return None


def _make_released(folder: Path) -> None:
    items = [
        dict(counts=[1, 5, 40, 10], size=list(SIZE)),
        dict(counts=[100, 30], size=list(SIZE))
    ]
    (folder / '7.json').write_text(json.dumps(items))


def picture_bytes(suffix: str, size: tuple[int, int] = SIZE) -> bytes:
    """An encoded image of smooth colors."""
    rows, columns = np.mgrid[:size[0], :size[1]]
    pixels = np.stack([8 * rows, 8 * columns, 4 * (rows + columns)], 2)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, suffix)
    return file.getvalue()


def _image(name: str, suffix: str, title: str, exact: bool) -> Kind:

    def make(folder: Path) -> None:
        (folder / name).write_bytes(picture_bytes(suffix))

    def read(folder: Path) -> tuple:
        path = str(folder / name)
        return (read_image(path),
                LoadPairImage().transform(dict(img_path=path))['img'])

    return Kind(
        title,
        'image',
        make,
        name,
        read,
        lambda result: None
        if result[0].shape == result[1].shape else 'two different sizes',
        exact=exact)


PICTURE_KINDS = (
    # which names objects of the other file, and that images
    Kind(
        'REFER refs pickle',
        'pickle',
        _make_refer,
        'refcoco/refs(unc).p',
        _refer('refcoco'),
        _check_refer,
        names=('instances.json', )),
    Kind(
        'gRefCOCO JSON',
        'json',
        _make_refer,
        'gref/grefs(unc).json',
        _refer('gref'),
        _check_refer,
        names=('instances.json', )),
    Kind(
        'REFER instances.json',
        'json',
        _make_refer,
        'refcoco/instances.json',
        _refer('refcoco'),
        _check_refer,
        names=('COCO_train2014', )),
    Kind('image list of SemiRES', 'json', _make_refer, 'ids.json',
         _refer('refcoco'), _check_refer),
    Kind(
        'candidate cache: header',
        'json',
        _make_candidates,
        'cache/header.json',
        _read_candidates,
        _check_candidates,
        names=('.rle', )),
    Kind(
        'candidate cache: bytes',
        'bytes',
        _make_candidates,
        _candidate_file(),
        _read_candidates,
        _check_candidates,
        exact=True),
    Kind('candidate cache: fields', 'candidates', _make_candidates,
         _candidate_file(), _read_candidates, _check_candidates),
    Kind('released candidates JSON', 'json', _make_released, '7.json',
         lambda folder: _plain(read_released(folder / '7.json')),
         _check_candidates),
    _image('a.png', 'PNG', 'image .png', True),
    _image('a.jpg', 'JPEG', 'image .jpg', False),
)
