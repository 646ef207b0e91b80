import importlib.util
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import sseg_model
import tiny_public
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmlangseg.apis import SSegInferencer
from mmlangseg.cli.label_header import describe_model
from mmlangseg.engine.publish import publish_model

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'sseg' / \
    'label_images.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('label_images', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Config and checkpoint of a small S-Seg, and pictures in folders."""
    folder = tmp_path_factory.mktemp('sseg')
    sseg_model.write_config(folder)
    init_default_scope('mmseg')
    model = sseg_model.build(sseg_model.model_config(folder))
    sseg_model.save_checkpoint(folder / 'best.pth', model)
    images = folder / 'data' / 'images'
    for name in ('a/3.png', 'b/3.png'):
        (folder / 'photos' / name).parent.mkdir(parents=True)
        shutil.copy(images / '0.png', folder / 'photos' / name)
    shutil.copy(images / '1.png', folder / 'photos' / '1.png')
    (folder / 'photos' / 'notes.txt').touch()
    return folder


@pytest.fixture(scope='module')
def inferencer(folder):
    return SSegInferencer(
        folder / 'tiny.py', folder / 'best.pth', device='cpu')


@pytest.fixture
def run(tool, folder, monkeypatch, capsys):
    """Run the tool; gives what it prints, and the message it stops with."""

    def run(labels, *args, images='photos'):
        monkeypatch.setattr(sys, 'argv', [
            'label_images.py',
            str(folder / 'tiny.py'),
            str(folder / 'best.pth'),
            str(folder / images),
            str(labels), *map(str, args), '--device', 'cpu'
        ])
        try:
            tool.main()
            stop = ''
        except SystemExit as error:
            stop = str(error)
        captured = capsys.readouterr()
        return f'{captured.out} {stop} {captured.err}'

    return run


def files(folder):
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob('*')
        if p.is_file())


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_labels_of_a_folder(run, folder, inferencer, tmp_path):
    assert 'Cityscapes' not in run(tmp_path / 'out')
    assert files(tmp_path / 'out') == [
        '1.png', 'a/3.png', 'b/3.png', 'classes.txt', 'labels.json'
    ]
    result = inferencer(folder / 'photos' / 'a' / '3.png')
    labels = read(tmp_path / 'out' / 'a' / '3.png')
    assert labels.dtype == np.uint8 and (labels == result.labels).all()
    header = json.loads((tmp_path / 'out' / 'labels.json').read_text())
    assert header['classes'] == ['cat', 'dog', 'grass']
    assert header['background'] and header['ignore_index'] == 255
    assert header['threshold'] == 0.5


def test_unknown_words_are_named(run, tmp_path):
    """Once for all images: a training would learn the guesses."""
    said = run(tmp_path, '--classes', 'red,zebra')
    assert said.count("warning: the text encoder does not know 'zebra'") == 1


def test_confidence_and_threshold(run, folder, inferencer, tmp_path):
    run(tmp_path, '--threshold', '0.4', '--min-confidence', '0.5')
    result = inferencer(folder / 'photos' / 'a' / '3.png', threshold=0.4)
    labels = read(tmp_path / 'a' / '3.png')
    unsure = (result.labels > 0) & (result.confidence < 0.5)
    assert unsure.any() and (labels[unsure] == 255).all()
    assert (labels[~unsure] == result.labels[~unsure]).all()
    assert (labels == 0).sum() == (result.labels == 0).sum()


def test_classes_without_background_begin_with_1(run, folder, inferencer,
                                                 tmp_path):
    said = run(tmp_path, '--classes', 'red,photo')
    assert 'not with one whose first class is 0, such as Cityscapes' in said
    result = inferencer(folder / 'photos' / 'a' / '3.png', 'red,photo')
    assert (read(tmp_path / 'a' / '3.png') == result.labels + 1).all()
    assert (tmp_path / 'classes.txt').read_text() == '1\tred\n2\tphoto\n'


def test_more_than_254_classes(run, folder, inferencer, tmp_path):
    names = [f'{"cat " * (i % 17)}{"dog " * i}'.strip() for i in range(1, 301)]
    path = tmp_path / 'names.txt'
    path.write_text('\n'.join(names))
    run(tmp_path / 'out', '--classes', path, '--min-confidence', '0.02')
    result = inferencer(folder / 'photos' / '1.png', path)
    labels = read(tmp_path / 'out' / '1.png')
    assert labels.dtype == np.uint16
    sure = result.confidence >= 0.02
    assert (labels == np.where(sure, result.labels + 1, 65535)).all()


def test_a_data_set_reads_them(run, folder, tmp_path):
    run(tmp_path / 'out', images='data/images')
    dataset = DATASETS.build(
        dict(
            type='ClassFileDataset',
            classes_file=str(tmp_path / 'out' / 'classes.txt'),
            img_suffix='.png',
            ignore_index=255,
            data_prefix=dict(
                img_path=str(folder / 'data' / 'images'),
                seg_map_path=str(tmp_path / 'out')),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations')
            ]))
    assert dataset.metainfo['classes'] == ('background', 'cat', 'dog', 'grass')
    assert len(dataset) == 3
    for i in range(3):
        loaded = dataset[i]['gt_seg_map']
        assert (loaded == read(tmp_path / 'out' / f'{i}.png')).all()


