import threading

import pytest
import torch

from mmlangseg.cpu.threads import map_on_threads


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_keep_the_order_of_the_items(threads):
    assert map_on_threads(lambda x: x * x,
                          range(7)) == [x * x for x in range(7)]
    assert torch.get_num_threads() == threads


def test_works_on_several_items_at_once():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    meeting = threading.Barrier(2, timeout=20)
    try:
        assert map_on_threads(lambda x: meeting.wait() >= 0,
                              [1, 2]) == [True, True]
    finally:
        torch.set_num_threads(before)


def test_gradient_mode_and_autocast_are_those_of_the_caller(threads):

    def state(_):
        return torch.is_grad_enabled(), torch.is_autocast_enabled('cpu')

    assert map_on_threads(state, [0]) == [(True, False)]
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        assert map_on_threads(state, [0]) == [(False, True)]


def test_an_error_reaches_the_caller_and_restores_the_threads(threads):

    def fail(item):
        raise ValueError(f'item {item}')

    with pytest.raises(ValueError, match='item 3'):
        map_on_threads(fail, [3])
    assert torch.get_num_threads() == threads
