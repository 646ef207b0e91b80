"""The files of S-Seg: pairs, classes, label maps, pseudo-masks."""
from __future__ import annotations
import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from pair_data import pairs, picture, write_tar
from PIL import Image
from scan_data import CONVERTERS, load_converter

from mmlangseg.sseg.datasets import PAIR_SOURCES
from mmlangseg.sseg.pseudo_masks import PseudoMaskCache
from mmlangseg.sseg.transforms import LoadWideAnnotations
from mmlangseg.sseg.vocabulary import read_class_names
from mmlangseg.sseg.vocabulary.build_vocabulary import build_vocabulary
from .harness import Kind

COUNT = 3


def _make_tar(folder: Path) -> None:
    write_tar(folder / 'tars' / '0.tar', pairs(COUNT))
    _read_tar(folder)  # writes the index


def _read_tar(folder: Path) -> list:
    return _read_source(
        folder, type='TarSource', tars='tars/*.tar', processes=1)


def _read_source(root: Path, **config) -> list:
    source = PAIR_SOURCES.build(dict(config, data_root=str(root)))
    source.load()
    found = [source.read(i) for i in range(len(source))]
    for pair in found:
        path = pair.pop('img_path', None)
        pair['image'] = path and Path(path).name
    return found


def _make_lists(folder: Path) -> None:
    for i in range(COUNT):
        for name in (f'images/{i}.png', f'pairs/{i}.png'):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(picture(i))
    (folder / 'pairs' / '0.txt').write_text('caption of a dog\n')
    for i in (1, 2):
        (folder / 'pairs' / f'{i}.json').write_text(
            json.dumps(dict(caption=f'caption {i} of a cat', url='x')))
    rows = [(f'http://example.org/{i}.png', f'caption {i} of a dog')
            for i in range(COUNT)]
    (folder / 'table.tsv').write_text(''.join(f'{url}\t{text}\n'
                                              for url, text in rows))
    (folder / 'list.jsonl').write_text(''.join(
        json.dumps(dict(image=f'{i}.png', caption=text)) + '\n'
        for i, (_, text) in enumerate(rows)))


def _source(**config):
    return lambda folder: _read_source(folder, **config)


def _check_pairs(result: list) -> str | None:
    for pair in result:
        if not isinstance(pair['text'], str) or not pair['text'].strip():
            return f'the caption {pair["text"]!r}'
    return None


def _make_classes(folder: Path) -> None:
    (folder / 'classes.txt'
     ).write_text('0\tbackground\n1\tcat;kitty\n2\ttraffic light\n3\tdog\n')
    (folder / 'names.txt').write_text('cat;kitty\ntraffic light\ndog\n')


def _read_ids(folder: Path) -> list:
    names = read_class_names(folder / 'classes.txt')
    return [list(names.names), names.background]


def _read_names(folder: Path) -> list:
    vocabulary = build_vocabulary(folder / 'names.txt')
    return [list(vocabulary.prompt_names), vocabulary.background]


def _check_names(result: list) -> str | None:
    for names in result[0]:
        for name in names:
            if not name.strip() or not name.isprintable():
                return f'a class is called {name!r}'
    return None


def _label_map(name: str, **options) -> Kind:
    size = (8, 10)

    def make(folder: Path) -> None:
        ids = np.arange(80).reshape(size) % 7
        if options:
            ids = np.stack([ids, ids * 0, ids * 0], 2).astype(np.uint8)
        Image.fromarray(ids.astype(np.uint8)).save(folder / name)

    def read(folder: Path) -> np.ndarray:
        results = dict(seg_map_path=str(folder / name), ori_shape=size)
        return LoadWideAnnotations(**options).transform(results)['gt_seg_map']

    return Kind(
        f'label map, {name[:-4]}', 'image', make, name, read, exact=True)


def _make_pseudo_masks(folder: Path) -> None:
    cache = PseudoMaskCache.create(
        folder / 'cache',
        dict(
            dataset='toy',
            num_samples=4,
            num_clusters=8,
            grid=(5, 6),
            shard_size=4,
            generator=dict(name='x')))
    rng = np.random.default_rng(0)
    cache.write_shard(
        0, {i: (f'key {i}', rng.integers(0, 8, (5, 6)))
            for i in range(4)})


def _read_pseudo_masks(folder: Path) -> list:
    cache = PseudoMaskCache(folder / 'cache')
    return [cache.load(i, f'key {i}') for i in range(4)]


def _check_pseudo_masks(result: list) -> str | None:
    for labels in result:
        if labels is not None and labels.shape != (5, 6):
            return f'a map of {labels.shape}'
    return None


def _tool(name: str) -> Any:
    folder = str(CONVERTERS.parent / 'sseg')
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def _make_image_list(folder: Path) -> None:
    for i in range(COUNT):
        (folder / f'{i}.jpg').write_bytes(picture(i, suffix='jpg'))
    (folder / 'list.txt').write_text('0.jpg\n1\n2.jpg\n')
    _open_labels(folder)


def _read_image_list(folder: Path) -> list:
    jobs = _tool('label_images').list_images(
        Namespace(
            images=folder,
            labels=folder / 'labels',
            list=folder / 'list.txt',
            img_suffix='.jpg'))
    return [(str(a.relative_to(folder)), str(b.relative_to(folder)))
            for a, b in jobs.items()]


def _open_labels(folder: Path) -> list:
    writer = _tool('label_images').LabelWriter(
        folder / 'labels', ('cat', 'dog'), True, 0.5,
        dict(checkpoint='abc', threshold=0.3))
    return [str(writer.dtype), writer.ignore_index]