def test_endings_that_the_data_set_leaves_out(run, folder, tmp_path):
    mixed = folder / 'mixed'
    mixed.mkdir()
    for name in ('a.jpg', 'B.JPG', 'c.png'):
        shutil.copy(folder / 'data' / 'images' / '0.png', mixed / name)
    printed = run(tmp_path / 'all', images='mixed')
    assert '1 in .JPG (B.JPG), 1 in .jpg (a.jpg), 1 in .png' in printed
    assert 'Choose it by --img-suffix' in printed
    assert not (tmp_path / 'all').exists()
    printed = run(tmp_path / 'out', '--img-suffix', '.jpg', images='mixed')
    assert '2 images that do not end in .jpg are left out' in printed
    assert files(tmp_path / 'out') == ['a.png', 'classes.txt', 'labels.json']
    dataset = DATASETS.build(
        dict(
            type='ClassFileDataset',
            classes_file=str(tmp_path / 'out' / 'classes.txt'),
            data_prefix=dict(
                img_path=str(mixed), seg_map_path=str(tmp_path / 'out'))))
    assert len(dataset) == 1
    printed = run(tmp_path / 'none', '--img-suffix', '.bmp', images='mixed')
    assert 'mixed has no image that ends in .bmp' in printed


def test_goes_on_where_it_stopped(run, folder, tmp_path, tool, monkeypatch):
    called = []
    original = SSegInferencer.__call__

    def fail(self, image, *args, **kwargs):
        called.append(image.relative_to(folder / 'photos').as_posix())
        if len(called) == 2:
            raise KeyboardInterrupt
        return original(self, image, *args, **kwargs)

    monkeypatch.setattr(SSegInferencer, '__call__', fail)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert files(tmp_path) == ['1.png', 'classes.txt', 'labels.json']
    printed = run(tmp_path)
    assert '3 images, 1 have labels already' in printed
    assert called == ['1.png', 'a/3.png', 'a/3.png', 'b/3.png']
    assert '3 images, 3 have labels already' in run(tmp_path)


def test_shards_share_the_work(run, tmp_path, monkeypatch):
    run(tmp_path / 'whole')
    for shard in (0, 1):
        monkeypatch.setenv('RANK', str(shard))
        monkeypatch.setenv('WORLD_SIZE', '2')
        printed = run(tmp_path / 'shared')
        assert f'shard {shard}/2: {2 - shard} images, 0 have' in printed
    assert files(tmp_path / 'shared') == files(tmp_path / 'whole')
    for name in files(tmp_path / 'whole'):
        assert (tmp_path / 'whole' /
                name).read_bytes() == (tmp_path / 'shared' /
                                       name).read_bytes()


