"""A tiny SAM, exported as segment-anything exports its own."""
from __future__ import annotations
import shutil
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import tiny_sam
import torch
from tiny_sam import picture

from mmlangseg.semires import candidates as room
from mmlangseg.semires.candidates import onnx_sam
from mmlangseg.semires.candidates.onnx_models import (OnnxDecoder, OnnxEncoder,
                                                      agree, trial)
from mmlangseg.semires.candidates.sam_decoder import SAMDecoder
from mmlangseg.semires.candidates.sam_weights import read_sam_decoder

onnx = pytest.importorskip(
    'onnx', reason='onnx (requirements/onnx.txt) is not installed')
pytest.importorskip(
    'onnxruntime', reason='onnxruntime (requirements/onnx.txt) is missing')
pytestmark = pytest.mark.filterwarnings('ignore')  # of the exporter

# random weights are sure of nothing, and find the same again and again
SETTINGS = dict(
    points_per_side=4,
    pred_iou_thresh=-9.,
    stability_score_offset=0.02,
    stability_score_thresh=0.01,
    box_nms_thresh=1.)


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Folder with encoder.onnx and decoder.onnx, and weights of the same."""
    with pytest.MonkeyPatch.context() as patch:
        tiny_sam.stand_in_torchvision(patch)
        torch.manual_seed(2)
        sam = tiny_sam.build_tiny_sam(layers=2)
        with torch.no_grad():
            for value in sam.parameters():
                if value.ndim > 1:  # so that masks depend on the point
                    value *= 3
                else:  # zeros and ones hide faults
                    value += 0.3 * torch.randn_like(value)
        folder = tmp_path_factory.mktemp('sam')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            tiny_sam.export_onnx_sam(sam, folder)
        torch.save(sam.state_dict(), folder / 'sam.pth')
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / 'sam')


def build(folder: Path, **settings) -> room.OnnxSAM:
    return room.OnnxSAM(
        str(folder / 'encoder.onnx'), str(folder / 'decoder.onnx'),
        **SETTINGS | settings)


@pytest.mark.parametrize('size', [(48, 64), (61, 40), (130, 97)])
@pytest.mark.parametrize('settings', [
    dict(),
    dict(box_nms_thresh=0.7),
    dict(stability_score_offset=1., stability_score_thresh=0.9),
    dict(pred_iou_thresh=0.5),
])
def test_equals_segment_anything(exported, monkeypatch, size, settings):
    """The candidates of SAM's own generator with the same weights."""
    tiny_sam.stand_in_torchvision(monkeypatch)
    module = pytest.importorskip('segment_anything')
    monkeypatch.setitem(module.sam_model_registry, 'tiny',
                        lambda checkpoint: tiny_sam.build_tiny_sam(layers=2))
    settings = SETTINGS | settings
    generator = room.SegmentAnything(
        str(exported / 'sam.pth'), 'tiny', **settings)
    source = room.OnnxSAM(
        str(exported / 'encoder.onnx'), str(exported / 'decoder.onnx'),
        **settings)
    image = picture(0, *size)
    expected, found = generator(image), source(image)
    assert 0 < len(expected) < 48 or settings == SETTINGS
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    for i in range(len(expected)):
        # scores that are almost equal may change places, and a logit of zero
        # be rounded to either side
        near = np.abs(found.scores - expected.scores[i]) < 1e-4
        assert min((expected.mask(i) != found.mask(k)).sum()
                   for k in np.flatnonzero(near)) <= 2