def _raise(failures: list[str]) -> None:
    if failures:
        raise ValueError('\n'.join(failures))


def _make_coco(folder: Path) -> None:
    square = [[1, 1, 5, 1, 5, 5, 1, 5]]
    content = dict(
        categories=[
            dict(id=i, name=f'thing_{i}', synonyms=[f'kind_{i}'])
            for i in (1, 2)
        ],
        images=[
            dict(
                id=i,
                height=8,
                width=10,
                file_name=f'{i:012d}.jpg',
                coco_url=f'http://example.org/val2017/{i:012d}.jpg')
            for i in (7, 9)
        ],
        annotations=[
            dict(id=i, image_id=i, category_id=2, segmentation=square)
            for i in (7, 9)
        ])
    (folder / 'annotations').mkdir()
    (folder / 'annotations' / 'val.json').write_text(json.dumps(content))


def _read_lvis(folder: Path) -> list:
    lvis, files = load_converter('lvis'), load_converter('convert_files')
    path, out = folder / 'annotations/val.json', folder / 'labels'
    content = lvis.read_annotations(path)
    names = lvis.read_categories(content['categories'], path)
    jobs, images = lvis.image_jobs(content, path, out, len(names.names))
    lvis.save_names(folder / 'classes.txt', names)
    _raise(files.run_jobs(lvis.convert_image, jobs, 1))
    return [list(names.names), images, _label_maps(out)]


def _read_coco(folder: Path) -> dict:
    coco = load_converter('coco_object')
    files = load_converter('convert_files')
    jobs = coco.instance_jobs(folder / 'annotations/val.json',
                              folder / 'labels')
    _raise(files.run_jobs(coco.convert_instances, jobs, 1))
    return _label_maps(folder / 'labels')


def _label_maps(folder: Path) -> dict:
    return {
        str(path.relative_to(folder)): np.array(Image.open(path))
        for path in sorted(folder.rglob('*.png'))
    }


def _make_synsets(folder: Path) -> None:
    (folder / 'synsets.txt').write_text(
        'n00000001 cat, kitty\nn00000002 traffic light\nn00000003 dog\n')


def _read_synsets(folder: Path) -> dict:
    tool = load_converter('imagenet_s')
    names = tool.read_synset_names(folder / 'synsets.txt')
    chosen = tool.choose_names(['n00000001', 'n00000003'], names,
                               folder / 'synsets.txt')
    return list(chosen.names)


PAIR_KINDS = (
    Kind(
        'tar of pairs',
        'bytes',
        _make_tar,
        'tars/0.tar',
        _read_tar,
        _check_pairs,
        cut_is_seen=False),
    Kind(
        'tar index',
        'bytes',
        _make_tar,
        'tars/0.tar.index.npz',
        _read_tar,
        _check_pairs,
        exact=True),
    Kind(
        'tar index: fields',
        'npz',
        _make_tar,
        'tars/0.tar.index.npz',
        _read_tar,
        _check_pairs,
        names=('0.tar', )),
    Kind(
        'pairs in a TSV',
        'lines',
        _make_lists,
        'table.tsv',
        _source(type='TableSource', file='table.tsv', images='images'),
        _check_pairs,
        cut_is_seen=False),
    Kind(
        'pairs in a JSONL',
        'jsonl',
        _make_lists,
        'list.jsonl',
        _source(type='JSONLSource', file='list.jsonl', images='images'),
        _check_pairs,
        cut_is_seen=False,
        lenient=True),
    Kind(
        'caption .txt',
        'lines',
        _make_lists,
        'pairs/0.txt',
        _source(type='FolderSource', folder='pairs'),
        _check_pairs,
        cut_is_seen=False,
        lenient=True),
    Kind('caption .json', 'json', _make_lists, 'pairs/1.json',
         _source(type='FolderSource', folder='pairs'), _check_pairs),
    Kind(
        'class file with ids',
        'lines',
        _make_classes,
        'classes.txt',
        _read_ids,
        _check_names,
        cut_is_seen=False),
    Kind(
        'class file of names',
        'lines',
        _make_classes,
        'names.txt',
        _read_names,
        _check_names,
        cut_is_seen=False),
    _label_map('gray.png'),
    _label_map('colors.png', rgb=True),
    Kind('pseudo-mask cache: header', 'json', _make_pseudo_masks,
         'cache/header.json', _read_pseudo_masks, _check_pseudo_masks),
    Kind(
        'pseudo-mask cache: shard',
        'bytes',
        _make_pseudo_masks,
        'cache/shards/000000.bin',
        _read_pseudo_masks,
        _check_pseudo_masks,
        exact=True),
    Kind(
        'list of images to label',
        'lines',
        _make_image_list,
        'list.txt',
        _read_image_list,
        cut_is_seen=False,
        lenient=True),  # images that are missing are named one by one
    Kind('labels.json of label_images', 'json', _make_image_list,
         'labels/labels.json', _open_labels),
    Kind('LVIS JSON', 'json', _make_coco, 'annotations/val.json', _read_lvis,
         lambda result: _check_names(result)),
    Kind('COCO instances JSON', 'json', _make_coco, 'annotations/val.json',
         _read_coco),
    Kind(
        'ImageNet-S names',
        'lines',
        _make_synsets,
        'synsets.txt',
        _read_synsets,
        lambda names: _check_names([names]),
        cut_is_seen=False),
)