def test_list_of_images(run, folder, tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('a/3\n\n1.png\n')
    run(tmp_path / 'out', '--list', path, '--img-suffix', '.png')
    assert files(tmp_path /
                 'out') == ['1.png', 'a/3.png', 'classes.txt', 'labels.json']


def test_bad_images_do_not_stop_the_others(run, folder, tmp_path):
    path = tmp_path / 'train.txt'
    (folder / 'data' / 'broken.jpg').write_bytes(b'\xff\xd8\xff no image')
    path.write_text('broken\nnone\nimages/0.png\n')
    printed = run(tmp_path / 'out', '--list', path, images='data')
    assert '2 images failed' in printed and printed.count('broken.jpg:') == 1
    assert 'none.jpg does not exist' in printed
    assert 'images/0.png' in files(tmp_path / 'out')
    assert 'broken.png' not in files(tmp_path / 'out')


def test_labels_made_with_something_else(run, folder, tmp_path):
    run(tmp_path)
    for args in (('--threshold', '0.6'), ('--classes', 'cat'),
                 ('--min-confidence', '0.5')):
        assert 'error:' in run(tmp_path, *args)
    printed = run(tmp_path, '--threshold', '0.6')
    assert 'made with other threshold (see labels.json)' in printed
    # the same classes, but the model is asked for more
    printed = run(tmp_path, '--classes', 'cat; the red cat,dog,grass',
                  '--threshold', '0.5')
    assert 'made with other prompt_names (see labels.json)' in printed
    kept = (tmp_path / 'labels.json').read_bytes()
    for damaged in (kept[:-9], b'[]'):
        (tmp_path / 'labels.json').write_bytes(damaged)
        assert f'error: {tmp_path / "labels.json"} is not ' in run(tmp_path)
    (tmp_path / 'labels.json').write_bytes(kept)
    other = sseg_model.build(sseg_model.model_config(tmp_path), seed=1)
    kept = (folder / 'best.pth').read_bytes()
    try:
        sseg_model.save_checkpoint(folder / 'best.pth', other)
        assert 'made with other checkpoint' in run(tmp_path)
    finally:
        (folder / 'best.pth').write_bytes(kept)


def test_weights_of_a_url(folder):
    """They are told apart by it, and not looked for on the disk."""
    url = 'https://example.com/best.pth'
    config = Config.fromfile(folder / 'tiny.py')
    assert describe_model(config, url)['checkpoint'] == url
    digest = describe_model(config, str(folder / 'best.pth'))['checkpoint']
    assert len(digest) == 16


def test_labels_of_a_model_that_was_set_otherwise(run, folder, tmp_path):
    """The same weights, but regions are combined in another way, or images
    are smaller: half of the labels would be others."""
    run(tmp_path, '--list', _one(tmp_path))
    path = folder / 'tiny.py'
    kept = path.read_text()
    try:
        for change in ("model['combination'] = 'hard'",
                       'test_dataloader = dict(dataset=dict(pipeline=[\n'
                       "    dict(type='LoadImage'),\n"
                       "    dict(type='Resize', scale=(32, 32)),\n"
                       "    dict(type='PackSegInputs')]))"):
            path.write_text(f'{kept}\n{change}\n')
            assert 'made with other settings (see labels.json)' in run(
                tmp_path)
        # what changes no label
        path.write_text(f"{kept}\nmodel['loss_scale'] = 0.5\n")
        assert '1 have labels already' in run(tmp_path)
    finally:
        path.write_text(kept)
    header = json.loads((tmp_path / 'labels.json').read_text())
    assert header['settings']['pipeline'][0]['type'] == 'LoadImageFromNDArray'
    del header['settings']  # of an earlier version
    (tmp_path / 'labels.json').write_text(json.dumps(header))
    assert 'does not say how images were prepared' in run(tmp_path)


def _one(folder):
    path = folder / 'one.txt'
    path.write_text('1.png')
    return path


def test_one_clear_line_for_bad_input(run, folder, tmp_path):
    (tmp_path / 'away.txt').write_text('../secret\n')
    (tmp_path / 'empty.txt').write_text('\n')
    twice = folder / 'twice'
    twice.mkdir()
    for name in ('1.jpg', '1.png'):
        (twice / name).touch()
    for message, images, *args in [
        ('none does not exist', 'none'),
        ("away.txt: '../secret.jpg' is not a path inside", 'photos', '--list',
         tmp_path / 'away.txt'),
        ('empty.txt has no image', 'photos', '--list', tmp_path / 'empty.txt'),
        ('would have the same labels', 'twice'),
        ('the vocabulary is empty', 'photos', '--classes', ''),
        ('--shard must be', 'photos', '--shard', '3'),
        ("--threshold: '60' must be a number from 0 to 1", 'photos',
         '--threshold', '60'),
        ("--min-confidence: 'nan' must be", 'photos', '--min-confidence',
         'nan'),
    ]:
        assert message in run(tmp_path / 'out', *args, images=images), message
    assert not (tmp_path / 'out').exists()
    assert 'would replace the images' in run(folder / 'photos')


def test_public_models_and_folders(tool, folder, tmp_path, monkeypatch,
                                   capsys):
    """A model that has its weights needs no checkpoint."""
    model = tiny_public.write_clipseg(tmp_path / 'clipseg')

    def label(*words):
        words = ['label_images.py', *words, '--device', 'cpu']
        monkeypatch.setattr(sys, 'argv', list(map(str, words)))
        with pytest.raises(SystemExit) as stop:
            tool.main()
        return stop.value.code

    assert not label(model, folder / 'photos', tmp_path / 'out', '--classes',
                     'cat,red dog', '--threshold', '0.5')
    result = SSegInferencer(
        str(model), device='cpu')(
            folder / 'photos' / '1.png', 'cat,red dog', threshold=0.5)
    assert (read(tmp_path / 'out' / '1.png') == result.labels).all()
    header = json.loads((tmp_path / 'out' / 'labels.json').read_text())
    assert header['checkpoint'] == str(model)
    publish_model(
        Config.fromfile(folder / 'tiny.py'), folder / 'best.pth',
        tmp_path / 'model')
    assert not label(tmp_path / 'model', folder / 'photos', tmp_path / 'other')
    result = SSegInferencer(
        folder / 'tiny.py', folder / 'best.pth', device='cpu')(
            folder / 'photos' / '1.png')
    assert (read(tmp_path / 'other' / '1.png') == result.labels).all()
    # other weights in the same folder
    tiny_public.replace_weights(model)
    words = (model, folder / 'photos', tmp_path / 'out', '--classes',
             'cat,red dog', '--threshold', '0.5')
    assert 'made with other sha256' in label(*words)
    del header['sha256']  # of an earlier version
    (tmp_path / 'out' / 'labels.json').write_text(json.dumps(header))
    capsys.readouterr()
    assert not label(*words)
    printed = capsys.readouterr()
    assert 'does not say of which weights' in printed.err
    assert '3 have labels already' in printed.out
