from __future__ import annotations
from math import inf, nan
from types import SimpleNamespace

import pytest

from mmlangseg.engine import PatienceHook


def epochs(scores: list[float], hook: PatienceHook) -> int | None:
    """After how many validations the training stops."""
    loop = SimpleNamespace(stop_training=False)
    runner = SimpleNamespace(
        train_loop=loop, logger=SimpleNamespace(info=lambda text: None))
    for number, score in enumerate(scores, 1):
        hook.after_val_epoch(runner, dict(oIoU=score))
        if loop.stop_training:
            return number
    return None


def hook(**options) -> PatienceHook:
    return PatienceHook('oIoU', **dict(dict(rule='greater'), **options))


@pytest.mark.parametrize('scores, stop', [
    ([0.] * 9, 6),
    ([30.] * 9, 6),
    ([nan] * 9, 5),
    ([1, 2, nan, nan, nan, nan, nan], 7),
    ([1, 2, 2, 1, 2, 2, 2], 7),
    ([5, 1, 2, 3, 4, 4.9], 6),
    ([1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2], 11),
    (list(range(20)), None),
])
def test_every_validation_without_an_improvement_counts(scores, stop):
    assert epochs(scores, hook()) == stop


def test_options():
    assert epochs([1, 1.05, 1.1, 1.3, 1.35], hook(min_delta=0.2,
                                                  patience=2)) == 3
    assert epochs([3, 2, 1, 1, 1], hook(rule='less', patience=2)) == 5
    assert epochs([3, 3], hook(rule='less', patience=1)) == 2
    assert epochs([1, nan], hook(check_finite=True)) == 2
    assert epochs([1, inf, inf], hook(patience=1)) == 3
    assert epochs([1, 90], hook(stopping_threshold=80)) == 2


def test_misspelled_score():
    with pytest.raises(RuntimeError, match='teacher/mIoU'):
        epochs([1.], PatienceHook('teacher/mIoU'))


@pytest.mark.parametrize('resume, stop', [(True, 2), (False, 6)])
def test_the_count_goes_on_behind_a_resume(resume, stop):
    before, after, checkpoint = hook(), hook(), {}
    assert epochs([7, 7, 7, 7], before) is None
    before.before_save_checkpoint(None, checkpoint)
    after.after_load_checkpoint(SimpleNamespace(_resume=resume), checkpoint)
    assert epochs([7] * 9, after) == stop
