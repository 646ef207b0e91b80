from __future__ import annotations
import datetime
import os
import pickle
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

from mmlangseg.fileio import (atomic_path, load_pickle_restricted, read_text,
                              resolve_inside, stale_temporaries, write_bytes,
                              write_json, write_pickle, write_text)

PLAIN = [{'a': (1, 2.5, None, True), 'b': {1, 2}}, b'bytes', 'text', 1 + 2j,
         frozenset({3}), bytearray(b'x'), OrderedDict(k=1)]  # yapf: disable
ARRAYS = {
    'float': np.arange(6, dtype=np.float32).reshape(2, 3),
    'fortran': np.asfortranarray(np.eye(3)),
    'bool': np.array([True, False]),
    'text': np.array(['a', 'bc']),
    'scalar': np.float64(3.5),
    'integer': np.int64(7),
    'dtype': np.dtype('int16'),
}


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
class TestRestrictedPickle:

    def test_plain_data(self, tmp_path, protocol):
        path = tmp_path / 'plain.pkl'
        path.write_bytes(pickle.dumps(PLAIN, protocol))
        if protocol < 3:  # there bytes need a codec, as in NumPy's arrays
            loaded = load_pickle_restricted(path, allow=['numpy'])
        else:
            loaded = load_pickle_restricted(path)
        assert loaded == PLAIN

    def test_arrays_on_request(self, tmp_path, protocol):
        path = tmp_path / 'arrays.pkl'
        path.write_bytes(pickle.dumps(ARRAYS, protocol))
        loaded = load_pickle_restricted(path, allow=['numpy'])
        for name, value in ARRAYS.items():
            assert type(loaded[name]) is type(value)
            np.testing.assert_array_equal(loaded[name], value)
        with pytest.raises(ValueError, match='numpy.*not allowed'):
            load_pickle_restricted(path)

    def test_code_is_refused(self, tmp_path, protocol):

        class Attack:

            def __reduce__(self):
                return os.system, (f'touch {tmp_path}/attacked', )

        path = tmp_path / 'attack.pkl'
        # also inside an array of objects
        for data in (Attack(), np.array([Attack()], dtype=object)):
            path.write_bytes(pickle.dumps(data, protocol))
            with pytest.raises(ValueError, match=r'attack\.pkl.*system'):
                load_pickle_restricted(path, allow=['numpy'])
        assert not (tmp_path / 'attacked').exists()


class TestRestrictedPickleErrors:

    def test_other_classes(self, tmp_path):
        path = tmp_path / 'date.pkl'
        path.write_bytes(pickle.dumps(datetime.date(2024, 1, 1)))
        with pytest.raises(ValueError, match='datetime.date'):
            load_pickle_restricted(path)

    @pytest.mark.parametrize('content', [b'', b'no pickle'])
    def test_damaged(self, tmp_path, content):
        path = tmp_path / 'damaged.pkl'
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r'damaged\.pkl is not a pickle'):
            load_pickle_restricted(path)

    def test_truncated(self, tmp_path):
        path = tmp_path / 'cut.pkl'
        path.write_bytes(pickle.dumps(ARRAYS)[:-20])
        with pytest.raises(ValueError, match=r'cut\.pkl'):
            load_pickle_restricted(path, allow=['numpy'])

    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            load_pickle_restricted(tmp_path / 'no.pkl')

    def test_unknown_group(self, tmp_path):
        with pytest.raises(ValueError, match='torch.*not known'):
            load_pickle_restricted(tmp_path / 'no.pkl', allow=['torch'])


class TestResolveInside:

    @pytest.mark.parametrize('name', ['a.bin', 'a/b.bin', 'a..b', './a'])
    def test_inside(self, tmp_path, name):
        assert resolve_inside(tmp_path, name) == f'{tmp_path}/{name}'

    @pytest.mark.parametrize(
        'name',
        ['', '/etc/passwd', '..', '../a', 'a/../../b', 'a\\..\\..\\b', 'a\0b'])
    def test_outside(self, tmp_path, name):
        with pytest.raises(ValueError, match='not a path inside'):
            resolve_inside(tmp_path, name)


class TestAtomicWriting:

    def test_round_trips(self, tmp_path):
        write_text(tmp_path / 'new' / 'a.txt', 'grün')
        assert (tmp_path / 'new/a.txt').read_text('utf-8') == 'grün'
        write_json(tmp_path / 'a.json', {'b': [1]})
        assert (tmp_path / 'a.json').read_text() == '{"b": [1]}'
        write_pickle(tmp_path / 'a.pkl', ARRAYS)
        loaded = load_pickle_restricted(tmp_path / 'a.pkl', allow=['numpy'])
        np.testing.assert_array_equal(loaded['float'], ARRAYS['float'])

    def test_suffix_is_kept_for_writers(self, tmp_path):
        with atomic_path(tmp_path / 'scene.npy') as tmp:
            np.save(tmp, np.arange(3))
        np.testing.assert_array_equal(
            np.load(tmp_path / 'scene.npy'), range(3))

    def test_failure_leaves_the_old_file(self, tmp_path):
        path = tmp_path / 'a.txt'
        write_text(path, 'old')
        with pytest.raises(RuntimeError, match='disk'):
            with atomic_path(path) as tmp:
                tmp.write_text('half of the n')
                raise RuntimeError('disk full')
        assert path.read_text() == 'old'
        assert os.listdir(tmp_path) == ['a.txt']

    def test_mode_follows_the_umask(self, tmp_path):
        (tmp_path / 'plain').write_bytes(b'')
        write_bytes(tmp_path / 'atomic', b'')
        assert (tmp_path / 'atomic').stat().st_mode == (tmp_path /
                                                        'plain').stat().st_mode

    def test_kill_leaves_the_old_file_and_a_stale_one(self, tmp_path):
        path = tmp_path / 'a[1].txt'  # no glob pattern
        write_text(path, 'old')
        code = ('import os, signal, sys\n'
                'from mmlangseg.fileio import atomic_path\n'
                'with atomic_path(sys.argv[1]) as tmp:\n'
                '    tmp.write_text("half")\n'
                '    os.kill(os.getpid(), signal.SIGKILL)\n')
        subprocess.run([sys.executable, '-c', code, str(path)])
        assert path.read_text() == 'old'
        stale, = stale_temporaries(path)
        assert stale.read_text() == 'half'
        assert stale_temporaries(tmp_path / 'a.txt') == []


def test_text_with_a_byte_order_mark(tmp_path):
    """Windows programs write one."""
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xef\xbb\xbfscene0000_00\n')
    assert read_text(path) == 'scene0000_00\n'
    path.write_bytes('scene'.encode('utf-16'))
    with pytest.raises(ValueError, match='a.txt is not UTF-8 text.*Save it'):
        read_text(path)
    with pytest.raises(FileNotFoundError, match='b.txt does not exist'):
        read_text(tmp_path / 'b.txt')
