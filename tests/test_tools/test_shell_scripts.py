"""The shell scripts, with the programs they start replaced by echo."""
from __future__ import annotations
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(tmp_path):
    """Run a script; give the command lines of what it starts."""
    for name in ('python', 'srun'):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)

    def run(name: str, *args: str, **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ['bash', str(ROOT / 'tools' / name), *args],
            env={
                'PATH': f'{tmp_path}:{os.environ["PATH"]}',
                **env
            },
            text=True,
            capture_output=True)

    return run


def test_dist_train(script):
    out = script('dist_train.sh', 'a b.py', '4', '--amp', PORT='1234').stdout
    assert '--nproc_per_node=4' in out and '--master_port=1234' in out
    assert '--standalone' not in out
    assert out.rstrip().endswith('train.py a b.py --launcher pytorch --amp')


def test_several_machines_agree_on_a_port(script):
    out = script(
        'dist_train.sh',
        'a.py',
        '4',
        NNODES='2',
        NODE_RANK='1',
        MASTER_ADDR='node0').stdout
    assert '--nnodes=2 --node_rank=1 --master_addr=node0' in out
    assert '--master_port=29500' in out and '--standalone' not in out


def test_dist_test(script):
    out = script('dist_test.sh', 'c.py', 'c.pth', '2', '--out',
                 'r.json').stdout
    assert '-m torch.distributed.run' in out and '--nproc_per_node=2' in out
    assert '--standalone' in out and 'master_port' not in out
    assert out.rstrip().endswith(
        'test.py c.py c.pth --launcher pytorch --out r.json')


def test_model_folder_alone(script):
    out = script('dist_test.sh', 'my model', '2', '--out', '3.json').stdout
    assert '--nproc_per_node=2' in out
    assert out.rstrip().endswith(
        'test.py my model --launcher pytorch --out 3.json')
    out = script('slurm_test.sh', 'gpu', 'job', 'my model', '--tta').stdout
    assert out.rstrip().endswith('test.py my model --tta --launcher slurm')


def test_the_checkpoint_is_no_number_of_processes(script):
    done = script('dist_test.sh', 'c.py', 'c.pth')
    assert done.returncode != 0 and 'usage:' in done.stderr


@pytest.mark.parametrize('name, last, expected', [
    ('slurm_train.sh', 'work',
     'train.py c.py --work-dir work --launcher slurm --resume'),
    ('slurm_test.sh', 'c.pth', 'test.py c.py c.pth --resume --launcher slurm')
])  # yapf: disable
def test_slurm(script, name, last, expected):
    out = script(
        name,
        'gpu',
        'job',
        'c.py',
        last,
        '--resume',
        GPUS='4',
        SRUN_ARGS='--mem 10G').stdout
    for option in ('--partition=gpu', '--job-name=job', '--ntasks=4',
                   '--gres=gpu:4', '--mem 10G'):
        assert option in out
    assert out.rstrip().endswith(expected)


@pytest.mark.parametrize(
    'name',
    ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'])
def test_usage(script, name):
    done = script(name, 'only-one-argument')
    assert done.returncode != 0
    assert f'{name} ' in done.stderr and 'usage:' in done.stderr


@pytest.mark.parametrize('name', [
    'dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'
])  # yapf: disable
def test_python_of_make_env(script, tmp_path, name):
    """It is taken where that on the PATH has no torch."""
    own = tmp_path / 'venv' / 'bin' / 'python'
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho own "$@"\n')
    own.chmod(0o755)
    (tmp_path / 'srun').write_text(
        '#!/bin/sh\nwhile [ "$2" != -u ]; do shift; done; exec "$@"\n')
    venv = str(tmp_path / 'venv')
    arguments = ['a', 'b', '2', 'd'] if 'slurm' in name else ['a.py', '2']
    assert script(name, *arguments, VENV=venv).stdout.startswith('python -')
    (tmp_path / 'python').write_text('#!/bin/sh\nexit 1\n')
    assert script(name, *arguments, VENV=venv).stdout.startswith('own -')


@pytest.mark.skipif(
    not (ROOT / 'Makefile').is_file(), reason='no Makefile here')
def test_make_app_needs_the_models_of_the_demo(tmp_path):
    done = subprocess.run([
        'make', '-C',
        str(ROOT), 'app', f'MODELS={tmp_path}', 'VENV=/nonexistent'
    ],
                          text=True,
                          capture_output=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        f'make app: {tmp_path}/less is missing, which `make demo` trains: '
        'run that first')


class TestMakeEnv:

    def test_no_python(self, script, tmp_path):
        done = script(
            'make_env.sh',
            PYTHON='/nonexistent/python',
            VENV=str(tmp_path / 'venv'))
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            'make_env: no Python 3.10 to 3.13 with venv found, name one: '
            'PYTHON=...'
        ]
        assert not (tmp_path / 'venv').exists()

    def test_no_disk(self, script, tmp_path):
        df = tmp_path / 'df'
        df.write_text('#!/bin/sh\necho header\necho disk 9 9 1048576 9 /\n')
        df.chmod(0o755)
        done = script('make_env.sh', VENV=str(tmp_path / 'venv'))
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            'make_env: 1 GB of disk are free here, the environment needs 4'
        ]

    @pytest.fixture
    def make_env(self, script, tmp_path):
        """Run it with a Python and a uv that do nothing; give what it says
        besides how long it took, and the files of what it installs."""
        programs = tmp_path / 'venv' / 'bin'
        programs.mkdir(parents=True)
        for name in ('python', 'uv'):
            (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
            (programs / name).chmod(0o755)

        def run(*groups: str) -> tuple[list[str], list[str]]:
            log = programs.parent / 'make_env.log'
            log.unlink(missing_ok=True)
            done = script('make_env.sh', *groups, VENV=str(programs.parent))
            assert done.returncode == 0, done.stderr
            words = log.read_text().split() if log.exists() else []
            return done.stdout.splitlines()[:-1], [
                words[i + 1] for i, word in enumerate(words) if word == '-r'
            ]

        return run

    def test_groups_are_added_once(self, make_env):
        said, files = make_env()
        assert 'requirements/runtime.txt' in files
        assert not {'requirements/app.txt', 'requirements/tests.txt'
                    } & set(files)
        assert make_env() == ([], [])
        said, files = make_env('app')
        assert 'make_env: requirements/app.txt' in said
        assert files == ['requirements/app.txt']
        assert make_env('app', 'tests')[1] == ['requirements/tests.txt']
        assert make_env('tests', 'app') == make_env() == ([], [])

    def test_a_new_base_is_for_the_groups_too(self, make_env, tmp_path):
        make_env('app')
        (tmp_path / 'venv' / '.mmlangseg-stamp-base').write_text('old')
        files = make_env()[1]
        assert 'requirements/runtime.txt' in files
        assert make_env('app')[1] == ['requirements/app.txt']

    def test_no_such_group(self, script):
        done = script('make_env.sh', 'no_such')
        assert done.returncode == 1
        assert done.stderr == ('make_env: there is no '
                               'requirements/no_such.txt\n')
