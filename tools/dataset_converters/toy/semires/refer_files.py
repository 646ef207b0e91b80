"""Write toy pictures in the files of REFER (RefCOCO) and COCO."""
from __future__ import annotations
import io
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from scipy.ndimage import binary_fill_holes
from skimage.measure import find_contours

from mmlangseg.cli.progress import Progress
from mmlangseg.io.files import (PathLike, load_pickle_restricted, write_bytes,
                                write_json)
from .clutter import Scene, iter_scenes
from .clutter_render import change_light, render_scene
from .clutter_sentences import describe_scene
from .clutter_shapes import SHAPES

DATASET = 'refcoco_toy'
SPLIT_BY = 'unc'
IMAGE_FOLDER = 'images/mscoco/images/train2014'
CATEGORY_IDS = {kind: index for index, kind in enumerate(SHAPES, start=1)}
JPEG_QUALITY = 92
TOLERANCE = 0.3  # of polygons, in pixels
RLE_SHARE = 0.1  # of the masks that polygons could describe


def write_toy_refer(root: PathLike,
                    num_train: int,
                    num_val: int,
                    size: int = 128,
                    seed: int = 0) -> None:
    """Write toy pictures, their masks and sentences as a REFER data set.

    Layout under ``root``::

        refcoco_toy/instances.json, refs(unc).p
        images/mscoco/images/train2014/COCO_train2014_<image id>.jpg

    Every sentence has a key ``groups`` (list of str, its type) besides those
    of REFER.

    Args:
        root: Folder to write to; existing files are replaced.
        num_train: Pictures of the split train.
        num_val: Pictures of each of the splits val and testA.
        size: Side of the pictures in pixels.
        seed: Seed of the whole set.
    """
    root = Path(root)
    instances: dict[str, Any] = dict(
        info=dict(description='MMLangSeg toy pictures', version='1.0'),
        licenses=[dict(id=1, name='Apache-2.0', url='')],
        images=[],
        annotations=[],
        categories=[
            dict(id=index, name=kind, supercategory='shape')
            for kind, index in CATEGORY_IDS.items()
        ])
    refs: list[dict] = []
    progress = Progress('referring', num_train + 2 * num_val, 'pictures')
    for image_id, split, scene, rng in iter_scenes(num_train, num_val, size,
                                                   seed):
        name = f'COCO_train2014_{image_id:012d}.jpg'
        picture = change_light(render_scene(scene, rng), rng)
        write_bytes(root / IMAGE_FOLDER / name, _encode_jpeg(picture))
        instances['images'].append(
            dict(
                id=image_id,
                file_name=name,
                height=size,
                width=size,
                license=1))
        first = len(instances['annotations']) + 1
        annotations = _annotations(scene, image_id, first, rng)
        instances['annotations'] += annotations
        _append_refs(refs, scene, split, annotations, rng)
        progress.advance()
    folder = root / DATASET
    write_json(folder / 'instances.json', instances)
    # The protocol of the released files.
    write_bytes(folder / f'refs({SPLIT_BY}).p', pickle.dumps(refs, protocol=2))


def _encode_jpeg(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, 'JPEG', quality=JPEG_QUALITY)
    return buffer.getvalue()


def _annotations(scene: Scene, image_id: int, first_id: int,
                 rng: np.random.Generator) -> list[dict]:
    """COCO annotations of all objects of a picture."""
    annotations = []
    for index, (item, mask) in enumerate(zip(scene.objects, scene.masks)):
        segmentation, bbox = encode_mask(mask, rng.random() < RLE_SHARE)
        annotations.append(
            dict(
                id=first_id + index,
                image_id=image_id,
                category_id=CATEGORY_IDS[item.kind],
                bbox=bbox,
                area=int(mask.sum()),
                iscrowd=0,
                segmentation=segmentation))
    return annotations


def encode_mask(mask: np.ndarray,
                as_rle: bool = False) -> tuple[list, list[float]]:
    """Encode a mask as COCO polygons, one per part, or as RLE.

    Args:
        mask: (H, W) bool.
        as_rle: Take RLE in any case; a mask with holes needs it, since COCO
            polygons cannot describe them.

    Returns:
        The segmentation as REFER reads it, a list of polygons ``[x1, y1, x2,
        ...]`` or a list of one compressed RLE, and the box ``[x, y, w, h]``.
    """
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    bbox = coco_mask.toBbox(rle).tolist()
    if as_rle or (binary_fill_holes(mask) != mask).any():
        counts = rle['counts'].decode('ascii')
        return [dict(size=list(mask.shape), counts=counts)], bbox
    # A border of zeros closes the contours. They run between pixel centers,
    # which COCO has at half numbers.
    x, y, w, h = map(int, bbox)
    part = np.pad(mask[y:y + h, x:x + w], 1).astype(float)
    polygons = []
    for contour in find_contours(part, 0.5):
        corners = cv2.approxPolyDP(contour[:-1, None, ::-1].astype(np.float32),
                                   TOLERANCE, True)
        corners = corners[:, 0] + (x - 0.5, y - 0.5)
        polygons.append(np.round(corners, 2).ravel().tolist())
    return polygons, bbox


def _append_refs(refs: list[dict], scene: Scene, split: str,
                 annotations: list[dict], rng: np.random.Generator) -> None:
    """Describe the objects of a picture in REFER's schema."""
    sent_id = refs[-1]['sent_ids'][-1] + 1 if refs else 0
    for target, sentences in describe_scene(scene, rng).items():
        annotation = annotations[target]
        image_id, ann_id = annotation['image_id'], annotation['id']
        ids = list(range(sent_id, sent_id + len(sentences)))
        sent_id += len(sentences)
        refs.append(
            dict(
                ref_id=len(refs),
                ann_id=ann_id,
                category_id=annotation['category_id'],
                image_id=image_id,
                split=split,
                # as released, with the object's id at the end
                file_name=f'COCO_train2014_{image_id:012d}_{ann_id}.jpg',
                sent_ids=ids,
                sentences=[
                    dict(
                        raw=sentence['raw'],
                        sent=sentence['sent'],
                        sent_id=number,
                        tokens=sentence['sent'].split(),
                        groups=sentence['groups'])
                    for number, sentence in zip(ids, sentences)
                ]))


def read_train_texts(root: PathLike) -> list[str]:
    """The training sentences of a toy set, cleaned and as typed."""
    refs = load_pickle_restricted(Path(root) / DATASET / f'refs({SPLIT_BY}).p')
    return [
        sentence[field] for ref in refs if ref['split'] == 'train'
        for sentence in ref['sentences'] for field in ('sent', 'raw')
    ]
