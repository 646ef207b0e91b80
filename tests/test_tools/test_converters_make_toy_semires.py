"""tools/dataset_converters/make_toy.py semires."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tool_server import run_python
from toy.semires.clutter import iter_scenes
from toy.semires.clutter_candidates import iter_candidates
from transformers import AutoTokenizer

from mmlangseg.io.files import load_pickle_restricted
from mmlangseg.semires.candidates import CandidateCache
from mmlangseg.semires.datasets import RefCOCODataset
from mmlangseg.text import GRUTextEncoder

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'dataset_converters' / 'make_toy.py'
TYPES = {'kind', 'colour', 'size', 'position', 'relation'}
BLOCK_AND_RUN = """
import sys
blocked = sys.argv[1].split(',')

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in blocked:
            raise ModuleNotFoundError(f'{name} is blocked', name=name)

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, 'tools/dataset_converters')
"""
MAKE = 'import make_toy; sys.exit(make_toy.main(sys.argv[2:]))'


def run(code, blocked, *args):
    return subprocess.run([
        sys.executable, '-W', 'ignore', '-c', BLOCK_AND_RUN + code, blocked,
        *map(str, args)
    ], cwd=ROOT, text=True, capture_output=True)  # yapf: disable


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Made without the libraries of the 3D systems."""
    root = tmp_path_factory.mktemp('toy') / 'semires'
    done = run(MAKE, 'mmdet3d,spconv,cumm', 'semires', root, '--num-train', 40,
               '--num-val', 2, '--size', 64)
    assert done.returncode == 0, done.stderr[-2000:]
    return root, done.stdout


def test_less_does_not_need_the_libraries_of_semires():
    done = run('import make_toy, toy.less.make', 'mmseg,segment_anything')
    assert done.returncode == 0, done.stderr[-2000:]


def test_candidates(made):
    root, _ = made
    cache = CandidateCache(
        root / 'candidates', expect=dict(dataset='refcoco_toy', size=[64, 64]))
    assert sorted(cache.ids()) == list(range(1, 45))
    assert cache.header['generator']['name'] == 'toy'
    for image_id, masks, scores in iter_candidates(40, 2, 64, 0):
        candidates = cache.load(image_id)
        assert (candidates.areas == masks.sum(axis=(1, 2))).all()
        assert np.allclose(candidates.scores, scores)
        assert (candidates.mask(0) == masks[0]).all()


def test_lists_of_images(made):
    root, out = made
    folder = root / 'refcoco_toy' / 'splits'
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(
        f'refcoco_toy_unc_train_{percent}pct_seed{seed}.{side}.json'
        for percent in (5, 10) for seed in range(3)
        for side in ('labelled', 'unlabelled'))  # 1 % is not an image
    for percent, count in ((5, 2), (10, 4)):
        stem = folder / f'refcoco_toy_unc_train_{percent}pct_seed0'
        labelled, unlabelled = (
            json.loads(Path(f'{stem}.{side}.json').read_text())['image_ids']
            for side in ('labelled', 'unlabelled'))
        assert len(labelled) == count
        assert sorted(labelled + unlabelled) == list(range(1, 41))


def test_the_dataset_reads_it(made):
    root, _ = made
    scenes = {row[0]: row[2] for row in iter_scenes(40, 2, 64, 0)}
    for split, image_ids, test_mode in (
        ('train', 'splits/refcoco_toy_unc_train_5pct_seed0.labelled.json',
         False), ('val', None, True), ('testA', None, True)):
        dataset = RefCOCODataset(
            'refcoco_toy',
            split,
            data_root=str(root),
            image_ids=image_ids and f'refcoco_toy/{image_ids}',
            text_field='raw',
            test_mode=test_mode,
            pipeline=[dict(type='mmseg.LoadReferringMask')])
        assert len({dataset.get_data_info(i)['img_id']
                    for i in range(len(dataset))}) == 2  # yapf: disable
        for index in range(len(dataset)):
            sample = dataset[index]
            assert sample['groups'][0] in TYPES and sample['text']
            mask = sample['gt_seg_map'] > 0
            truth = scenes[sample['img_id']].masks
            ious = (truth & mask).sum((1, 2)) / (truth | mask).sum((1, 2))
            assert ious.max() > 0.98


def test_too_few_pictures_for_lists(tmp_path):
    done = run_python(TOOL, 'semires', tmp_path, '--num-train', 2, '--num-val',
                      1, '--size', 64)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'too few pictures' in done.stdout
    assert (tmp_path / 'text_model' / 'tokenizer.json').is_file()
    assert not (tmp_path / 'refcoco_toy' / 'splits').exists()


def test_text_model_and_vocabulary(made):
    root, _ = made
    folder = root / 'refcoco_toy'
    encoder = GRUTextEncoder(str(folder / 'train.words.txt'))
    tokenizer = AutoTokenizer.from_pretrained(root / 'text_model')
    for ref in load_pickle_restricted(folder / 'refs(unc).p'):
        if ref['split'] != 'train':
            continue
        for sentence in ref['sentences']:
            assert set(sentence['tokens']) <= set(encoder.index)
            ids = tokenizer(sentence['raw'])['input_ids']
            assert tokenizer.unk_token_id not in ids
    assert '.' in encoder.index  # of the sentences as typed


def test_second_call_does_nothing(made):
    root, _ = made
    before = {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    done = run_python(TOOL, 'semires', root, '--num-train', 40, '--num-val', 2,
                      '--size', 64)
    assert done.returncode == 0 and 'is complete' in done.stdout
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    stamp = json.loads((root / 'toy.json').read_text())
    assert stamp['system'] == 'semires' and stamp['size'] == 64
