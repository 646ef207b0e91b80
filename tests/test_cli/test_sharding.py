import pytest

from mmlangseg.cli.sharding import exit_code, launched


@pytest.fixture(autouse=True)
def nothing_launched(monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SLURM_PROCID',
                 'SLURM_NTASKS', 'SLURM_STEP_NUM_TASKS', 'SLURM_LOCALID',
                 'TORCHELASTIC_RUN_ID'):
        monkeypatch.delenv(name, raising=False)


def test_launchers(monkeypatch):
    assert launched() == (0, 1, 0)
    monkeypatch.setenv('SLURM_PROCID', '5')
    monkeypatch.setenv('SLURM_NTASKS', '8')
    assert launched() == (0, 1, 0)  # a script of sbatch, not of srun
    monkeypatch.setenv('SLURM_STEP_NUM_TASKS', '8')
    monkeypatch.setenv('SLURM_LOCALID', '1')
    assert launched() == (5, 8, 1)
    # left over from something that was not torchrun
    monkeypatch.setenv('RANK', '2')
    assert launched() == (5, 8, 1)
    monkeypatch.setenv('WORLD_SIZE', '4')
    assert launched() == (2, 4, 0)  # torchrun inside of slurm


def test_a_failure_does_not_end_the_others(monkeypatch):
    assert (exit_code(False), exit_code(True)) == (0, 1)
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'none')
    assert exit_code(True) == 0
