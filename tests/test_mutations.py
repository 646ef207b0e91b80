"""A few hundred damaged files, and what the readers make of them.

Every case is read with the right meaning, or is refused by an error that names
the file. ``make mutations`` runs thousands.
"""
from __future__ import annotations
import faulthandler
import gc
import json

import numpy as np
import pytest
from mutation import harness
from mutation.damage import draw_damage
from mutation.harness import Bench, Kind
from mutation.kinds import KINDS

CASES, SLOW_CASES = 8, 4


@pytest.fixture(autouse=True)
def end_of_a_hang():
    """C code that hangs does not hear the alarm of the bench."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    gc.unfreeze()
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.name)
def test_damaged_files(kind, tmp_path):
    bench = Bench(kind, tmp_path)
    results = [
        bench.run(case) for case in range(SLOW_CASES if kind.slow else CASES)
    ]
    bad = [result for result in results if result.outcome not in harness.GOOD]
    assert not bad, '\n'.join(map(str, bad))


def test_names_are_distinct():
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 50


def damaged(read, check=lambda result: None, form='json', **more):
    """Outcomes of a reader that gets ``{"size": 3}`` of a file."""

    def run(tmp_path):
        kind = Kind(
            'test', form, lambda folder:
            (folder / 'a.json').write_text('{"size": 3}'), 'a.json',
            lambda folder: read(
                (folder / 'a.json').read_bytes()), check, **more)
        bench = Bench(kind, tmp_path)
        return {bench.run(case).outcome for case in range(12)}

    return run


def if_damaged(action):
    return lambda data: 3 if data == b'{"size": 3}' else action(data)


def refuse(data):
    raise ValueError('a.json is damaged. Make it again')


def refuse_without_name(data):
    raise ValueError('damaged')


def convert(data):
    raise ValueError("a.json, image 7: KeyError: 'height'")


def take_memory(data):
    return np.ones(4 * harness.MEMORY, np.uint8)


def wait(data):
    while True:
        pass


@pytest.mark.parametrize('action, outcome', [
    (refuse, harness.CLEAR),
    (refuse_without_name, harness.NAMELESS),
    (json.loads, harness.INTERNAL),
    (lambda data: {}['size'], harness.INTERNAL),
    (convert, harness.INTERNAL),
    (take_memory, harness.INTERNAL),
    (lambda data: 4, harness.READ),
    (lambda data: -1, harness.WRONG),
    (wait, harness.TIMEOUT),
])
def test_judgement(action, outcome, tmp_path, monkeypatch):
    if action is wait:
        monkeypatch.setattr(harness, 'SECONDS', 0.05)
    check = lambda size: 'below 0' if size == -1 else None  # noqa: E731
    found = damaged(if_damaged(action), check)(tmp_path)
    if action is json.loads:  # of bytes that are still JSON: something else
        assert outcome in found
    elif outcome == harness.READ:  # an error page, say, is never meant
        assert found == {harness.READ, harness.WRONG}
    else:
        assert found == {outcome}


def test_what_has_a_checksum_is_read_as_written(tmp_path):
    found = damaged(if_damaged(lambda data: 4), exact=True)(tmp_path)
    assert found == {harness.WRONG}


def test_damage_is_drawn_from_the_seed():
    data = b'{"size": 3, "names": ["cat", "dog"]}'

    def draw(seed):
        rng = np.random.default_rng(seed)
        return [draw_damage(data, 'json', rng, True) for _ in range(50)]

    assert draw(1) == draw(1) != draw(2)
    assert all(damage.data != data for damage in draw(1))
    names = {damage.name.split()[0] for damage in draw(1)}
    assert len(names) > 10
    strict = {damage.name: damage.strict for damage in draw(3) + draw(4)}
    assert strict['cut'] and not strict['drop']


@pytest.mark.parametrize('form', ['pickle', 'checkpoint'])
def test_pickles_are_not_changed_byte_by_byte(form):
    from mutation.damage import PICKLE, operations
    assert operations(form) == PICKLE
