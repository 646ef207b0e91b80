from __future__ import annotations
import gc
import sys
import warnings
from pathlib import Path

import pytest
import tiny_sam
import torch
from tool_server import run_python

pytest.importorskip('mmdet3d')
pytest.importorskip('spconv')

FOLDER = Path(__file__).resolve().parents[2] / '.dev_scripts'
sys.path.insert(0, str(FOLDER))

import benchmark  # noqa: E402
from benchmark_report import Builder, Comparison, Variant, report  # noqa: E402


@pytest.fixture(autouse=True)
def keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize('case', sorted(benchmark.CASES))
def test_quick(case, capsys, monkeypatch, tmp_path):
    if case == 'semires_sam':
        export_sam(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, 'argv',
                        ['benchmark.py', case, '--quick', '--no-memory'])
    with pytest.raises(SystemExit) as stop:
        benchmark.main()
    out = capsys.readouterr().out
    assert stop.value.code == 0, out
    assert 'FAILED' not in out
    rows = [
        line.strip('| ').split() for line in out.splitlines() if ' ms' in line
    ]
    assert sum(row[0] == 'plain' or row[0] == 'plain,' for row in rows) == \
        out.count('tolerance')
    assert sum(row[0] in ('ours', 'ours,') for row in rows) > 0


def export_sam(folder, monkeypatch) -> None:
    for name in ('onnx', 'onnxruntime', 'segment_anything'):
        if name == 'segment_anything':
            tiny_sam.stand_in_torchvision(monkeypatch)
        pytest.importorskip(name, reason=f'{name} is not installed')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the exporter
        tiny_sam.export_onnx_sam(tiny_sam.build_tiny_sam(), folder)
    monkeypatch.setenv('MOBILE_SAM', str(folder))


def test_sam_without_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv('MOBILE_SAM', str(tmp_path))
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'semires_sam'])
    with pytest.raises(SystemExit, match='pretrained.py mobile-sam DIR'):
        benchmark.main()


def test_memory_of_a_fresh_process():
    """The pairs of the plain loss are in memory, ours never are."""
    done = run_python(FOLDER / 'benchmark.py', 'less_contrast', '--points',
                      '12000', '--positives', '1200', '--repeats', '1')
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        line.strip('| ').split() for line in done.stdout.splitlines()
        if ' MB' in line
    ]
    peaks = {row[0]: int(row[row.index('MB') - 1]) for row in rows[-2:]}
    assert peaks['plain'] > 1200 * 10800 * 4 / 2**20
    assert peaks['ours'] < peaks['plain'] / 2


@pytest.mark.parametrize('value, equal', [(1.001, True), (1.1, False),
                                          (float('nan'), False)])
def test_outputs_must_be_equal(value, equal, monkeypatch, capsys):
    comparison = Comparison('a sum', 'call', [
        Variant('plain', lambda: [torch.ones(2)], plain=True),
        Variant('not compared', lambda: None),
        Variant('ours', lambda: [torch.tensor([1., value])]),
    ], 1e-2)
    monkeypatch.setattr(Builder, 'build', lambda self: [comparison])
    assert report(Builder('module', 'case', {}, 1), 1, memory=False) == equal
    assert ('FAILED' in capsys.readouterr().out) != equal


def test_part_of_a_variant(monkeypatch, capsys):
    """Its share is given, and no ratio to what does something else."""
    comparison = Comparison('a sum', 'call', [
        Variant('plain', lambda: [torch.ones(2)], plain=True),
        Variant('ours', lambda: [torch.ones(2)]),
        Variant('its end', lambda: None, part_of='ours'),
    ], 1e-2)
    monkeypatch.setattr(Builder, 'build', lambda self: [comparison])
    assert report(Builder('module', 'case', {}, 1), 1, memory=False)
    row, = (
        line for line in capsys.readouterr().out.splitlines()
        if line.startswith('| its end'))
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert all(cells[i].endswith(' ms') for i in (1, 3))
    assert cells[2] == cells[4] == '' and cells[-1].endswith('% of ours')


@pytest.mark.parametrize('case', ['semires_refine', 'semires_step'])
def test_each_variant_keeps_its_files(case):
    """Memory is measured of one variant, the others being deleted."""
    module, sizes = benchmark.CASES[case]
    builder = Builder(module, case, {
        name: quick
        for name, (_, quick) in sizes.items()
    }, 1)
    for index in range(len(builder.build()[0].variants)):
        chosen = builder.build()[0].variants[index]
        gc.collect()
        builder.run(chosen)


def test_numbers_must_be_positive(capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv',
                        ['benchmark.py', 'less_qmp', '--points', '0'])
    with pytest.raises(SystemExit):
        benchmark.main()
    assert 'must be positive' in capsys.readouterr().err
