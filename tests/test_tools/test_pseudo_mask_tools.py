from __future__ import annotations
import json
import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_public
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image
from tool_server import Program
from transformers import AutoConfig, AutoModel

from mmlangseg.io import cache_folder
from mmlangseg.sseg.datasets import folder_source
from mmlangseg.sseg.datasets.folder_source import FolderSource
from mmlangseg.sseg.pseudo_masks import (PseudoMaskCache, PseudoMaskCacheError,
                                         PseudoMaskGenerator)
from mmlangseg.sseg.transforms import load_pair_image

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
for folder in ('sseg', 'analysis_tools'):
    sys.path.insert(0, str(TOOLS / folder))

import generate_pseudo_masks  # noqa: E402
import pseudo_mask_oracle  # noqa: E402

CONFIG = """
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)
default_scope = 'mmseg'
pseudo_mask_generator = dict(
    type='PseudoMaskGenerator', num_clusters=3,
    features=dict(type='PixelFeatures', stride=4, position_weight=0.))
train_dataloader = dict(
    dataset=dict(
        type='ImageTextDataset',
        data_root={root!r},
        indices=2,
        sources=[dict(type='FolderSource', folder='pairs', weight=0.5)],
        pipeline=[
            dict(type='LoadPairImage'),
            dict(type='LoadPseudoMasks', cache={cache!r}),
            dict(type='RandomFlip', prob=0.5)
        ]))
test_dataloader = dict(
    dataset=dict(
        type='ClassFileDataset',
        data_root={root!r},
        classes_file='classes.txt',
        ignore_index=255,
        data_prefix=dict(img_path='pairs', seg_map_path='labels'),
        img_suffix='.png',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(8, 8)),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs')
        ]))
"""


