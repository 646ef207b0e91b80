r"""Write predictions in the forms that other programs read.

Examples:
    # masks of images as COCO's JSON with run-length codes
    python tools/export_predictions.py coco masks.jsonl outputs/masks.json \
        --folder data/refer/refcoco --split val
    # the same masks as label maps, 1 inside, to train any model of mmseg
    python tools/export_predictions.py mmseg masks.jsonl data/pseudo_labels \
        --folder data/refer/refcoco --split train
    # masks of scans in red, as PLY or GLB
    python tools/export_predictions.py glb predictions.json outputs/scans \
        --data-root data/scannet --info-file scannet_infos_val.pkl

Predictions are those of tools/evaluate_predictions.py, but need not be
complete; of one with "no_target" the mask is empty. Maps of classes are
written by tools/sseg/label_images.py.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('form', choices=('coco', 'mmseg', 'ply', 'glb'))
    add('predictions', help='file, or folder of files')
    add('out', help='file (coco) or folder to write')
    add('--folder', help='images: folder of instances.json and the refs')
    add('--split', default='val', help='images: of the annotations')
    add('--split-by', default='unc', help='images: unc, umd or google')
    add('--data-root', default='data/scannet', help='scans: their root')
    add('--info-file',
        default='scannet_infos_val.pkl',
        help='scans: info file in the root')
    args = parser.parse_args(argv)
    if args.form in ('coco', 'mmseg') and not args.folder:
        parser.error(f'{args.form} needs --folder')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import numpy as np
from PIL import Image
from pycocotools import mask as mask_utils

from mmlangseg.cli.console import hold_warnings

if __name__ == '__main__':  # before the libraries warn on import
    hold_warnings()

from mmlangseg.evaluation import (RowIndex, id_text, image_code, point_indices,
                                  read_predictions)
from mmlangseg.io.files import atomic_path, write_json, write_text
from mmlangseg.less.visualization import write_glb, write_ply
from mmlangseg.less.visualization.point_colors import highlight

_CATEGORY = 1


def predicted_images(args: argparse.Namespace) -> Iterator[tuple[dict, dict]]:
    """Each prediction of an image: what it is of, and its code of COCO."""
    import mmlangseg.semires  # noqa: F401  before its submodules
    from mmlangseg.semires.datasets import (find_refs_file, read_instances,
                                            read_refs, select_split)
    from mmlangseg.semires.evaluation import says_none
    path = find_refs_file(args.folder, args.split_by)
    refs = select_split(read_refs(path), args.split, path)
    images, _ = read_instances(Path(args.folder) / 'instances.json', refs)
    rows = [
        dict(
            images[ref['image_id']],
            image_id=ref['image_id'],
            ref_id=ref['ref_id'],
            sent_id=sentence['sent_id'],
            caption=sentence['text']) for ref in refs
        for sentence in ref['sentences']
    ]
    index = RowIndex(('sent_id', ), [(row['sent_id'], ) for row in rows], path,
                     'ref_id', [row['ref_id'] for row in rows])
    for prediction in read_predictions(args.predictions):
        row = rows[index.take(prediction.ids, prediction.where)]
        code = image_code(prediction, row['height'], row['width'])
        if says_none(prediction):
            nothing = np.zeros((row['height'], row['width']), np.uint8, 'F')
            code = mask_utils.encode(nothing)
        yield dict(row, score=prediction.ids.get('score', 1.0)), code


def write_coco(args: argparse.Namespace) -> int:
    """COCO JSON: one annotation per sentence; returns their number."""
    images: dict = {}
    annotations: list[dict] = []
    for row, code in predicted_images(args):
        images[row['image_id']] = dict(
            id=row['image_id'],
            file_name=row['file_name'],
            height=row['height'],
            width=row['width'])
        annotations.append(
            dict(
                id=len(annotations) + 1,
                image_id=row['image_id'],
                category_id=_CATEGORY,
                iscrowd=0,
                area=int(mask_utils.area(code)),
                bbox=mask_utils.toBbox(code).tolist(),
                segmentation=dict(
                    size=list(code['size']), counts=code['counts'].decode()),
                score=row['score'],
                caption=row['caption'],
                ref_id=row['ref_id'],
                sent_id=row['sent_id']))
    write_json(
        args.out,
        dict(
            images=list(images.values()),
            annotations=annotations,
            categories=[dict(id=_CATEGORY, name='target')]))
    return len(annotations)


def write_mmseg(args: argparse.Namespace) -> int:
    """``labels/<sent_id>.png``, and ``train.txt`` with a line ``image label
    sentence`` each, parted by tabs; returns the number of maps."""
    out, lines = Path(args.out), []
    for row, code in predicted_images(args):
        name = f'labels/{row["ref_id"]}_{row["sent_id"]}.png'
        with atomic_path(out / name) as tmp:
            Image.fromarray(mask_utils.decode(code)).save(tmp)
        lines.append('\t'.join(
            (row['file_name'], name, ' '.join(row['caption'].split()))))
    write_text(out / 'train.txt', '\n'.join(lines) + '\n')
    return len(lines)


def write_scans(args: argparse.Namespace) -> int:
    """One file per prediction of a scan; returns their number."""
    import mmlangseg.less  # noqa: F401  before its submodules
    from mmlangseg.less.scans import files as scan_files
    root = Path(args.data_root)
    infos = scan_files.read_infos(root / args.info_file, root)
    scene, written = None, set()
    points: Any = None
    for prediction in read_predictions(args.predictions):
        name = id_text(prediction.ids.get('scene_id'))
        if name not in infos:
            raise ValueError(f'{prediction.where}: scene {name!r} is not in '
                             f'{root / args.info_file}')
        if name != scene:
            scene = name
            points = scan_files.read_points(infos[name].points_path)
        mask = np.zeros(len(points), bool)
        mask[point_indices(prediction, len(points))] = True
        ids = [
            scan_files.check_scene_id(id_text(prediction.ids[key]))
            for key in ('object_id', 'ann_id') if key in prediction.ids
        ]
        path = Path(args.out) / f'{"_".join([name, *ids])}.{args.form}'
        if path in written:
            raise ValueError(
                f'{prediction.where}: {path} is that of a prediction before: '
                'give each its "ann_id", and "object_id" where that is not '
                'enough')
        written.add(path)
        if args.form == 'ply':
            write_ply(path, points[:, :3], points[:, 3:], mask)
        else:
            write_glb(path, points[:, :3], highlight(points[:, 3:], mask))
    return len(written)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    args = parse_args(argv)
    writers: dict[str, Any] = dict(
        coco=write_coco, mmseg=write_mmseg, ply=write_scans, glb=write_scans)
    try:
        count = writers[args.form](args)
    except (ImportError, OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'wrote {count} masks to {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
