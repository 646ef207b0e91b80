from __future__ import annotations
import os
import pickle
import shutil
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, checkpoint
from mmengine.runner.checkpoint import load_from_local as original_loader

from mmlangseg.compat.loading import (repair_checkpoint_loading,
                                      silence_fx_tracing)
from mmlangseg.compat.onedl import has_onedl
from mmlangseg.io.checkpoint_damage import CheckpointError


@pytest.fixture(autouse=True)
def repaired():
    before, before_url = CheckpointLoader._schemes[''], checkpoint.load_url
    repair_checkpoint_loading()
    repair_checkpoint_loading()  # more than once is allowed
    yield
    CheckpointLoader.register_scheme(prefixes='', loader=before, force=True)
    checkpoint.load_url = before_url


def training_checkpoint() -> dict:
    """What MMEngine's runner saves, with the types that are not tensors."""
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    history = HistoryBuffer()
    for value in (3.0, 1.0, 2.0):
        history.update(value)
    info = OrderedDict(
        best_score=np.float32(0.5),
        epoch=np.int64(3),
        flag=np.bool_(True),
        names=np.array(['a', 'bc']),
        counts=np.arange(3, dtype=np.uint8))
    return dict(
        meta=dict(epoch=1, iter=2, dataset_meta=dict(classes=('a', ))),
        state_dict=model.state_dict(),
        optimizer=optimizer.state_dict(),
        message_hub=dict(
            log_scalars=OrderedDict(loss=history),
            runtime_info=info,
            resumed_keys=OrderedDict(loss=True)))


@pytest.mark.skipif(has_onedl(), reason="OneDL's MMEngine reads them")
def test_the_repair_is_needed(tmp_path):
    """If this fails, MMEngine was fixed: remove the repair."""
    torch.save(training_checkpoint(), tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match='HistoryBuffer'):
        original_loader(str(tmp_path / 'a.pth'), 'cpu')


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_training_checkpoint(tmp_path, core):
    path = tmp_path / 'epoch_1.pth'
    saved = training_checkpoint()
    torch.save(saved, path, pickle_module=_writing_numpy_as(core))
    loaded = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    hub, saved_hub = loaded['message_hub'], saved['message_hub']
    assert hub['log_scalars']['loss'].mean() == 2.0
    assert hub['log_scalars']['loss'].statistics('max') == 3.0
    for name, value in saved_hub['runtime_info'].items():
        np.testing.assert_array_equal(hub['runtime_info'][name], value)
    assert loaded['meta'] == saved['meta']
    torch.testing.assert_close(loaded['state_dict'], saved['state_dict'])
    torch.testing.assert_close(loaded['optimizer'], saved['optimizer'])


def _writing_numpy_as(core: str):
    """pickle as another version of NumPy would write."""

    class Pickler(pickle._Pickler):

        def save_global(self, obj, name=None):
            module = getattr(obj, '__module__', None) or ''
            if module.startswith(('numpy.core', 'numpy._core')):
                rest = module.split('.', 2)[2]
                self.write(b'c' + f'{core}.{rest}\n{obj.__name__}\n'.encode())
                self.memoize(obj)
            else:
                super().save_global(obj, name)

        dispatch = dict(pickle._Pickler.dispatch)
        dispatch[type(len)] = save_global
        dispatch[type(_writing_numpy_as)] = save_global

    class module:
        Pickler = None

    module.Pickler = Pickler
    return module


class Attack:
    """Unpickled, it makes the file named by ``marker``."""

    def __init__(self, marker) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f'touch {self.marker}', )


class Escape:
    """Asks ``getattr`` for more than a statistic of the history."""

    def __init__(self, owner, name) -> None:
        self.arguments = owner, name

    def __reduce__(self):
        return getattr, self.arguments


def test_code_is_refused(tmp_path):
    path, marker = tmp_path / 'attack.pth', tmp_path / 'attacked'
    torch.save(dict(state_dict=Attack(marker)), path)
    with pytest.raises(CheckpointError) as error:
        CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert 'attack.pth' in str(error.value)
    assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1' in str(error.value)
    assert not marker.exists()


@pytest.mark.parametrize('owner, name', [(HistoryBuffer, '__init__'),
                                         (np.dtype, 'mean')])
def test_getattr_is_narrow(tmp_path, owner, name):
    torch.save(dict(state_dict=Escape(owner, name)), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=f'{name} of .*not allowed'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), 'cpu')


def test_trusted_files_can_be_forced(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    path, marker = tmp_path / 'trusted.pth', tmp_path / 'ran'
    torch.save(dict(a=torch.ones(1), extra=Attack(marker)), path)
    CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert marker.exists()


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A folder that URLs are downloaded from, and how often they were."""
    downloads = []

    def download(url, path, progress):
        downloads.append(url)
        shutil.copy(tmp_path / 'web' / os.path.basename(url), path)

    (tmp_path / 'web').mkdir()
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    return tmp_path / 'web', downloads


def test_urls_are_read_like_files(web, tmp_path):
    folder, downloads = web
    saved, marker = training_checkpoint(), tmp_path / 'ran'
    torch.save(saved, folder / 'good.pth')
    torch.save(dict(state_dict=Attack(marker)), folder / 'bad.pth')
    for _ in range(2):
        loaded = CheckpointLoader.load_checkpoint(
            'https://example.org/zoo/good.pth', 'cpu')
        torch.testing.assert_close(loaded['state_dict'], saved['state_dict'])
    assert downloads == ['https://example.org/zoo/good.pth']
    with pytest.raises(CheckpointError, match='bad.pth.*trust'):
        CheckpointLoader.load_checkpoint('http://example.org/bad.pth', 'cpu')
    assert not marker.exists()


def test_urls_of_one_file_name_are_told_apart(web, tmp_path):
    """Another run's epoch_20.pth must not be taken for this one's."""
    folder, downloads = web
    urls = [f'https://example.org/run_{i}/epoch_20.pth' for i in range(3)]
    for number, url in [*enumerate(urls), *enumerate(urls)]:
        torch.save(
            dict(a=torch.tensor(float(number))), folder / 'epoch_20.pth')
        assert CheckpointLoader.load_checkpoint(url, 'cpu')['a'] == number
    assert downloads == urls
    # a file that torch.hub has downloaded, or somebody has put there
    torch.save(
        dict(a=torch.tensor(7.)),
        tmp_path / 'hub' / 'checkpoints' / 'swin.pth')
    url = 'https://example.org/swin.pth'
    assert CheckpointLoader.load_checkpoint(url, 'cpu')['a'] == 7
    assert downloads == urls


def test_truncated_file(tmp_path):
    path = tmp_path / 'cut.pth'
    torch.save(training_checkpoint(), path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r'cut\.pth.*cut off'):
        CheckpointLoader.load_checkpoint(str(path), 'cpu')


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no\.pth does not exist'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'no.pth'), 'cpu')


def test_fx_warning_is_not_shown(caplog):
    """spconv asks torch for it whenever the first tensor is made."""
    import torch.fx._symbolic_trace as trace
    silence_fx_tracing()
    silence_fx_tracing()  # more than once is allowed
    warn = trace.is_fx_tracing_warning.__wrapped__  # it is shown only once
    with caplog.at_level('WARNING', logger=trace.__name__):
        warn()
        trace.log.warning('something else')
    assert [record.message for record in caplog.records] == ['something else']
