"""Gradients of two processes, averaged, are those of one with both batches.

This file is also the program of such a process.
"""
from __future__ import annotations
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from mmlangseg.sseg.losses import (ImageTextContrastiveLoss,
                                   MultiLabelContrastiveLoss, PseudoMaskLoss)

ROOT = Path(__file__).resolve().parents[3]
# how many of the 6 samples the first process has
SPLITS = (3, 2, 6)


class Model(nn.Module):
    """A linear layer shared by everything that the losses compare."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(0)
        self.name = name
        self.linear = nn.Linear(4, 5)
        self.loss = dict(
            contrastive=ImageTextContrastiveLoss,
            multi_label=MultiLabelContrastiveLoss,
            mask=PseudoMaskLoss)[name]()

    def forward(self, images, texts, pixels, labels):
        if self.name == 'mask':
            masks = self.linear(pixels).permute(0, 3, 1, 2)
            return sum(self.loss([masks], labels).values())
        if self.name == 'contrastive':
            texts = texts[:, 0]
        return self.loss(self.linear(images), self.linear(texts))


def batch():
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (6, 4, 4), generator=random)
    labels[1] = 255
    labels[2:4] = 1
    return (torch.randn(6, 4, generator=random),
            torch.randn(6, 3, 4, generator=random),
            torch.randn(6, 4, 4, 4, generator=random), labels)


def gradients(model, samples):
    model.zero_grad()
    loss = model(*samples)
    loss.backward()
    return dict(
        loss=loss.detach(),
        **{
            name.removeprefix('module.'): p.grad.clone()
            for name, p in model.named_parameters()
        })


def cases():
    # a process without a sample has no masks to compute a loss of
    return [(name, first) for name in ('contrastive', 'multi_label', 'mask')
            for first in SPLITS if (name, first) != ('mask', 6)]


def run_process(rank, folder):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2)
    found = {}
    for name, first in cases():
        mine = slice(0, first) if rank == 0 else slice(first, 6)
        model = nn.parallel.DistributedDataParallel(Model(name))
        found[name, first] = gradients(model, [x[mine] for x in batch()])
    torch.save(found, f'{folder}/{rank}.pt')
    # before the group, which its reducer would destroy with the interpreter's
    # lock held, while a thread of gloo may wait for it (torch 2.13)
    del model
    torch.distributed.destroy_process_group()


@pytest.fixture(scope='module')
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp('two')
    processes = [
        subprocess.Popen(
            [sys.executable, __file__,
             str(rank), str(folder)],
            env=dict(os.environ, PYTHONPATH=str(ROOT))) for rank in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return [torch.load(folder / f'{rank}.pt') for rank in range(2)]


@pytest.mark.parametrize('name, first', cases())
def test_equal_gradients(found, name, first):
    expected = gradients(Model(name), batch())
    for process in found:
        got = process[name, first]
        assert got.keys() == expected.keys()
        for key in expected:
            if key != 'loss':
                torch.testing.assert_close(got[key], expected[key])
    mean = sum(process[name, first]['loss'] for process in found) / 2
    torch.testing.assert_close(mean, expected['loss'])
    assert expected['linear.weight'].abs().max() > 1e-3


if __name__ == '__main__':
    run_process(int(sys.argv[1]), sys.argv[2])
