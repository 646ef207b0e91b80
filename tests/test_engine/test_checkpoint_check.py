from __future__ import annotations
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseTTAModel
from mmengine.registry import HOOKS
from torch import nn

from mmlangseg.engine import CheckpointMatchHook


class TTAModel(BaseTTAModel):

    def merge_preds(self, data_samples_list):
        return data_samples_list


def check(model: nn.Module, checkpoint: dict) -> None:
    hook = HOOKS.build(dict(type='CheckpointMatchHook'))
    assert isinstance(hook, CheckpointMatchHook)
    hook.after_load_checkpoint(SimpleNamespace(model=model), checkpoint)


def layers(count: int = 20, width: int = 2) -> nn.Module:
    return nn.ModuleList(
        nn.Linear(width, width, bias=False) for _ in range(count))


def test_same_model():
    check(layers(), dict(state_dict=layers().state_dict()))
    check(layers(), layers().state_dict())  # weights alone


def test_prefix_of_a_wrapped_model():
    state = {f'module.{k}': v for k, v in layers().state_dict().items()}
    check(layers(), dict(state_dict=state))


def test_wrapped_by_test_time_augmentation():
    from toy_task import ToyLineModel
    model = TTAModel(module=ToyLineModel())
    check(model, dict(state_dict=ToyLineModel().state_dict()))


def test_statistics_of_batch_norm_are_weights():
    with pytest.raises(ValueError, match='2 of 4 .*; running_mean should be'):
        check(nn.BatchNorm1d(4), nn.GroupNorm(2, 4).state_dict())


def test_what_may_be_left_out():
    state = layers().state_dict()
    state['student.data_preprocessor.mean'] = torch.ones(3)
    state['contrastive_loss.logit_scale'] = torch.ones(1)
    state['backbone.relative_position_index'] = torch.arange(4)
    check(layers(), dict(state_dict=state))


def test_permuted_axes_are_another_size():
    """Neither PyTorch nor MMEngine would load them."""
    model, state = nn.Linear(3, 2, bias=False), dict(weight=torch.ones(3, 2))
    with pytest.raises(ValueError, match=r'be \(2, 3\), but is \(3, 2\)'):
        check(model, dict(state_dict=state))


def test_scalar_as_vector():
    model = nn.Module()
    model.scale = nn.Parameter(torch.tensor(1.))
    check(model, dict(scale=torch.ones(1)))
    with pytest.raises(ValueError, match='another model'):
        check(model, dict(scale=torch.ones(2)))


@pytest.mark.parametrize('other, message', [
    (layers(width=3),
     'another model.* 20 of 20 .*; 0.weight should be .2, 2., but is .3, 3.'),
    (layers(count=19),
     ' 1 of 20 .*; 19.weight should be .2, 2., but is missing'),
    (layers(count=21),
     ' 0 of 20 .* 1 others .*; 20.weight .2, 2. has no place'),
    (nn.Linear(2, 2), ' 20 of 20 .* 2 others .*; 0.weight should be'),
])
def test_other_model(other, message):
    with pytest.raises(ValueError, match=message):
        check(layers(), dict(state_dict=other.state_dict()))
