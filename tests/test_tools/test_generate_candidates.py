from __future__ import annotations
import json
import os
import pickle
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_sam
import torch
from PIL import Image
from tiny_sam import picture
from tool_server import Program

TOOL = (
    Path(__file__).resolve().parents[2] / 'tools' / 'semires' /
    'generate_candidates.py')
sys.path.insert(0, str(TOOL.parent))

import generate_candidates as tool  # noqa: E402

from mmlangseg.semires.candidates import CandidateCache  # noqa: E402
from mmlangseg.semires.candidates import CandidateCacheError  # noqa: E402
from mmlangseg.semires.transforms import LoadMaskCandidates  # noqa: E402


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the tool in this process; gives exit status and output."""

    def run(*args) -> tuple[int, str]:
        monkeypatch.setattr(sys, 'argv', ['tool', *map(str, args)])
        status = 0
        try:
            tool.main()
        except SystemExit as stop:
            status = stop.code
        if isinstance(status, str):
            return 1, status
        done = capsys.readouterr()
        return status, done.out + done.err

    for name in ('RANK', 'WORLD_SIZE', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'):
        monkeypatch.delenv(name, raising=False)
    return run


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / 'photos'
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f'photo_{i:03d}.png'), picture(i))
    return folder


@pytest.fixture
def refer(tmp_path, photos) -> Path:
    """Four of the photos as a data set, two refs of photo 1."""
    folder = tmp_path / 'mini'
    folder.mkdir()
    box = [[1, 1, 9, 1, 9, 9]]
    (folder / 'instances.json').write_text(
        json.dumps(
            dict(
                images=[
                    dict(
                        id=i,
                        file_name=f'photo_{i:03d}.png',
                        height=48,
                        width=64) for i in range(4)
                ],
                annotations=[
                    dict(id=i, image_id=i, segmentation=box) for i in range(4)
                ])))
    refs = [
        dict(
            ref_id=100 + k,
            ann_id=i,
            image_id=i,
            split='val' if i == 3 else 'train',
            sentences=[dict(sent_id=k, sent='disc', raw='disc')])
        for k, i in enumerate((0, 1, 1, 2, 3))
    ]
    (folder / 'refs(unc).p').write_bytes(pickle.dumps(refs))
    return folder


def entries(cache: Path) -> dict[int, bytes]:
    opened = CandidateCache(cache)
    return {i: opened.path(i).read_bytes() for i in opened.ids()}


def test_folder(run, photos, tmp_path):
    status, out = run(tmp_path / 'c', '--images', photos, '--size', 40, 50)
    assert status == 0, out
    cache = CandidateCache(tmp_path / 'c',
                           dict(dataset='photos', size=[40, 50]))
    assert sorted(cache.ids()) == [0, 1, 2, 3, 4]
    assert len(cache.load(2)) > 0 and cache.load(2).size == (40, 50)
    assert cache.header['generator']['name'] == 'regions'
    assert '5/5' in out and '0:00:00 left' in out
    status, out = run(tmp_path / 'c', '--images', photos, '--size', 40, 50)
    assert status == 0 and '5 have candidates already' in out


def test_annotations(run, refer, photos, tmp_path):
    arguments = ['--annotations', refer, '--images', photos, '--size', 48, 48]
    assert run(tmp_path / 'all', *arguments)[0] == 0
    assert sorted(CandidateCache(tmp_path / 'all').ids()) == [0, 1, 2, 3]
    assert CandidateCache(tmp_path / 'all').header['dataset'] == 'mini'
    assert run(tmp_path / 'train', *arguments, '--split', 'train')[0] == 0
    assert sorted(CandidateCache(tmp_path / 'train').ids()) == [0, 1, 2]


@pytest.mark.parametrize('names', [('RANK', 'WORLD_SIZE'),
                                   ('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS')])
def test_shards(run, photos, tmp_path, names, monkeypatch):
    assert run(tmp_path / 'one', '--images', photos)[0] == 0
    for rank in range(2):
        monkeypatch.setenv(names[0], str(rank))
        monkeypatch.setenv(names[1], '2')
        status, out = run(tmp_path / 'two', '--images', photos)
        assert status == 0 and f'{3 - rank}/{3 - rank}' in out
    assert entries(tmp_path / 'two') == entries(tmp_path / 'one')


def test_shards_by_hand(run, photos, tmp_path):
    for shard, ready in ((2, 1), (0, 3)):
        status, out = run(tmp_path / 'c', '--images', photos, '--num-shards',
                          3, '--shard', shard)
        assert status == 0
        assert f'has candidates of {ready} of 5 images' in out
    assert sorted(entries(tmp_path / 'c')) == [0, 2, 3]
    status, out = run(tmp_path / 'c', '--images', photos, '--shard', 1)
    assert status == 2 and '--shard must be' in out


def test_images_without_any_mask(run, photos, tmp_path):
    """They have an entry, and are not tried again at every run."""
    for path in photos.iterdir():
        cv2.imwrite(str(path), np.zeros((48, 64, 3)))
    for ready in (0, 5):
        status, out = run(tmp_path / 'c', '--images', photos)
        assert status == 0, out
        assert f'5 images, {ready} have candidates' in out
    cache = CandidateCache(tmp_path / 'c')
    assert [len(cache.load(i)) for i in range(5)] == [0] * 5


def test_numbers_that_are_no_ids(run, photos, tmp_path):
    (photos / 'photo_001.png').rename(photos / f'{"1" * 30}.png')
    status, out = run(tmp_path / 'c', '--images', photos)
    assert status == 1 and f'{"1" * 30}.png is too large' in out


def test_failures_are_listed(run, photos, tmp_path):
    (photos / 'photo_001.png').write_bytes(b'no picture')
    status, out = run(tmp_path / 'c', '--images', photos)
    assert status == 1
    assert '1 images failed' in out
    assert 'photo_001.png (image 1): ImageFileError' in out
    assert sorted(entries(tmp_path / 'c')) == [0, 2, 3, 4]
    cv2.imwrite(str(photos / 'photo_001.png'), picture(1))
    assert run(tmp_path / 'c', '--images', photos)[0] == 0
    assert sorted(entries(tmp_path / 'c')) == [0, 1, 2, 3, 4]


def test_turned_images(run, refer, photos, tmp_path):
    """Annotated at the size before or behind the turning, never unnoticed."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(photos / 'photo_001.png') as image:
        image.save(photos / 'photo_001.png', exif=exif)
    arguments = ['--annotations', refer, '--images', photos, '--size', 48, 48]
    status, out = run(tmp_path / 'turned', *arguments)
    assert status == 1 and sorted(entries(tmp_path / 'turned')) == [0, 2, 3]
    assert 'photo_001.png' in out and '(64, 48) pixels' in out
    assert '(48, 64)' in out and '--ignore-orientation' in out
    arguments.append('--ignore-orientation')
    assert run(tmp_path / 'stored', *arguments)[0] == 0
    assert sorted(entries(tmp_path / 'stored')) == [0, 1, 2, 3]
    # the two do not mix
    status, out = run(tmp_path / 'stored', *arguments[:-1])
    assert status == 1 and 'field "generator"' in out