def picture(number: int, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Two squares on a ground, BGR, and their label map (0, 1, 2)."""
    rng = np.random.default_rng(number)
    image = np.full((size, size, 3), (180, 60, 60), np.uint8)
    labels = np.zeros((size, size), np.uint8)
    for label, color in ((1, (40, 200, 40)), (2, (40, 40, 220))):
        y, x = rng.integers(0, 3, 2) * 8
        if label == 2:
            y = (y + 8) % 24
        image[y:y + 8, x:x + 8] = color
        labels[y:y + 8, x:x + 8] = label
    return image, labels


@pytest.fixture
def root(tmp_path) -> Path:
    """Twenty pairs with label maps; pair 5 is broken."""
    for name in ('pairs', 'labels'):
        (tmp_path / name).mkdir()
    for i in range(20):
        image, labels = picture(i)
        cv2.imwrite(str(tmp_path / f'pairs/{i:03d}.png'), image)
        cv2.imwrite(str(tmp_path / f'labels/{i:03d}.png'), labels)
        (tmp_path / f'pairs/{i:03d}.txt').write_text(f'picture {i}')
    (tmp_path / 'pairs/005.png').write_bytes(b'no picture')
    (tmp_path / 'classes.txt').write_text('0 background\n1 disc\n2 box\n')
    (tmp_path / 'config.py').write_text(
        CONFIG.format(root=str(tmp_path), cache=str(tmp_path / 'cache')))
    return tmp_path


@pytest.fixture
def run(monkeypatch, capfd):
    """Run a tool in this process; gives exit status and output."""

    def run(tool, *args) -> tuple[int, str]:
        monkeypatch.setattr(sys, 'argv', ['tool', *map(str, args)])
        status = 0
        try:
            tool.main()
        except SystemExit as stop:
            status = stop.code or 0
        done = capfd.readouterr()
        if isinstance(status, str):
            return 1, status
        return status, done.out + done.err

    for name in ('RANK', 'WORLD_SIZE', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'):
        monkeypatch.delenv(name, raising=False)
    return run


def arguments(root: Path, *others) -> list:
    return [
        generate_pseudo_masks, root / 'config.py', root / 'cache', '--size',
        32, 32, '--shard-size', 4, '--workers', 0, '--batch-size', 3, *others
    ]


def shards(cache: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in cache.glob('shards/[0-9]*.bin')
    }


def test_every_pair_once(run, root):
    status, out = run(*arguments(root))
    assert status == 1  # for the broken one
    assert '20 images, 0 have pseudo-masks already' in out
    assert '20/20' in out and '0:00:00 left' in out
    assert '1 images failed' in out and '005.png' in out
    cache = PseudoMaskCache(
        root / 'cache',
        dict(num_samples=20, num_clusters=3, grid=[8, 8], dataset='config'))
    assert list(cache.without_masks()) == [5]
    assert cache.header['generator']['config']['features']['stride'] == 4
    # training reads it: every mask lies on one color
    init_default_scope('mmseg')
    dataset = Config.fromfile(root / 'config.py').train_dataloader.dataset
    dataset.update(indices=None, lazy_init=True)
    del dataset.sources[0]['weight']
    dataset = DATASETS.build(dataset)
    for i in range(20):
        sample = dataset[i]
        assert sample['sample_id'] != 5
        pixels, labels = sample['img'].reshape(-1, 3), sample['gt_seg_map']
        assert labels.shape == (32, 32)
        for label in np.unique(labels):
            colors = np.unique(pixels[labels.ravel() == label], axis=0)
            assert len(colors) == 1 or len(np.unique(labels)) == 1
    assert dataset.broken.counts()['image'] > 0


def test_runs_go_on(run, root):
    assert run(*arguments(root))[0] == 1
    before = shards(root / 'cache')
    times = {
        p: p.stat().st_mtime_ns
        for p in (root / 'cache/shards').iterdir()
    }
    removed = root / 'cache/shards/000003.bin'
    removed.unlink()
    status, out = run(*arguments(root))
    assert '16 have pseudo-masks already' in out and '4/4' in out
    assert status == 1 and '005.png' in out  # still known
    assert shards(root / 'cache') == before
    for path, time_ns in times.items():
        assert (path.stat().st_mtime_ns == time_ns) == (path != removed)


def test_a_mended_image_is_taken_up(run, root):
    assert run(*arguments(root))[0] == 1
    cv2.imwrite(str(root / 'pairs/005.png'), picture(5)[0])
    (root / 'cache/shards/000001.bin').unlink()
    status, out = run(*arguments(root))
    assert status == 0 and 'failed' not in out
    assert not list(PseudoMaskCache(root / 'cache').without_masks())


@pytest.mark.parametrize('fault', [
    OSError(5, 'Input/output error', 'a.tar'),
    FileNotFoundError(2, 'No such file or directory', 'a.tar'),
    MemoryError('no memory')
])
@pytest.mark.parametrize('workers', [0, 1])
def test_a_passing_fault_stops_the_run(run, root, monkeypatch, fault, workers):
    """Not the image is to blame, so its shard must not say that it has no
    masks."""
    read = FolderSource.read

    def fail(self, index):
        if index == 9:
            raise fault
        return read(self, index)

    with monkeypatch.context() as outage:
        outage.setattr(FolderSource, 'read', fail)
        status, out = run(*arguments(root, '--workers', workers))
    assert status == 1
    assert f'error: sample 9: {type(fault).__name__}: {fault}' in out
    assert 'start again' in out
    assert set(shards(root / 'cache')) == {'000000.bin', '000001.bin'}
    assert run(*arguments(root))[0] == 1  # for the broken one
    assert list(PseudoMaskCache(root / 'cache').without_masks()) == [5]


@pytest.mark.parametrize('name', ['009.png', '009.txt'])
def test_a_passing_fault_of_a_single_file(run, root, monkeypatch, name):
    """Which a training takes for a broken pair, and draws another one."""

    def fail(path, *args, **options):
        if str(path).endswith(name):
            raise OSError(5, 'Input/output error', str(path))
        return open(path, *args, **options)

    with monkeypatch.context() as outage:
        for module in (folder_source, load_pair_image):
            outage.setattr(module, 'open', fail, raising=False)
        status, out = run(*arguments(root))
    assert status == 1 and 'Input/output error' in out
    assert 'start again' in out
    assert set(shards(root / 'cache')) == {'000000.bin', '000001.bin'}
    assert run(*arguments(root))[0] == 1  # for the broken one
    assert list(PseudoMaskCache(root / 'cache').without_masks()) == [5]


def test_a_damaged_image_is_no_passing_fault(run, root, monkeypatch):
    """Of which Pillow says OSError, too."""
    read = FolderSource.read

    def fail(self, index):
        if index == 9:
            raise OSError('image file is truncated')
        return read(self, index)

    monkeypatch.setattr(FolderSource, 'read', fail)
    status, out = run(*arguments(root))
    assert status == 1 and '2 images failed' in out
    assert list(PseudoMaskCache(root / 'cache').without_masks()) == [5, 9]


@pytest.mark.parametrize('names', [('RANK', 'WORLD_SIZE'),
                                   ('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS')])
def test_processes_share_the_work(run, root, names, monkeypatch):
    assert run(*arguments(root))[0] == 1
    whole = shards(root / 'cache')
    (root / 'cache').rename(root / 'whole')
    made = []
    for rank in range(2):
        monkeypatch.setenv(names[0], str(rank))
        monkeypatch.setenv(names[1], '2')
        _, out = run(*arguments(root))
        assert f'shard {rank}/2' in out
        made.append(set(shards(root / 'cache')))
    assert len(made[0]) == 3 and made[0] < made[1]
    assert shards(root / 'cache') == whole


def test_killed_and_started_again(run, root):
    """kill -9: nothing lost, nothing done twice."""
    (root / 'pairs/005.png').unlink()
    for i in range(20, 300):
        os.link(root / f'pairs/{i % 5:03d}.png', root / f'pairs/{i:03d}.png')
        (root / f'pairs/{i:03d}.txt').write_text('more')
    process = Program(TOOLS / 'sseg' / 'generate_pseudo_masks.py',
                      *arguments(root)[1:])
    deadline = time.monotonic() + 120
    while (len(shards(root / 'cache')) < 3 and time.monotonic() < deadline
           and process.is_running()):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait().returncode == -signal.SIGKILL
    before = {
        path: path.stat().st_mtime_ns
        for path in (root / 'cache/shards').glob('[0-9]*.bin')
    }
    assert 3 <= len(before) < 75
    status, out = run(*arguments(root))
    assert status == 0, out
    assert f'{4 * len(before)} have pseudo-masks already' in out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    interrupted = shards(root / 'cache')
    (root / 'cache').rename(root / 'interrupted')
    assert run(*arguments(root))[0] == 0
    assert shards(root / 'cache') == interrupted


def test_another_generator_does_not_mix(run, root):
    assert run(*arguments(root))[0] == 1
    status, out = run(*arguments(root, '--cfg-options',
                                 'pseudo_mask_generator.num_restarts=2'))
    assert status == 1 and 'field "generator"' in out
    status, out = run(*arguments(root, '--batch-size', 7))
    assert '20 have pseudo-masks already' in out  # makes no difference


@pytest.fixture
def notes(monkeypatch) -> list[str]:
    """What is said of the header of a cache."""
    notes: list[str] = []
    monkeypatch.setattr(cache_folder, 'print_log',
                        lambda text, *_: notes.append(text), False)
    return notes


def test_images_turned_in_another_way(run, root, notes):
    """Their masks do not come into one cache, nor over the other images."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(root / 'pairs/007.png') as image:
        image.save(root / 'pairs/007.png', exif=exif)
    path = root / 'config.py'
    turned = path.read_text()
    loader = "dict(type='LoadPairImage'"
    assert loader in turned
    stored = turned.replace(loader,
                            "dict(type='LoadImage', ignore_orientation=True")
    (root / 'pairs/005.png').write_bytes((root / 'pairs/004.png').read_bytes())
    assert run(*arguments(root))[0] == 0
    path.write_text(stored)
    status, out = run(*arguments(root))
    assert status == 1 and 'field "generator"' in out
    assert "'ignore_orientation': False" in out
    init_default_scope('mmseg')
    dataset = Config.fromfile(path).train_dataloader.dataset
    with pytest.raises(PseudoMaskCacheError, match='ignore_orientation=False'):
        DATASETS.build(dataset)[0]
    # a cache of an earlier version does not say
    header = root / 'cache/header.json'
    content = json.loads(header.read_text())
    del content['generator']['ignore_orientation']
    header.write_text(json.dumps(content))
    status, out = run(*arguments(root))
    assert status == 0 and '20 have pseudo-masks already' in out
    assert 'does not have generator.ignore_orientation' in notes[0]
    assert DATASETS.build(dataset)[0]['gt_seg_map'].shape == (32, 32)


def test_other_weights_in_the_same_folder(run, root, notes):
    model = root / 'vit'
    torch.manual_seed(0)
    AutoModel.from_config(
        AutoConfig.for_model(
            'vit',
            hidden_size=24,
            num_hidden_layers=1,
            num_attention_heads=3,
            intermediate_size=32,
            patch_size=8,
            image_size=32)).save_pretrained(model)
    path = root / 'config.py'
    path.write_text(path.read_text().replace(
        "type='PixelFeatures', stride=4, position_weight=0.",
        f"type='DINOFeatures', pretrained={str(model)!r}"))
    (root / 'pairs/005.png').write_bytes((root / 'pairs/004.png').read_bytes())
    assert run(*arguments(root))[0] == 0
    tiny_public.replace_weights(model)
    status, out = run(*arguments(root))
    assert status == 1 and 'field "generator"' in out and 'sha256' in out
    header = root / 'cache/header.json'
    content = json.loads(header.read_text())
    del content['generator']['sha256']
    header.write_text(json.dumps(content))
    status, out = run(*arguments(root))
    assert status == 0 and '20 have pseudo-masks already' in out
    assert 'does not have generator.sha256' in notes[0]


def test_inspect(run, root, tmp_path):
    drawn = tmp_path / 'drawn.png'
    for what, where in (('7', 'from the generator'), (root / 'pairs/007.png',
                                                      'from the generator')):
        status, out = run(*arguments(root, '--inspect', what, '--out', drawn))
        assert status == 0 and f'3 pseudo-masks {where}' in out
        assert cv2.imread(str(drawn)).shape[1] > 2 * 32
        drawn.unlink()
    assert not (root / 'cache').exists()
    run(*arguments(root))
    status, out = run(*arguments(root, '--inspect', '7', '--out', drawn))
    assert status == 0 and f'from {root / "cache"}' in out
    assert drawn.is_file()
    status, out = run(*arguments(root, '--inspect', 'nothing.png'))
    assert status == 1 and 'neither a file nor the number' in out


def test_sources_in_another_order(run, root):
    """img2dataset numbers the pairs of every set alike, so that the map of one
    was taken for that of the other."""
    for i in range(3):  # of the same names as others in pairs
        image, _ = picture(100 + i)
        (root / 'more').mkdir(exist_ok=True)
        cv2.imwrite(str(root / f'more/{i:03d}.png'), image)
        (root / f'more/{i:03d}.txt').write_text(f'picture {i}')
    path = root / 'config.py'
    first, second = (f"dict(type='FolderSource', folder='{name}')"
                     for name in ('pairs', 'more'))
    text = path.read_text().replace('indices=2,', '').replace(
        "dict(type='FolderSource', folder='pairs', weight=0.5)", 'SOURCES')

    def dataset(*sources):
        path.write_text(text.replace('SOURCES', ', '.join(sources)))
        config = Config.fromfile(path)
        init_default_scope('mmseg')
        return DATASETS.build(config.train_dataloader.dataset)

    path.write_text(text.replace('SOURCES', f'{first}, {second}'))
    run(*arguments(root))
    header = json.loads((root / 'cache/header.json').read_text())
    assert header['source_sizes'] == [20, 3]
    assert 'gt_seg_map' in dataset(first, second)[21]
    assert 'gt_seg_map' in dataset(first)[1]
    for sources in ((second, first), (second, )):
        with pytest.raises(
                PseudoMaskCacheError,
                match=r'sources of \[20, 3\] pairs, the training has .* \[3'):
            dataset(*sources)[1]
    del header['source_sizes']  # as earlier versions wrote it
    (root / 'cache/header.json').write_text(json.dumps(header))
    assert 'gt_seg_map' in dataset(second, first)[1]  # of another picture


@pytest.mark.parametrize('ignored', [False, True])
def test_inspect_turns_an_image_as_the_training_does(run, root, tmp_path,
                                                     ignored):
    path = root / 'config.py'
    path.write_text(path.read_text().replace(
        "type='LoadPairImage'",
        f"type='LoadImage', ignore_orientation={ignored}"))
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = np.zeros((200, 400, 3), np.uint8)
    Image.fromarray(wide).save(tmp_path / 'wide.jpg', exif=exif)
    drawn = tmp_path / 'drawn.png'
    status, out = run(*arguments(root, '--inspect', tmp_path /
                                 'wide.jpg', '--out', drawn))
    assert status == 0, out
    height, width = cv2.imread(str(drawn)).shape[:2]
    # the image beside its masks
    assert (width > 2 * 400 and height < 400) == ignored


def test_no_generator(run, root):
    path = root / 'config.py'
    path.write_text(path.read_text().replace('pseudo_mask_generator', 'other'))
    status, out = run(*arguments(root))
    assert status == 1 and 'no pseudo_mask_generator' in out
    assert not (root / 'cache').exists()


def naive_oracle(masks, truths, classes: int) -> float:
    """mIoU of majority classes, class by class, pixel by pixel."""
    predictions = []
    for mask, truth in zip(masks, truths):
        prediction = np.zeros_like(truth)
        for k in np.unique(mask):
            inside = truth[(mask == k) & (truth != 255)].tolist()
            best = max(range(classes), key=inside.count)
            prediction[mask == k] = best
        predictions.append(prediction)
    scores = []
    for c in range(classes):
        inter = union = 0
        for prediction, truth in zip(predictions, truths):
            known = truth != 255
            inter += ((prediction == c) & (truth == c) & known).sum()
            union += (((prediction == c) | (truth == c)) & known).sum()
        if union:
            scores.append(inter / union)
    return 100 * np.mean(scores)


def test_oracle_against_a_naive_one():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 4, (5, 12, 10))
    truths = rng.integers(0, 6, (5, 12, 10))
    truths[truths == 5] = 255
    truths[:, 2:4] = masks[:, 2:4] % 3
    oracle = pseudo_mask_oracle.Oracle(7, 255)  # two classes never occur
    for mask, truth in zip(masks, truths):
        oracle.add(mask, truth)
    miou, accuracy = oracle.scores()
    assert miou == pytest.approx(naive_oracle(masks, truths, 7))
    assert 0 < accuracy < 100
    assert oracle.ignored == (truths == 255).sum()
    with pytest.raises(ValueError, match='label 7 is no class'):
        oracle.add(masks[0], np.full((12, 10), 7))


