from __future__ import annotations

import huggingface_hub
import pytest
from mmengine.config import Config

from mmlangseg.engine.required_inputs import require_inputs


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
    return str(error.value).splitlines()[1:-1]


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