def test_masks_are_resized_like_true_ones(run, photos, tmp_path):
    header = {}
    for rule in ('center', 'corner'):
        arguments = [tmp_path / rule, '--images', photos, '--size', 30, 41]
        assert run(*arguments, '--resize', rule)[0] == 0
        header[rule] = CandidateCache(tmp_path / rule).header['resize']
    assert header == dict(center='center', corner='corner')
    whole = tool.CANDIDATE_SOURCES.build(dict(type='regions'))(
        np.ascontiguousarray(picture(2)[..., ::-1]))
    expected = np.asarray(
        Image.fromarray(whole.mask(0)).resize((41, 30),
                                              Image.Resampling.NEAREST))
    found = CandidateCache(tmp_path / 'center').load(2)
    assert np.array_equal(found.mask(0), expected)
    # one begun by the other rule does not go on
    assert run(tmp_path / 'default', '--images', photos)[0] == 0
    status, out = run(tmp_path / 'default', '--images', photos, '--resize',
                      'corner')
    assert status == 1 and 'field "resize" is \'center\'' in out


def test_killed_and_resumed(run, tmp_path):
    folder, count = tmp_path / 'photos', 60
    folder.mkdir()
    for i in range(count):
        cv2.imwrite(str(folder / f'{i}.png'), picture(i))
    arguments = [tmp_path / 'c', '--images', folder, '--size', '48', '64']
    process = Program(TOOL, *arguments)
    deadline = time.monotonic() + 150
    while (len(list(tmp_path.glob('c/entries/*/[0-9]*.rle'))) < 3
           and time.monotonic() < deadline and process.is_running()):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait().returncode == -signal.SIGKILL
    cache = CandidateCache(tmp_path / 'c')
    before = {i: cache.path(i).stat().st_mtime_ns for i in cache.ids()}
    assert 3 <= len(before) < count
    status, out = run(*arguments)
    assert status == 0 and f'{len(before)} have candidates already' in out
    assert {i: cache.path(i).stat().st_mtime_ns for i in before} == before
    assert run(tmp_path / 'whole', *arguments[1:])[0] == 0
    assert entries(tmp_path / 'c') == entries(tmp_path / 'whole')


