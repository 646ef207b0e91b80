from __future__ import annotations
import datetime
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

from mmlangseg.io.files import (atomic_path, load_pickle_restricted, read_text,
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

    @pytest.mark.parametrize(
        'content',
        [
            b'\x80\x02]r\xf0\xff\xff\xff.',  # a memo of 64 GB
            b'(lp4294967280\n.',
            b'\x80\x04\x8e\xff\xff\xff\xff\xff\0\0\0.',  # bytes
            b'\x80\x04\x95\xff\xff\xff\xff\xff\0\0\0N.',  # a frame
            b'\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.',
            b'\x80\x02c__builtin__\nrange\nJ\xff\xff\xff\x7f\x85R.',
            b'\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.',
        ])
    def test_more_than_the_file_holds(self, tmp_path, content):
        """Nothing is taken, and the error is the same as of other damage."""
        path = tmp_path / 'large.pkl'
        path.write_bytes(content)
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r'large\.pkl is not a'):
                load_pickle_restricted(path, allow=['numpy'])
            assert tracemalloc.get_traced_memory()[1] < 1e7
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        'code, state',
        [
            ('i2', (3, '<', None, None, None, -1, -1, 63)),  # flags of objects
            ('f4', (3, '<', None, ('a', ), {
                'a': (np.dtype('f4'), 0)
            }, 4, 4, 0)),
            ('V8', (3, '|', None, None, None, 8, 1, 0)),
        ])
    def test_state_of_a_dtype(self, tmp_path, code, state):
        """NumPy takes any; of a shared dtype it would be set for good."""

        class Damaged:

            def __reduce__(self):
                return np.dtype, (code, False, False), state

        path = tmp_path / 'dtype.pkl'
        path.write_bytes(pickle.dumps(Damaged(), 2))
        flags = np.dtype(code).flags
        with pytest.raises(ValueError, match='dtype.pkl is not.* dtype'):
            load_pickle_restricted(path, allow=['numpy'])
        assert np.dtype(code).flags == flags

    def test_damaged_anywhere(self, tmp_path):
        """Every file with one byte changed is read or refused."""
        path = tmp_path / 'damaged.pkl'
        rng = np.random.default_rng(0)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            whole = pickle.dumps([PLAIN, ARRAYS], protocol)
            for _ in range(50):
                data = bytearray(whole)
                data[rng.integers(len(data))] = rng.integers(256)
                path.write_bytes(data)
                try:
                    load_pickle_restricted(path, allow=['numpy'])
                except ValueError as error:
                    assert str(path) in str(error)

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
                'from mmlangseg.io.files import atomic_path\n'
                'with atomic_path(sys.argv[1]) as tmp:\n'
                '    tmp.write_text("half")\n'
                '    os.kill(os.getpid(), signal.SIGKILL)\n')
        subprocess.run([sys.executable, '-c', code, str(path)])
        assert path.read_text() == 'old'
        stale, = stale_temporaries(path)
        assert stale.read_text() == 'half'
        assert stale_temporaries(tmp_path / 'a.txt') == []

    @pytest.mark.parametrize('stem', ['n' * 251, 'ñ' * 125])
    def test_the_longest_names(self, tmp_path, stem):
        path = tmp_path / f'{stem}.txt'
        with atomic_path(path) as tmp:
            tmp.write_text('new')
            assert stale_temporaries(path) == [tmp]
        assert os.listdir(tmp_path) == [path.name]


def test_text_with_a_byte_order_mark(tmp_path):
    """Windows programs write one."""
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xef\xbb\xbfscene0000_00\n')
    assert read_text(path) == 'scene0000_00\n'
    path.write_bytes('scene'.encode('utf-16'))
    with pytest.raises(ValueError, match='a.txt is not UTF-8 text.*Save it'):
        read_text(path)
    path.write_bytes(b'scene\x00000_00\n')
    with pytest.raises(ValueError, match='a.txt is not text: it holds zero'):
        read_text(path)
    with pytest.raises(FileNotFoundError, match='b.txt does not exist'):
        read_text(tmp_path / 'b.txt')
