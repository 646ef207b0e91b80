import pytest
import torch

from mmlangseg.engine.local_device import is_device_fault, local_device


@pytest.mark.parametrize('visible, device', [(0, 'cpu'), (1, 'cuda:0'),
                                             (4, 'cuda:1')])
def test_the_gpu_of_a_process(monkeypatch, visible, device):
    """Slurm may show a process all GPUs or only its own."""
    for name, value in (('RANK', 5), ('WORLD_SIZE', 8), ('LOCAL_RANK', 5)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: visible > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: visible)
    assert local_device() == device


def test_faults_of_the_device():
    assert is_device_fault(torch.OutOfMemoryError('2 GiB'))
    assert is_device_fault(
        RuntimeError('CUDA error: an illegal memory access was encountered'))
    assert not is_device_fault(ValueError('a.jpg is damaged'))