def test_own_source(run, photos, tmp_path, monkeypatch):
    """A registered class of a module that the user names."""
    (tmp_path / 'my_halves.py').write_text('''
import numpy as np
from mmlangseg.semires.candidates import CANDIDATE_SOURCES, CandidateSource

@CANDIDATE_SOURCES.register_module(name='halves', force=True)
class Halves(CandidateSource):

    def __init__(self, columns: int, device: str = 'none') -> None:
        self.parameters = dict(columns=columns)

    def propose(self, image):
        mask = np.zeros(image.shape[:2])
        mask[:, :self.parameters['columns']] = 1
        yield mask, 0.5
''')
    monkeypatch.syspath_prepend(tmp_path)
    arguments = [
        tmp_path / 'c', '--images', photos, '--size', 48, 64, '--source',
        'halves', '--source-options', 'columns=5'
    ]
    status, out = run(*arguments)
    assert status == 1 and 'halves is none of' in out and 'regions' in out
    status, out = run(*arguments, '--custom-imports', 'my_halves')
    assert status == 0, out
    cache = CandidateCache(tmp_path / 'c')
    assert cache.header['generator'] == dict(
        name='halves', parameters=dict(columns=5))
    assert cache.load(0).areas.tolist() == [5 * 48]
    status, out = run(*arguments, '--custom-imports', 'no_such_module')
    assert status == 1 and 'no_such_module' in out


def test_another_source_does_not_mix(run, photos, tmp_path):
    assert run(tmp_path / 'c', '--images', photos)[0] == 0
    status, out = run(tmp_path / 'c', '--images', photos, '--source-options',
                      'max_candidates=3')
    assert status == 1 and 'field "generator"' in out


def test_inspect(run, photos, tmp_path):
    out = tmp_path / 'drawn.png'
    arguments = [
        tmp_path / 'c', '--images', photos, '--inspect',
        photos / 'photo_001.png', '--out', out
    ]
    status, text = run(*arguments)
    assert status == 0 and 'by regions' in text
    assert cv2.imread(str(out)).shape == (48, 64, 3)
    assert not (tmp_path / 'c').exists()
    assert run(tmp_path / 'c', '--images', photos)[0] == 0
    status, text = run(*arguments)
    assert status == 0 and f'from {tmp_path / "c"}' in text
    assert (cv2.imread(str(out)) != picture(1)).any()
    assert run(*arguments[:-2])[0] == 0  # beside the cache, not here
    assert (tmp_path / 'c_pictures' / 'photo_001.png').is_file()


