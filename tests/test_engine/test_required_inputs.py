from __future__ import annotations

import huggingface_hub
import pytest
from mmengine.config import Config

from mmlangseg.engine.required_inputs import require_inputs

HOW = '  How the data are made says the README of the system, under Data'


def config(root, pretrained=None, **dataset) -> Config:
    encoder = dict(type='HuggingFaceTextEncoder', pretrained=pretrained)
    return Config(
        dict(
            model=dict(segmentor=dict(text_encoder=encoder)),
            train_dataloader=dict(
                dataset=dict(
                    sources=dict(
                        labelled=dict(data_root=str(root), **dataset)))),
            val_dataloader=None))


def lines(cfg: Config) -> list[str]:
    with pytest.raises(SystemExit) as error:
        require_inputs(cfg, ('train', 'val'))
    _, *found, _ = str(error.value).splitlines()
    return [line for line in found if line != HOW]


KEY = 'train_dataloader.dataset.sources.labelled'


def test_all_that_is_missing_is_named(tmp_path):
    (tmp_path / 'a.json').touch()
    files = dict(ann_file='a.json', info_file='b.pkl', image_ids='c.json')
    cfg = config(tmp_path, **files)
    assert [line.strip() for line in lines(cfg)] == [
        f'{KEY}.info_file: {tmp_path}/b.pkl',
        f'{KEY}.image_ids: {tmp_path}/c.json'
    ]
    require_inputs(cfg, ['val'])
    (tmp_path / 'b.pkl').touch()
    (tmp_path / 'c.json').touch()
    require_inputs(cfg, ['train'])
    gone = tmp_path / 'gone'  # one line, not one for each file in it
    assert [line.strip() for line in lines(config(gone, **files))
            ] == [f'{KEY}.data_root: {gone}']


def test_data_before_what_is_made_from_them(tmp_path):
    """A burn-in is trained, and words and candidates are made, on the data."""
    cfg = config(
        tmp_path,
        ann_file='a.json',
        pipeline=[dict(type='LoadMaskCandidates', cache='no/candidates')])
    cfg.load_from = 'work_dirs/burnin/best.pth'
    cfg.model.backbone = dict(
        type='Swin', init_cfg=dict(type='Pretrained', checkpoint='swin.pth'))
    cfg.model.words = dict(type='GRUTextEncoder', vocabulary='words.txt')
    with pytest.raises(SystemExit) as error:
        require_inputs(cfg, ['train'])
    first, *found, last = str(error.value).splitlines()
    assert first.endswith('reads what is not there:')
    assert found[:3] == [
        f'  {KEY}.ann_file: {tmp_path}/a.json',
        f'  {KEY}.pipeline.0.cache: no/candidates; make it with '
        'tools/semires/generate_candidates.py', HOW
    ]
    assert [line.split(':')[0].strip() for line in found[3:]] == [
        'load_from', 'model.backbone.init_cfg.checkpoint',
        'model.words.vocabulary'
    ]
    assert 'train it first' in found[3] and 'download them' in found[4]
    assert last == 'What lies elsewhere: --cfg-options KEY=PATH'


def test_checkpoint_to_begin_with(tmp_path):
    there = tmp_path / 'burnin.pth'
    there.touch()
    for found in (None, str(there), 'https://x.y/burnin.pth'):
        require_inputs(Config(dict(load_from=found)), ['train'])
    line, = lines(Config(dict(load_from='none.pth')))
    assert 'load_from: none.pth' in line


def test_network_that_is_nowhere(tmp_path, monkeypatch):
    asked = []

    def refuse(url, timeout):
        asked.append((url, timeout))
        raise ConnectionError('no network')

    monkeypatch.setattr(huggingface_hub, 'get_hf_file_metadata', refuse)
    line, = lines(config(tmp_path, 'some/model-that-is-not-cached'))
    assert 'model.segmentor.text_encoder.pretrained: some/model' in line
    assert 'ConnectionError' in line
    assert line.endswith('model.segmentor.text_encoder.pretrained=FOLDER')
    assert asked[0][0].endswith('config.json') and 0 < asked[0][1] <= 10
    line, = lines(config(tmp_path, '/no/such/folder'))
    assert 'there is no such folder' in line
    asked.clear()
    require_inputs(config(tmp_path, str(tmp_path)), ['train'])
    assert asked == []


def test_network_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub, 'get_hf_file_metadata',
                        lambda url, timeout: None)
    require_inputs(config(tmp_path, 'some/model-of-the-hub'), ['train'])
