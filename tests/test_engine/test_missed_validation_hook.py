"""Where test_train_and_test interrupts none; the rest is there."""
from __future__ import annotations
from types import SimpleNamespace

from mmlangseg.engine import MissedValidationHook


def test_a_new_training_forgets_the_validation_of_another_one(tmp_path):
    """Which would seem to be that of its own checkpoint, when resumed."""
    note = tmp_path / 'last_validation'
    hook = MissedValidationHook()
    hook.after_val(SimpleNamespace(work_dir=tmp_path, iter=12))
    assert note.read_text() == '12'
    resumed = SimpleNamespace(
        work_dir=tmp_path, _resume=True, train_loop=None, val_loop=None)
    hook.before_train(resumed)
    assert note.is_file()
    hook.before_train(SimpleNamespace(work_dir=tmp_path, _resume=False))
    assert not note.exists()
