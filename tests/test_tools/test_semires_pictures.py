"""Pictures of samples and of predictions of SemiRES."""
import json
from pathlib import Path

import lavt_model
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from refer_data import HEIGHT, WIDTH
from tool_server import run_python

from mmlangseg.semires.candidates import CandidateCache, Candidates
from mmlangseg.semires.datasets import write_image_ids
from mmlangseg.visualization import read_image

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def run(*args, cwd):
    done = run_python(*args, cwd=cwd, merged=True)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.parametrize('eval_size', ['resized', 'original'])
def test_show_dir(tmp_path, eval_size):
    """One picture per sentence, at the size of the image."""
    init_default_scope('mmseg')
    network = lavt_model.model_config(tmp_path, eval_size=eval_size)
    config = lavt_model.write_config(tmp_path, model=network)
    checkpoint = lavt_model.save_checkpoint(tmp_path / 'best.pth',
                                            lavt_model.build(network))
    if eval_size == 'original':
        config.write_text(config.read_text() + (
            '\npipeline = test_dataloader["dataset"]["pipeline"]'
            '\npipeline[1:3] = pipeline[2:0:-1]'))
    printed = run(
        TOOLS / 'test.py',
        config,
        checkpoint,
        '--out',
        'out.json',
        '--show-dir',
        'pictures',
        cwd=tmp_path)
    size = 'resized size, 64 x 64' if eval_size == 'resized' else \
        f'original size, {HEIGHT} x {WIDTH}'
    assert f'masks compared at the {size}' in printed
    results = json.loads((tmp_path / 'out.json').read_text())
    assert results['metainfo']['mask_size'] == f'the {size}'
    records = results['records']
    names = {path.name for path in (tmp_path / 'pictures').iterdir()}
    assert names == {
        f'COCO_train2014_000000000104_{r["ref_id"]}_{r["sent_id"]}.png'
        for r in records
    }
    assert len(names) == len(records) == 6
    for name in names:
        picture = read_image(str(tmp_path / 'pictures' / name))
        # small pictures are enlarged, below a line of text
        assert picture.shape[1] == 8 * WIDTH
        assert picture.shape[0] > 8 * HEIGHT


def views_of(tmp_path, **changes):
    """A config of labelled and unlabelled images, drawn by browse."""
    keys = ('img_path', 'ref_id', 'sent_id', 'text', 'img_shape')
    pack = dict(type='PackSegInputs', meta_keys=keys)
    branches = ['sup', 'unsup_teacher', 'unsup_student']
    config = lavt_model.write_config(tmp_path)
    root = tmp_path / 'refer'
    CandidateCache.create(
        tmp_path / 'cache',
        dict(
            dataset='made',
            size=[64, 64],
            generator=dict(name='none', parameters={}))).save(
                101, Candidates.from_masks([np.ones((64, 64), bool)]))
    write_image_ids(root / 'labelled.json', {}, [100])
    write_image_ids(root / 'unlabelled.json', {}, [101])
    load = [
        dict(type='LoadImageFromFile', imdecode_backend='pillow'),
        dict(type='LoadReferringMask'),
        dict(
            type='Resize', scale=(64, 64), keep_ratio=False, backend='pillow'),
    ]
    split = dict(type='mmdet.MultiBranch', branch_field=branches)
    source = dict(
        type='RefCOCODataset',
        data_root=str(root),
        ann_folder='refcoco',
        split='train')
    dataset = dict(
        type='MultiSourceDataset',
        sources=dict(
            labelled=dict(
                source,
                image_ids='labelled.json',
                pipeline=[*load, dict(split, sup=[pack])]),
            unlabelled=dict(
                source,
                image_ids='unlabelled.json',
                pipeline=[
                    *load,
                    dict(
                        split,
                        unsup_teacher=[
                            dict(
                                type='LoadMaskCandidates',
                                cache=str(tmp_path / 'cache')), pack
                        ],
                        unsup_student=[
                            dict(type='RandomColorJitter', prob=1., **changes),
                            pack
                        ])
                ])))
    config.write_text(f'{config.read_text()}\n'
                      f'train_dataloader = dict(dataset={dataset!r})\n')
    run(TOOLS / 'analysis_tools' / 'browse_dataset.py',
        config,
        '--out',
        'out',
        '--number',
        4,
        cwd=tmp_path)
    return sorted((tmp_path / 'out').iterdir())


@pytest.mark.parametrize('strong_from', ['image', 'normalised'])
def test_browse_draws_every_view(tmp_path, strong_from):
    paths = views_of(tmp_path, strong_from=strong_from)
    assert [path.name[:6] for path in paths
            ] == ['000000', '000001', '000002', '000002', '000003', '000003']
    views = [path.stem.split('_', 6)[-1] for path in paths[2:]]
    assert views == ['unsup_student', 'unsup_teacher'] * 2
    student, teacher = (read_image(str(path))[-320:] for path in paths[2:4])
    assert student.shape == teacher.shape == (320, 320, 3)  # enlarged
    blue = [
        picture[..., 2].astype(int) > picture[..., 0] + 100
        for picture in (student, teacher)
    ]
    assert min(mask.sum() for mask in blue) > 30  # the outline
    assert (student != teacher).mean() > 0.3  # the colors
