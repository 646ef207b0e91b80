import pytest

from mmlangseg.engine.sharding import launched


@pytest.fixture(autouse=True)
def nothing_launched(monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SLURM_PROCID',
                 'SLURM_NTASKS', 'SLURM_LOCALID'):
        monkeypatch.delenv(name, raising=False)


def test_launchers(monkeypatch):
    assert launched() == (0, 1, 0)
    monkeypatch.setenv('SLURM_PROCID', '5')
    assert launched() == (0, 1, 0)  # not without the number of processes
    monkeypatch.setenv('SLURM_NTASKS', '8')
    monkeypatch.setenv('SLURM_LOCALID', '1')
    assert launched() == (5, 8, 1)
    monkeypatch.setenv('RANK', '2')
    monkeypatch.setenv('WORLD_SIZE', '4')
    assert launched() == (2, 4, 0)  # torchrun inside of slurm