def test_weights_are_found(exported):
    """The decoder of the graph becomes one of PyTorch."""
    decoder = OnnxDecoder(str(exported / 'decoder.onnx'))
    network = read_sam_decoder(decoder, 64)
    assert isinstance(network, SAMDecoder)
    assert isinstance(build(exported)._decoder, SAMDecoder)
    # not the embedding that they were compared with
    embedding, points = 3 * torch.randn(1, 16, 4, 4), 64 * torch.rand(5, 2)
    expected = decoder(embedding, points)
    with torch.no_grad():
        scores, *parts = network(network.look(embedding), points)
        masks = torch.stack(list(map(network.masks, *parts)))
        torch.testing.assert_close((scores, masks),
                                   expected,
                                   atol=1e-5,
                                   rtol=1e-4)
        pixels, kernels = (part[0] for part in parts)
        cropped = network.masks(pixels[:3, :2], kernels[1:])
    # a product of another size may round its last bits otherwise
    torch.testing.assert_close(
        cropped, masks[0, 1:, :12, :8], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('batch', [1, 5, 100])
def test_batches_change_nothing(exported, batch):
    expected = build(exported)(picture(1))
    found = build(exported, points_per_batch=batch)(picture(1))
    assert len(expected) > 1 and found.areas.tolist() == \
        expected.areas.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_threads_change_nothing(exported, monkeypatch):
    """Prompts are decoded side by side, and found in their order."""
    names = set()
    forward = SAMDecoder.forward

    def seen(self, *args):
        names.add(threading.get_ident())
        return forward(self, *args)

    monkeypatch.setattr(SAMDecoder, 'forward', seen)
    source = build(exported, points_per_batch=1)
    image = picture(1, 96, 128)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = list(source.propose(image))
        assert names == {threading.get_ident()}
        torch.set_num_threads(3)
        together = list(source.propose(image))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert len(names) > 1 and len(alone) > 4
    assert [code for code, _ in together] == [code for code, _ in alone]
    torch.testing.assert_close(
        torch.tensor([score for _, score in together]),
        torch.tensor([score for _, score in alone]))


def test_any_graph(exported, monkeypatch):
    """As onnxruntime runs it, where the weights are not recognized."""
    expected = build(exported)(picture(1))
    monkeypatch.setattr(onnx_sam, 'read_sam_decoder', lambda *_: None)
    with warnings.catch_warnings():
        warnings.simplefilter('error')  # none: it takes several points
        source = build(exported)
    assert source._decoder.batched
    found = source(picture(1))
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    assert found.areas.tolist() == expected.areas.tolist()


def test_without_onnx(exported, monkeypatch):
    """onnxruntime alone: one point per call, the same masks."""
    expected = build(exported)(picture(1))
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.warns(UserWarning, match='one point per call'):
        source = build(exported)
    assert not source._decoder.batched
    found = source(picture(1))
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    assert found.areas.tolist() == expected.areas.tolist()


def change(path: Path, edit) -> None:
    model = onnx.load(path)
    edit(model.graph)
    onnx.save(model, path)


def test_other_weights_are_not_trusted(folder):
    """A graph that computes something else than its weights would as SAM."""

    def double(graph):
        for node in graph.node:
            if node.output[0] == 'low_res_masks':
                node.output[0] = 'half'
        node = graph.node.add(op_type='Add', input=['half', 'half'])
        node.output.append('low_res_masks')
        last = [n for n in graph.node if 'low_res_masks' in n.input]
        for n in last:  # in order of computation
            graph.node.remove(n)
            graph.node.append(n)

    before = OnnxDecoder(str(folder / 'decoder.onnx'))
    change(folder / 'decoder.onnx', double)
    after = OnnxDecoder(str(folder / 'decoder.onnx'))
    assert read_sam_decoder(after, 64) is None
    values = trial(after)
    torch.testing.assert_close(after(*values)[1], 2 * before(*values)[1])


def test_edge_sam_names(folder):
    """Other names of the tensors, and the masks at their own size only."""

    def rename(graph):
        del graph.output[0]  # those at the size of the image
        for old, new in (('low_res_masks', 'masks'), ('iou_predictions',
                                                      'scores')):
            for node in graph.node:
                for words in (node.input, node.output):
                    words[:] = [
                        new if w == old else 'full' if w == new else w
                        for w in words
                    ]
            for value in graph.output:
                value.name = new if value.name == old else value.name

    expected = build(folder)(picture(1))
    change(folder / 'decoder.onnx', rename)
    assert build(folder)(picture(1)).rles == expected.rles


def test_agree():
    one = torch.ones(2), torch.ones(3)
    assert agree(one, one)
    assert not agree(one, (torch.ones(2), torch.tensor([1, 1, 1.01])))
    assert not agree(one, (torch.ones(2), torch.ones(2)))
    nan = torch.full((3, ), float('nan'))
    assert not agree((torch.ones(2), nan), one)


def test_stability():
    logits = torch.tensor([[[-2., -0.5, 0.5, 2.]], [[-2.] * 4], [[3.] * 4]])
    found = onnx_sam._stability(logits, 1.)
    assert found[[0, 2]].tolist() == pytest.approx([1 / 3, 1])
    assert not found[1] >= 0  # an empty mask is never kept


def test_parameters(exported):
    source = build(exported, points_per_batch=7)
    assert source.parameters['decoder'] == 'decoder.onnx'
    assert len(source.parameters['encoder_sha256']) == 64
    assert source.parameters['points_per_side'] == 4
    assert 'points_per_batch' not in source.parameters


@pytest.mark.parametrize('end', ['.data', '_data'])
@pytest.mark.parametrize('name', ['encoder', 'decoder'])
def test_weights_in_a_file_of_their_own(folder, monkeypatch, name, end):
    """Which are read, and told from others."""
    whole = build(folder)
    monkeypatch.chdir(folder.parent)  # to be found beside the model only
    path = folder / f'{name}.onnx'
    model = onnx.load(path)
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        location=path.name + end,
        size_threshold=0)
    apart = build(folder)
    image = picture(0)
    assert 0 < len(apart(image)) == len(whole(image))
    data = folder / (path.name + end)
    before = apart.parameters
    assert list(before[f'{name}_data_sha256']) == [data.name]
    data.write_bytes(bytes(data.stat().st_size))
    after = build(folder).parameters
    assert after[f'{name}_sha256'] == before[f'{name}_sha256']
    assert after != before


@pytest.mark.parametrize('shape', [(1, 300, 3), (300, 1, 3), (1, 1, 3)])
def test_thin_images(exported, shape):
    found = build(exported)(np.zeros(shape, np.uint8))
    assert found.size == shape[:2]


@pytest.mark.parametrize('name', ['encoder', 'decoder'])
def test_bad_files(folder, name):
    path = folder / f'{name}.onnx'
    other = folder / ('decoder.onnx' if name == 'encoder' else 'encoder.onnx')
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])
    with pytest.raises(ValueError, match=f'{name}.onnx is no ONNX model'):
        build(folder)
    path.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=f'{name}.onnx.* SAM'):
        build(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f'{name}.onnx does not'):
        build(folder)


def test_files_that_do_not_belong_together(folder, monkeypatch):
    monkeypatch.setattr(OnnxEncoder, '__init__', wide)
    with pytest.raises(ValueError, match='do the two belong together'):
        build(folder)


def wide(self, *args) -> None:
    self.image_size = 1024


def test_without_onnxruntime(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='-r requirements/onnx.txt'):
        build(exported)


@pytest.mark.parametrize('name', ['points_per_side', 'points_per_batch'])
def test_no_points(exported, name):
    with pytest.raises(ValueError, match='must be positive'):
        build(exported, **{name: 0}) if name != 'points_per_side' else \
            room.OnnxSAM('a', 'b', points_per_side=0)
