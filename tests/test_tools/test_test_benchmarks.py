"""S-Seg on all benchmarks in a row: the table, the options, going on."""
import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import benchmark_trees
import pytest
import sseg_model
from mmengine.config import Config
from mmengine.registry import init_default_scope

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(TOOLS))
    spec = importlib.util.spec_from_file_location('test_benchmarks',
                                                  TOOLS / 'test_benchmarks.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(TOOLS))
    return module


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small model, and two images of every benchmark."""
    folder = tmp_path_factory.mktemp('sseg')
    sseg_model.write_config(folder)
    init_default_scope('mmseg')
    model = sseg_model.build(sseg_model.model_config(folder))
    sseg_model.save_checkpoint(folder / 'best.pth', model)
    for benchmark in benchmark_trees.LAYOUTS:
        benchmark_trees.write_tree(folder / 'data', benchmark)
    return folder


def arguments(folder, out, *args):
    return [
        str(folder / 'tiny.py'),
        str(folder / 'best.pth'), '--data',
        str(folder / 'data'), '--out',
        str(out), '--short-side', '32', '--cfg-options',
        'default_hooks.visualization.draw=False', *map(str, args)
    ]


@pytest.fixture
def run(tool, folder, tmp_path, capsys, monkeypatch):
    """Run the tool; gives its status, its output, and the results."""
    monkeypatch.setattr(tool, 'build_runner', quiet(tool.build_runner))
    out = tmp_path / 'out'

    def run(*args):
        status = tool.main(arguments(folder, out, *args))
        captured = capsys.readouterr()
        results = {
            file.stem: json.loads(file.read_text())
            for file in out.glob('*.json')
        }
        return status, captured.out + captured.err, results

    run.out = out
    return run


def quiet(build):
    """Without worker processes, which take a second each."""

    def build_runner(cfg, **kwargs):
        cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
        cfg.log_level = 'ERROR'
        return build(cfg, **kwargs)

    return build_runner


def test_all_benchmarks(run, tool):
    status, text, results = run()
    assert status == 0, text
    assert list(results) and set(results) == set(tool.BENCHMARKS)
    for name, result in results.items():
        assert result['classes'] == benchmark_trees.NUM_CLASSES[name]
        assert result['images'] == 2
        assert 0 <= result['scores']['mIoU'] <= 100
        size = 'short side 32, whole'
        assert result['protocol']['image_size'] == size
        background = result['protocol']['background_rule']
        expected = 'probability 0.5 (constant)' if name in (
            'voc21', 'context60', 'coco_object') else 'no background'
        assert background == expected
    table = (run.out / 'table.txt').read_text()
    assert table in text
    rows = [line for line in table.splitlines() if line.startswith('| ')]
    assert [row.split()[1] for row in rows] == ['benchmark', *tool.BENCHMARKS]
    assert 'resize rule: probabilities, bilinear' in table


def test_going_on(run):
    _, text, first = run('--benchmarks', 'voc20')
    assert 'done before' not in text
    status, text, second = run('--benchmarks', 'voc20')
    assert status == 0 and 'voc20: done before' in text
    assert second == first
    # another protocol is another result, and so is a damaged file
    _, text, other = run('--benchmarks', 'voc20', '--window', '16')
    assert 'done before' not in text
    assert other['voc20']['protocol']['image_size'] == \
        'short side 32, crops 16, stride 8'
    (run.out / 'voc20.json').write_text('{"fingerprint"')
    assert 'done before' not in run('--benchmarks', 'voc20')[1]
    assert 'done before' not in run('--benchmarks', 'voc20', '--redo')[1]


@pytest.mark.skipif(
    not hasattr(os, 'fork'), reason='processes are forked here')
@pytest.mark.parametrize('inside', [False, True])
def test_kill(tool, folder, run, inside, monkeypatch):
    """Killed between and inside sets, only the set at work is lost."""
    names = ['--benchmarks', 'voc20', 'cityscapes']

    def main():
        original = tool._test

        def slow(args, config, benchmark):
            if benchmark == 'cityscapes' and not inside:
                time.sleep(60)
            return original(args, config, benchmark)

        tool._test = slow
        if inside:  # the file of the second set is being written
            write = tool.write_json

            def write_half(path, *args, **kwargs):
                if 'cityscapes' in str(path):
                    path.with_name(
                        f'.{path.stem}.{"0" * 32}.tmp.json').write_text('{')
                    time.sleep(60)
                write(path, *args, **kwargs)

            tool.write_json = write_half
        tool.main(arguments(folder, run.out, *names))

    child = multiprocessing.get_context('fork').Process(target=main)
    child.start()
    half = run.out / f'.cityscapes.{"0" * 32}.tmp.json'
    wanted = half if inside else run.out / 'voc20.json'
    deadline = time.monotonic() + 50
    while not wanted.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    before = (run.out / 'voc20.json').stat().st_mtime_ns
    assert not (run.out / 'cityscapes.json').exists()
    status, text, results = run(*names)
    assert status == 0 and 'voc20: done before' in text
    assert 'cityscapes: done before' not in text
    assert set(results) == {'voc20', 'cityscapes'}
    assert (run.out / 'voc20.json').stat().st_mtime_ns == before
    assert not half.exists()


def make(tool, folder, benchmark, **options):
    init_default_scope('mmseg')
    config = Config.fromfile(folder / 'tiny.py')
    return tool.benchmark_config(
        config, benchmark, tool.Options(data=str(folder / 'data'), **options))


def test_options(tool, folder, tmp_path):
    cfg, protocol, prompts = make(
        tool,
        folder,
        'voc21',
        short_side=336,
        window=224,
        stride=112,
        templates='full',
        synonyms='max',
        background_words=('sky', 'wall', 'road', 'floor'))
    resize, = (
        step for step in cfg.test_dataloader.dataset.pipeline
        if step.type == 'Resize')
    assert resize.scale == (2048, 336)
    assert cfg.model.test_cfg == dict(
        mode='slide', crop_size=(224, 224), stride=(112, 112))
    words = cfg.model.vocabulary
    assert not words.background and words.synonyms == 'max'
    assert words.classes[0] == 'background'
    assert words.prompt_names[0] == ('sky', 'wall', 'road', 'floor')
    assert words.templates == 'full'
    assert protocol.background_rule == '4 words: sky, wall, road ...'
    assert protocol.image_size == 'short side 336, crops 224, stride 112'
    assert prompts == dict(classes=21, templates='full', synonyms='max')

    cfg, protocol, _ = make(
        tool, folder, 'voc21', threshold=0.3, thresholds=dict(context60=0.1))
    assert cfg.model.background_threshold == 0.3
    assert protocol.background_rule == 'probability 0.3 (constant)'
    cfg, protocol, _ = make(
        tool, folder, 'context60', threshold=.3, thresholds=dict(context60=.1))
    assert protocol.background_rule == 'probability 0.1 (constant)'
    # words of the background mean nothing where there is none
    cfg, protocol, _ = make(tool, folder, 'voc20', background_words=('sky', ))
    assert protocol.background_rule == 'no background'
    assert cfg.model.vocabulary.dataset == 'voc20'
    assert 'classes' not in cfg.model.vocabulary


def test_names(tool, folder, tmp_path):
    (tmp_path / 'voc21.txt').write_text('sky, wall, tree, wood, grass\n' +
                                        '\n'.join(f'thing {i}, kind {i}'
                                                  for i in range(20)))
    (tmp_path / 'context60.txt').write_text('\n'.join(f'thing {i}'
                                                      for i in range(59)))
    (tmp_path / 'cls_voc20.txt').write_text('cat\ndog\n')
    names = str(tmp_path)
    cfg, protocol, _ = make(tool, folder, 'voc21', names=names)
    words = cfg.model.vocabulary
    assert words.prompt_names[1] == ('thing 0', 'kind 0')
    assert not words.background
    assert protocol.background_rule == '5 words: sky, wall, tree ...'
    cfg, protocol, _ = make(tool, folder, 'context60', names=names)
    assert cfg.model.vocabulary.background
    with pytest.raises(ValueError, match='has 2 classes, voc20 20'):
        make(tool, folder, 'voc20', names=names)
    with pytest.raises(
            FileNotFoundError, match='ade20k.txt does not exist, nor cls_ade'):
        make(tool, folder, 'ade20k', names=names)


def test_missing_data(tool, folder, run, tmp_path):
    (tmp_path / 'some').mkdir()
    benchmark_trees.write_tree(tmp_path / 'some', 'voc20')
    status, text, results = run('--data', tmp_path / 'some')
    # a folder of VOC 2012 has both
    assert status == 0 and set(results) == {'voc20', 'voc21'}
    assert 'cityscapes: not run: ' in text and 'does not exist' in text
    status, *_ = run('--data', tmp_path / 'some', '--benchmarks', 'voc20',
                     'cityscapes')
    assert status == 1
    status, text, _ = run('--data', tmp_path / 'none')
    assert status == 1
    assert text.splitlines()[-1].startswith('error: none was tested; docs/')


@pytest.mark.parametrize('args, message', [
    (['--benchmarks', 'voc'], 'invalid choice'),
    (['--stride', '8'], '--stride needs --window'),
    (['--short-side', '3'], 'must be at least 16'),
    (['--background-threshold', '7'], 'must be a number from 0 to 1'),
    (['--background-threshold', 'voc=0.5'], "no benchmark 'voc'"),
    (['--background-threshold', '0.5', '--background-words', 'sky'
      ], 'not allowed with'),
])
def test_wrong_arguments(tool, folder, tmp_path, capsys, args, message):
    with pytest.raises(SystemExit):
        tool.main(arguments(folder, tmp_path, *args))
    assert message in capsys.readouterr().err


def test_a_model_of_another_system(tool, folder):
    config = Config(dict(model=dict(type='EncoderDecoder')))
    with pytest.raises(ValueError, match='is not of S-Seg'):
        tool.benchmark_config(config, 'voc20', tool.Options())