def test_a_picture_of_images_that_were_not_turned(run, photos, tmp_path):
    """The cache knows it: its masks would lie beside what they are of."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = photos / 'photo_001.png'
    with Image.open(path) as image:
        image.save(path, exif=exif)
    arguments = [tmp_path / 'c', '--images', photos]
    assert run(*arguments, '--ignore-orientation')[0] == 0
    out = tmp_path / 'drawn.png'
    arguments += ['--inspect', path, '--out', out]
    assert f'from {tmp_path / "c"}' in run(*arguments)[1]
    assert cv2.imread(str(out)).shape == (48, 64, 3)


def test_ids_of_names_are_those_of_the_data_set(run, refer, photos, tmp_path):
    """Export tools count images from 0, whatever their names say."""
    path = photos / 'photo_001.png'
    sample = dict(img_shape=(480, 480), img_path=str(path))
    assert run(tmp_path / 'c', '--images', photos)[0] == 0
    load = LoadMaskCandidates(str(tmp_path / 'c'))
    assert load(dict(sample, img_id=1))['candidates'] is not None
    for img_id in (0, 2):
        with pytest.raises(
                CandidateCacheError,
                match=f'photo_001.png is image {img_id} of the data set: mak'):
            load(dict(sample, img_id=img_id))
    status, out = run(tmp_path / 'c', '--images', photos, '--annotations',
                      refer, '--dataset', 'photos')
    assert status == 1 and 'field "ids" is' in out  # they do not mix
    assert run(tmp_path / 'd', '--images', photos, '--annotations',
               refer)[0] == 0
    load = LoadMaskCandidates(str(tmp_path / 'd'))
    assert load(dict(sample, img_id=0))['candidates'] is not None


def test_a_cache_of_before_is_gone_on_with(run, photos, tmp_path):
    """It does not say where its ids are from."""
    arguments = [tmp_path / 'c', '--images', photos]
    assert run(*arguments)[0] == 0
    header = tmp_path / 'c' / 'header.json'
    content = json.loads(header.read_text())
    del content['ids']
    header.write_text(json.dumps(content))
    assert run(*arguments)[0] == 0
    load = LoadMaskCandidates(str(tmp_path / 'c'))
    sample = dict(img_shape=(480, 480), img_path='photo_001.png', img_id=3)
    assert load(sample)['candidates'] is not None


def test_import_released(run, refer, tmp_path):
    folder = tmp_path / 'sam_rle_mask'
    folder.mkdir()
    for ref_id in (100, 101, 102, 103):  # 101 and 102 are of one image
        item = dict(counts=[1, ref_id - 90, 200, 48], size=[48, 64])
        (folder / f'{ref_id}.json').write_text(json.dumps([item]))
    (folder / '103.json').write_text('[]')
    arguments = [
        '--import-released', folder, '--annotations', refer, '--size', 48, 64
    ]
    status, out = run(tmp_path / 'c', *arguments)
    assert status == 1 and '103.json (image 2)' in out
    cache = CandidateCache(tmp_path / 'c')
    assert sorted(cache.ids()) == [0, 1]
    assert cache.load(1).areas.tolist() == [11 + 48]
    flat = np.zeros(48 * 64, bool)
    flat[:10] = flat[199:247] = True
    assert (cache.load(0).mask(0) == flat.reshape(64, 48).T).all()


def test_segment_anything(run, photos, tmp_path, monkeypatch):
    """The real automatic generator; training's transform reads its masks."""
    tiny_sam.stand_in_torchvision(monkeypatch)
    package = pytest.importorskip('segment_anything')
    monkeypatch.setitem(package.sam_model_registry, 'tiny',
                        tiny_sam.build_tiny_sam)
    torch.manual_seed(0)
    torch.save(tiny_sam.build_tiny_sam().state_dict(), tmp_path / 'sam.pth')
    options = [
        '--source', 'segment-anything', '--device', 'cpu', '--source-options',
        f'checkpoint={tmp_path / "sam.pth"}', 'model_type=tiny',
        'points_per_side=3', 'pred_iou_thresh=-100',
        'stability_score_thresh=0'
    ]  # yapf: disable
    status, out = run(tmp_path / 'c', '--images', photos, '--size', 32, 32,
                      *options)
    assert status == 0, out
    load = LoadMaskCandidates(str(tmp_path / 'c'), required=True)
    for img_id in range(5):
        results = load.transform(dict(img_id=img_id, img_shape=(32, 32)))
        assert len(results['candidates']) > 0
        assert (results['candidates'].scores != 0).any()
    parameters = CandidateCache(tmp_path / 'c').header['generator'][
        'parameters']  # yapf: disable
    assert parameters['points_per_side'] == 3
    assert parameters['crop_overlap_ratio'] == 512 / 1500


@pytest.mark.parametrize('arguments, message', [
    ([], '--images is missing'),
    (['--import-released', 'x'], 'needs --annotations'),
    (['--images', 'missing'], 'missing'),
    (['--images', 'photos', '--source-options', 'points=3'],
     r"no option ['points']"),
    (['--images', 'photos', '--source', 'segment-anything',
      '--source-options', 'checkpoint=none.pth'], ''),
    (['--images', 'photos', '--source', 'onnx-sam'],
     'needs --source-options encoder=... decoder=...'),
    (['--images', 'photos', '--source', 'huggingface', '--source-options',
      'model=no/model-of-the-hub'], 'elsewhere and give its folder'),
    (['--images', 'photos', '--source', 'prompted', '--source-options',
      'model=/no/folder', 'texts=a,b'], 'there is no such folder'),
    (['--images', 'photos', '--annotations', 'photos'], 'refs(unc).p'),
])  # yapf: disable
def test_bad_arguments(arguments, message, run, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out = run('c', *arguments)
    assert status and message in out
    assert not Path('c').exists()


@pytest.mark.parametrize('names, message', [
    (['a.png'], 'a.png has no number'),
    (['a1.png', 'b01.png'], 'b01.png has the number of a1.png'),
    (['a1.png', 'b01.TIF'], 'b01.TIF has the number of a1.png'),
    (['a1.tiff', 'b01.gif'], 'b01.gif has the number of a1.tiff'),
    (['notes.txt'], 'there is no image'),
])
def test_folders_without_ids(names, message, run, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    status, out = run(tmp_path / 'c', '--images', folder)
    assert status == 1 and message in out