def cells(line: str) -> list[str]:
    return line.strip('| ').replace('|', ' ').split()


def test_oracle_of_a_data_set(run, root):
    (root / 'pairs/005.png').write_bytes((root / 'pairs/004.png').read_bytes())
    sheet = root / 'sheet.png'
    base = [
        pseudo_mask_oracle, root / 'config.py', '--size', 32, 32, '--workers',
        0
    ]
    status, out = run(*base, '--sheet', sheet, '--sheet-images', 3)
    assert status == 0, out
    row = cells(out.splitlines()[-3])
    assert row[:4] == ['PixelFeatures', '3', '8x8', '20']
    # of image 5 the label map is that of another picture
    assert 90 < float(row[4]) < 100
    assert cv2.imread(str(sheet)).shape[0] > 3 * 240
    status, out = run(*base, '--max-images', 5)
    assert cells(out.splitlines()[-2])[3:5] == ['5', '100.00']
    status, out = run(*base, '--cfg-options',
                      'pseudo_mask_generator.num_clusters=1')
    assert float(cells(out.splitlines()[-2])[4]) < 40


def test_oracle_seed_is_that_of_every_image(run, root, monkeypatch):
    seen = []
    grid = PseudoMaskGenerator.grid

    def record(self, images, *, seeds):
        seen.extend(seeds)
        return grid(self, images, seeds=seeds)

    monkeypatch.setattr(PseudoMaskGenerator, 'grid', record)
    for seed in (0, 1):
        status, out = run(pseudo_mask_oracle, root / 'config.py',
                          '--max-images', 5, '--batch-size', 2, '--workers', 0,
                          '--seed', seed)
        assert status == 0, out
    assert seen == list(range(10))


def test_oracle_of_own_folders(run, root):
    (root / 'photos').mkdir()
    for i in range(3):
        image = cv2.imread(str(root / f'pairs/{i:03d}.png'))
        cv2.imwrite(
            str(root / f'photos/{i:03d}.jpg'), image,
            [cv2.IMWRITE_JPEG_QUALITY, 100])
    status, out = run(pseudo_mask_oracle, root / 'config.py', '--images',
                      root / 'photos', '--labels', root / 'labels',
                      '--classes', root / 'classes.txt', '--size', 32, 32)
    assert status == 0, out
    row = cells(out.splitlines()[-2])
    assert row[3] == '3' and float(row[4]) > 95
    with pytest.raises(AssertionError):
        status, out = run(pseudo_mask_oracle, root / 'config.py', '--images',
                          root / 'photos')
        assert status == 0
