"""Checkpoints that hold something else than a trained model."""
from __future__ import annotations
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmlangseg.engine import CheckpointMatchHook, require_matching_checkpoint


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


NAN, ONES = torch.tensor([1., float('nan')]), torch.ones(2)


@pytest.mark.parametrize('name, value, problem', [
    ('0.bias', NAN, 'has 1 of 2 values that are not finite'),
    ('0.bias', ONES.half() / 0, 'has 2 of 2 values'),
    ('1.running_mean', NAN, 'has 1 of 2 values'),
    ('1.running_var', -ONES, 'is a variance with negative values'),
    ('0.bias', ONES.long(), 'is of torch.int64, not of floating'),
    ('0.bias', ONES.bool(), 'is of torch.bool, not of floating'),
    ('0.bias', ONES + 1j, 'is of torch.complex64, not of floating'),
    ('0.bias', 'abc', "is str 'abc', not a tensor"),
    ('0.bias', [1., 2.], 'is list .* not a tensor'),
])
def test_values_of_another_kind(name, value, problem):
    state = dict(model().state_dict())
    state[name] = value
    with pytest.raises(
            ValueError, match=f'^a.pth: {name} {problem}.*take another'):
        require_matching_checkpoint(model(), dict(state_dict=state), 'a.pth')


@pytest.mark.parametrize(
    'dtype', [torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2])
def test_other_precision_is_welcome(dtype):
    state = {n: v.to(dtype) for n, v in model().state_dict().items()}
    require_matching_checkpoint(model(), state)


def test_constants_may_be_infinite():
    own = model()
    own.register_buffer('mask', torch.full((2, 2), -torch.inf).triu(1))
    require_matching_checkpoint(own, own.state_dict())


@pytest.mark.parametrize(
    'content', [ONES, [ONES], dict(state_dict=ONES), {
        1: ONES
    }])
def test_no_weights_by_name(content):
    with pytest.raises(ValueError, match='has no weights by name'):
        require_matching_checkpoint(model(), content)


class TestResume:

    def check(self, schedulers=('one', ), **changes):
        runner = SimpleNamespace(
            model=model(),
            _load_from='a.pth',
            _resume=True,
            param_schedulers=schedulers)
        content = dict(
            meta=dict(epoch=1, iter=2),
            state_dict=model().state_dict(),
            message_hub={},
            optimizer={},
            param_schedulers=[])
        content.update(changes)
        content = {k: v for k, v in content.items() if v is not None}
        CheckpointMatchHook().after_load_checkpoint(runner, content)

    def test_whole(self):
        self.check()
        self.check(schedulers=None, param_schedulers=None)

    @pytest.mark.parametrize('changes, missing', [
        (dict(meta=None), 'meta.epoch, meta.iter'),
        (dict(meta=dict(epoch='1', iter=2)), 'meta.epoch'),
        (dict(message_hub=None), 'message_hub'),
        (dict(optimizer=None), 'optimizer'),
        (dict(param_schedulers=None), 'param_schedulers'),
    ])
    def test_weights_alone(self, changes, missing):
        with pytest.raises(
                ValueError,
                match=f'a.pth cannot be resumed: it lacks {missing}. It .*'
                'load_from=a.pth'):
            self.check(**changes)
