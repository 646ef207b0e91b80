"""The tiny models compute what they computed when the fixtures were made."""
from __future__ import annotations
import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'tests/data/parity'
sys.path.insert(0, str(ROOT / '.dev_scripts'))

import parity_store  # noqa: E402
import parity_tiny  # noqa: E402
from parity_report import Report  # noqa: E402

ARRAYS = dict(a=np.arange(3.), masks=np.array([1, 0], np.uint8))


def manifest() -> dict:
    return json.loads((FOLDER / 'manifest.json').read_text())


@pytest.mark.parametrize('system, count', [('less', 70), ('semires', 30),
                                           ('sseg', 20)])
def test_outputs_are_the_stored_ones(system, count, capsys):
    if system == 'less':
        pytest.importorskip('mmdet3d')
    report = Report()
    parity_tiny.check(FOLDER, report, system)
    assert report.count > count
    assert not report.failed, capsys.readouterr().out


def test_a_changed_formula_is_found(monkeypatch):
    """The weight of pixels, by five percent."""
    from mmlangseg.semires.losses import PWA
    forward = PWA.forward
    monkeypatch.setattr(PWA, 'forward',
                        lambda self, prob: 1.05 * forward(self, prob))
    report = Report()
    parity_tiny.check(FOLDER, report, 'semires')
    assert 'semires pixel weights' in report.failed
    assert 'semires iom unsup_loss' in report.failed
    # what does not depend on it
    assert 'semires iom sup_loss' not in report.failed
    assert 'semires cpi uo chosen' not in report.failed


def test_files_are_small_and_those_of_the_manifest():
    files = manifest()['files']
    assert {path.name
            for path in FOLDER.iterdir()} == {'manifest.json', *files}
    assert set(files) == {f'{system}.npz' for system in parity_tiny.SYSTEMS}
    total = 0
    for name, entry in files.items():
        content = (FOLDER / name).read_bytes()
        total += len(content)
        assert hashlib.sha256(content).hexdigest() == entry['sha256']
        with np.load(FOLDER / name) as file:
            assert {
                key: parity_store.describe(value)
                for key, value in file.items()
            } == entry['arrays']
            assert parity_tiny.close_margins(dict(file)) == []
    assert total < 300_000


def test_manifest_says_how_it_was_made():
    content = manifest()
    script = content['command'].split()[1]
    assert (ROOT / script).is_file()
    assert {'torch', 'numpy', 'mmengine',
            'mmdet3d'} <= set(content['versions'])


def test_round_trip(tmp_path):
    parity_store.save(tmp_path, dict(one=ARRAYS), seed=3)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    arrays, seed = parity_store.load(tmp_path, 'one')
    assert seed == 3 and set(arrays) == set(ARRAYS)
    assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    parity_store.save(tmp_path, dict(one=ARRAYS), seed=3)
    assert first == {
        path.name: path.read_bytes()
        for path in tmp_path.iterdir()
    }


class TestBadFiles:

    @pytest.fixture
    def folder(self, tmp_path):
        return Path(shutil.copytree(FOLDER, tmp_path / 'parity'))

    def test_damaged(self, folder):
        path = folder / 'sseg.npz'
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r'sseg\.npz is damaged.*SHA-256'):
            parity_tiny.check(folder, Report(), 'sseg')

    @pytest.mark.parametrize('name', ['sseg.npz', 'manifest.json'])
    def test_absent(self, folder, name):
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=f'{name} does not exist'):
            parity_tiny.check(folder, Report(), 'sseg')

    @pytest.mark.parametrize('text', ['{', '[]', '{"seed": 0, "files": {}}'])
    def test_no_manifest(self, folder, text):
        (folder / 'manifest.json').write_text(text)
        with pytest.raises(ValueError, match=r'no checksum of sseg\.npz'):
            parity_tiny.check(folder, Report(), 'sseg')


class TestCompare:

    def compare(self, theirs: dict, **changes) -> list[str]:
        report = Report()
        parity_tiny.compare('one', {**theirs, **changes}, theirs, report)
        return report.failed

    def test_tolerances(self):
        theirs = dict(ARRAYS, gradient_norms=np.array([1e-6, 0.1, 10., -1.]))
        assert self.compare(theirs) == []
        assert self.compare(theirs, a=ARRAYS['a'] * 1.00019) == []
        assert self.compare(theirs, a=ARRAYS['a'] * 1.00021) == ['one a']
        assert self.compare(theirs, masks=np.array([1, 1])) == ['one masks']
        for norms, same in (
            ([1e-5, 0.10009, 10.009, -1.], True),  # the first one is noise
            ([1e-6, 0.1002, 10., -1.], False),
            ([1e-2, 0.1, 10., -1.], False),
            ([1e-6, 0.1, 10., 0.], False),  # a gradient where none was
        ):
            failed = self.compare(theirs, gradient_norms=np.array(norms))
            assert (failed == []) == same, norms

    def test_other_weights_or_names(self):
        theirs = dict(ARRAYS, weights=np.array(['x (3,)', 'y (2,)']))
        for changes in (dict(weights=np.array(['x (3,)', 'z (2,)'])),
                        dict(b=np.zeros(1))):
            with pytest.raises(ValueError, match='make_parity_fixtures'):
                self.compare(theirs, **changes)

    def test_close_margins(self):
        assert parity_tiny.close_margins({
            'mask margin': np.array(1e-6), 'margin': np.array(np.nan),
            'other margin': np.array(1e-3), 'logits': np.array(0.)
        }) == ['mask margin = 1.0e-06', 'margin = nan']  # yapf: disable
