from __future__ import annotations

from mmengine.registry import HOOKS

from mmlangseg.engine import TimedLoggerHook


def test_a_line_when_the_time_has_passed(monkeypatch):
    now = [0.]
    monkeypatch.setattr('mmlangseg.engine.timed_logger_hook.time.monotonic',
                        lambda: now[0])
    hook = HOOKS.build(dict(type='TimedLoggerHook', interval=50, seconds=15))
    assert isinstance(hook, TimedLoggerHook)
    hook.before_test_epoch(None)

    def due(index: int, time: float) -> bool:
        now[0] = time
        return hook.every_n_inner_iters(index, 50)

    assert not due(0, 14)
    assert due(1, 16)  # 15 s of silence
    assert not due(2, 30)
    assert due(49, 30.5)  # the 50th iteration, whatever the time
    assert not due(50, 45)
    hook.before_train_iter(None, 0)
    assert not due(0, 1000)  # curves of the training have even steps
    assert due(49, 1000)
