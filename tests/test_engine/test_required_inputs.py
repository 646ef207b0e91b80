from __future__ import annotations

import huggingface_hub
import pytest
from mmengine.config import Config

from mmlangseg.engine.required_inputs import require_data, require_inputs

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


@pytest.mark.parametrize('folder, remedy', [
    ('data/less_toy/', 'tools/dataset_converters/make_toy.py less '
     'data/less_toy'),
    ('data/sseg_toy/eval', 'tools/dataset_converters/make_toy.py sseg '
     'data/sseg_toy'),
    ('data/own_scans/', 'docs/tutorials/own_scans.md'),
    ('data/own_images', 'docs/tutorials/own_images.md'),
    ('data/own_pairs/', 'docs/tutorials/own_classes.md'),
    ('data/scannet/', HOW.strip()),
])
def test_remedy_of_the_data(tmp_path, monkeypatch, folder, remedy):
    monkeypatch.chdir(tmp_path)
    loader = dict(dataset=dict(data_root=folder))
    cfg = Config(
        dict(
            train_dataloader=loader,
            val_dataloader=loader,
            model=dict(type='HuggingFaceTextEncoder', pretrained='/no/one')))
    with pytest.raises(SystemExit) as error:
        require_data(cfg, ('train', 'val'))
    _, train, val, how, _ = str(error.value).splitlines()
    assert train.endswith(f'train_dataloader.dataset.data_root: {folder}')
    assert val.endswith(f'val_dataloader.dataset.data_root: {folder}')
    assert how.endswith(remedy)


def test_sources_of_pairs(tmp_path):
    """What a source names lies below the root of its data set."""
    root = tmp_path / 'data[1]'
    (root / 'pairs').mkdir(parents=True)
    (root / 'pairs/a.tar').touch()
    (root / 'a.tsv').touch()

    def missing(*sources: dict) -> list[str]:
        dataset = dict(data_root=str(root), sources=list(sources))
        cfg = Config(dict(train_dataloader=dict(dataset=dataset)))
        try:
            require_data(cfg, ['train'])
        except SystemExit as error:
            _, *found, _, _ = str(error).splitlines()
            return [line.split('sources.')[1] for line in found]
        return []

    assert missing(
        dict(type='TarSource', tars='pairs/*.tar'),
        dict(type='TarSource', tars=['pairs', 'pairs/{000..331}.tar']),
        dict(type='TarSource', tars='s3://bucket/*.tar'),
        dict(type='FolderSource', folder='pairs'),
        dict(type='TableSource', file='a.tsv', images='pairs')) == []
    assert missing(
        dict(type='TarSource', tars=['pairs/*.tar', 'cc12m/*.tar']),
        dict(type='TarSource', tars='no/{000..331}.tar'),
        dict(type='mmseg.JSONLSource', file='a.jsonl', images='pairs')) == [
            f'0.tars: {root}/cc12m/*.tar',
            f'1.tars: {root}/no/{{000..331}}.tar', f'2.file: {root}/a.jsonl'
        ]


def test_a_root_that_is_no_folder():
    dataset = dict(data_root='s3://bucket/', ann_file='a.json')
    require_data(
        Config(dict(train_dataloader=dict(dataset=dataset))), ['train'])


def test_public_models_and_backbones(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    for kind in ('PromptedReferring', 'PromptedClasses', 'GroupViT',
                 'mmseg.CLIPPseudoMasks'):
        model = dict(type=kind, pretrained='some/model-that-is-not-cached')
        line, = lines(Config(dict(model=model)))
        assert line.strip().startswith('model.pretrained: some/model-that')
        assert line.endswith('--cfg-options model.pretrained=FOLDER')
    for name, found in (('no/mae.pth', 1), ('open-mmlab://resnet50_v1c', 0),
                        ('https://a.b/c.pth', 0), (None, 0)):
        cfg = Config(dict(model=dict(type='EncoderDecoder', pretrained=name)))
        require_inputs(cfg, ['test'])  # which does not read it
        if found:
            line, = lines(cfg)
            assert 'model.pretrained: no/mae.pth, pretrained wei' in line
        else:
            require_inputs(cfg, ['train'])
