"""tools/infer.py --classes; sentences are in test_infer_image.py."""
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import sseg_model
from mmengine.config import Config
from mmengine.registry import init_default_scope

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'infer.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Config and checkpoint of a small S-Seg, and pictures."""
    folder = tmp_path_factory.mktemp('sseg')
    sseg_model.write_config(folder)
    init_default_scope('mmseg')
    model = sseg_model.build(sseg_model.model_config(folder))
    sseg_model.save_checkpoint(folder / 'best.pth', model)
    return folder


@pytest.fixture
def run_tool(folder, monkeypatch, capsys):
    """Run the tool in this process; gives what it prints, and the message it
    stops with."""
    spec = importlib.util.spec_from_file_location('infer', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*args, config='tiny.py', checkpoint=folder / 'best.pth'):
        monkeypatch.setattr(sys, 'argv', [
            'infer.py',
            str(folder / config),
            str(checkpoint), *map(str, args)
        ])
        try:
            module.main()
            stop = ''
        except SystemExit as error:
            stop = str(error)
        captured = capsys.readouterr()
        return f'{captured.out} {stop} {captured.err}'

    return run


def test_infer(folder, tmp_path, run_tool):
    picture = folder / 'data' / 'images' / '0.png'
    printed = run_tool('--image', picture, '--classes', 'cat,dog,grass',
                       '--out', tmp_path / 'out', '--device', 'cpu')
    assert '% of the pixels, score' in printed
    assert f'written to {tmp_path}' in printed
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        '0.json', '0.png', '0_labels.png'
    ]
    written = json.loads((tmp_path / 'out' / '0.json').read_text())
    assert written['labels'] == ['cat', 'dog', 'grass']
    assert written['classes'][0]['name'] in printed


def test_config_of_a_training(folder, tmp_path, run_tool):
    """It has no test_dataloader, and DINO is not looked for."""
    path = sseg_model.write_training_config(tmp_path)
    model = Config.fromfile(path).model
    model.pseudo_mask_generator = None
    init_default_scope('mmseg')
    checkpoint = sseg_model.save_checkpoint(tmp_path / 'a.pth',
                                            sseg_model.build(model))
    printed = run_tool(
        '--image',
        folder / 'data' / 'images' / '0.png',
        '--classes',
        'car,road,sky,traffic light;stoplight',
        '--out',
        tmp_path / 'out',
        '--device',
        'cpu',
        config=path,
        checkpoint=checkpoint)
    assert f'written to {tmp_path}' in printed
    written = json.loads((tmp_path / 'out' / '0.json').read_text())
    assert written['labels'] == ['car', 'road', 'sky', 'traffic light']


def test_file_of_classes_and_threshold(folder, tmp_path, run_tool):
    names = tmp_path / 'names.txt'
    names.write_text('\n'.join(f'thing {i}' for i in range(999)))
    printed = run_tool('--image', folder / 'data' / 'images' / '0.png',
                       '--classes', names, '--threshold', '1', '--out',
                       tmp_path / 'out', '--device', 'cpu')
    assert '100.0% of the pixels, score 1.00: background' in printed
    written = json.loads((tmp_path / 'out' / '0.json').read_text())
    assert len(written['labels']) == 1000


def test_one_clear_line_for_bad_input(folder, tmp_path, run_tool):
    picture = folder / 'data' / 'images' / '0.png'
    image = ('--image', picture)
    for message, *args in [
        ('one of the arguments --text --classes is required', *image),
        ('not allowed with', *image, '--text', 'a', '--classes', 'cat'),
        ('--classes needs --image', '--scan', 'room.ply', '--classes', 'cat'),
        ('--threshold needs --classes', *image, '--text', 'a', '--threshold',
         '1'),
        ("argument --threshold: '60' must be a number from 0 to 1", *image,
         '--classes', 'cat', '--threshold', '60'),
        ("class 'background' besides", *image, '--classes', 'background,cat',
         '--threshold', '0.5'),
        ('error: the vocabulary is empty', *image, '--classes', ''),
        ('error: a class has an empty name', *image, '--classes', 'cat,,dog'),
        ("'cat' is given twice", *image, '--classes', 'cat,dog,cat'),
        ('classes file none.txt does not exist', *image, '--classes',
         'none.txt'),
        ('image none.jpg does not exist', '--image', 'none.jpg', '--classes',
         'cat'),
        ('use SSegInferencer', *image, '--text', 'a cat'),
    ]:
        printed = run_tool(*args, '--out', tmp_path / 'out')
        assert message in printed, args
        assert len(printed.strip().splitlines()) < 40
    assert not (tmp_path / 'out').exists()


def test_checkpoint_of_another_text_encoder(folder, tmp_path, run_tool):
    clip = dict(
        type='CLIPTextTransformer', embed_dims=8, num_layers=1, num_heads=1)
    other = sseg_model.build(
        sseg_model.model_config(tmp_path, text_encoder=clip))
    path = sseg_model.save_checkpoint(tmp_path / 'clip.pth', other)
    printed = run_tool(
        '--image',
        folder / 'data' / 'images' / '0.png',
        '--classes',
        'cat',
        '--out',
        tmp_path / 'out',
        checkpoint=path)
    assert f'error: {path} is of another model than SSeg' in printed
    assert 'text_encoder' in printed


def test_unknown_classes(folder, tmp_path, run_tool):
    picture = folder / 'data' / 'images' / '0.png'
    args = ('--out', tmp_path, '--device', 'cpu')
    printed = run_tool('--image', picture, '--classes', 'cat,zebra', *args)
    assert ("warning: the text encoder does not know 'zebra' in names of "
            'classes\n') in printed
    printed = run_tool('--image', picture, '--classes', 'cat,dog', *args)
    assert 'warning:' not in printed


def test_results_stay_off_images(folder, tmp_path, run_tool):
    """``<name>.png`` may be the image itself, ``<name>_labels.png`` another
    one."""
    photos = tmp_path / 'photos'
    photos.mkdir()
    content = (folder / 'data' / 'images' / '0.png').read_bytes()
    (photos / 'cat.png').write_bytes(content)
    options = '--classes', 'cat,dog', '--device', 'cpu'
    printed = run_tool('--image', photos, *options, '--out', photos)
    assert f'would be written over {photos / "cat.png"}: name' in printed
    assert (photos / 'cat.png').read_bytes() == content
    (photos / 'cat_labels.jpg').write_bytes(content)
    printed = run_tool('--image', photos, *options, '--out', tmp_path / 'out')
    assert 'same names, cat_labels.png' in printed
    assert not (tmp_path / 'out').exists()
    # nothing was written, and nothing is said to be
    (photos / 'cat_labels.jpg').unlink()
    for name in ('cat.png', 'dog.png'):
        (photos / name).write_text('no image')
    printed = run_tool('--image', photos, *options, '--out', tmp_path / 'out')
    assert '2 of 2 images failed' in printed and 'written to' not in printed
