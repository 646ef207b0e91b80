from __future__ import annotations
import copy
from pathlib import Path

import pytest
import torch
from lavt_model import SENTENCES, batch, build, model_config, run
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from toy.text_model import write_text_model

CONFIG = Path(__file__).resolve().parents[3] / 'configs/_base_/models/lavt.py'


@pytest.fixture(scope='module', params=['gru', 'transformer'])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    changes = {}
    if request.param == 'transformer':
        write_text_model(folder / 'text', SENTENCES, 16, num_layers=1)
        changes['text_encoder'] = dict(
            type='HuggingFaceTextEncoder', pretrained=str(folder / 'text'))
    return build(model_config(folder, **changes)).eval()


@pytest.fixture
def small(tmp_path):
    return build(model_config(tmp_path)).eval()


def test_logits(model):
    logits = run(model, 'tensor')
    assert logits.shape == (3, 2, 64, 64) and logits.dtype == torch.float32
    data = model.data_preprocessor(batch())
    again = model.encode_decode(data['inputs'], data['data_samples'])
    assert torch.equal(again, logits)


def test_neighbors_in_the_batch_change_nothing(model):
    """Sentences of 7, 1 and 5 words, so that two of them are padded."""
    together = run(model, 'tensor')
    data = batch()
    for i in range(3):
        alone = run(
            model, 'tensor',
            dict(
                inputs=data['inputs'][i:i + 1],
                data_samples=data['data_samples'][i:i + 1]))
        torch.testing.assert_close(alone[0], together[i])


def test_the_sentence_matters(model):
    data = batch(sentences=('man', 'the dog', 'red car'))
    others = run(model, 'tensor', data)
    ours = run(model, 'tensor')
    assert all(not torch.allclose(a, b) for a, b in zip(ours, others))


def test_every_parameter_learns(model):
    model = copy.deepcopy(model).train()
    losses = run(model, 'loss')
    assert list(losses) == ['loss_ce']
    total, logged = model.parse_losses(losses)
    total.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []
    for part in ('text_encoder.', 'backbone.', 'decode_head.'):
        assert sum(p.grad.abs().sum() for n, p in model.named_parameters()
                   if n.startswith(part)) > 0


def test_learns_the_left_half(small):
    model = small.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    values = []
    for _ in range(12):
        loss = run(model, 'loss')['loss_ce']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.5 * values[0]


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_mixed_precision(small, dtype):
    expected = run(small, 'tensor')
    with torch.autocast('cpu', dtype=dtype):
        logits = run(small, 'tensor')
        loss = run(small.train(), 'loss')['loss_ce']
    assert logits.dtype == loss.dtype == torch.float32
    assert (logits - expected).abs().max() < 0.2 * expected.abs().max()
    loss.backward()
    assert all(
        torch.isfinite(p.grad).all() for p in small.parameters()
        if p.grad is not None)


def test_double_precision(small):
    model = small.double()
    data = model.data_preprocessor(batch())
    logits = model.logits(data['inputs'].double(), data['data_samples'])
    assert logits.dtype == torch.float64


class TestPredict:

    def test_resized(self, small):
        data = batch(ori_shape=(100, 90))
        samples = run(small, 'predict', data)
        logits = run(small, 'tensor')
        for sample, row in zip(samples, logits):
            assert sample.pred_sem_seg.data.dtype == torch.int64
            assert torch.equal(sample.seg_logits.data, row)
            assert torch.equal(sample.pred_sem_seg.data,
                               row.argmax(0, keepdim=True))
            assert sample.ori_shape == (100, 90)

    def test_original(self, small):
        small.eval_size = 'original'
        sample = run(small, 'predict', batch(ori_shape=(100, 90)))[0]
        assert sample.pred_sem_seg.data.shape == (1, 100, 90)
        expected = torch.nn.functional.interpolate(
            run(small, 'tensor'), (100, 90),
            mode='bilinear',
            align_corners=True)[0]
        torch.testing.assert_close(sample.seg_logits.data, expected)

    @pytest.mark.parametrize('eval_size', ['resized', 'original'])
    def test_padding_is_removed(self, tmp_path, eval_size):
        config = model_config(tmp_path, eval_size=eval_size)
        config['data_preprocessor']['test_cfg'] = dict(size=(64, 80))
        model = build(config).eval()
        data = batch(((50, 70), ))
        logits = run(model, 'tensor', data)
        assert logits.shape == (1, 2, 64, 80)
        sample = run(model, 'predict', data)[0]
        assert torch.equal(sample.seg_logits.data, logits[0, :, :50, :70])

    def test_flip_is_undone(self, small):
        data = batch(flip=True, flip_direction='horizontal')
        sample = run(small, 'predict', data)[0]
        assert torch.equal(sample.seg_logits.data,
                           run(small, 'tensor')[0].flip(-1))


def test_padded_pixels_do_not_count(tmp_path):
    """The target of padding is 255 in mmseg."""
    model = build(model_config(tmp_path)).eval()
    sizes = ((64, 64), (48, 64), (64, 40))
    data = model.data_preprocessor(batch(sizes), training=True)
    loss = model(**data, mode='loss')['loss_ce']
    logits = model(**data, mode='tensor')
    for i, (height, width) in enumerate(sizes):
        logits[i, :, height:] = 1e3
        logits[i, :, :, width:] = 1e3
    targets = torch.cat([s.gt_sem_seg.data for s in data['data_samples']])
    assert (targets == 255).any()
    torch.testing.assert_close(model.criterion(logits, targets), loss)


class TestBadInput:

    def test_no_sentence(self, small):
        data = batch()
        del data['data_samples'][1].text
        with pytest.raises(ValueError, match='1.jpg has no sentence'):
            run(small, 'tensor', data)

    def test_no_samples(self, small):
        with pytest.raises(ValueError, match='has no sentence'):
            small(torch.zeros(1, 3, 64, 64), None, mode='tensor')

    def test_no_mask(self, small):
        data = batch()
        del data['data_samples'][0].gt_sem_seg
        with pytest.raises(ValueError, match='0.jpg has no target mask'):
            run(small, 'loss', data)

    def test_mask_of_another_size(self, small):
        data = batch()
        sample = data['data_samples'][2]
        sample.gt_sem_seg = PixelData(data=torch.zeros(1, 60, 64))
        with pytest.raises(ValueError, match=r'2.jpg: .*\(60, 64\), image'):
            run(small, 'loss', data)

    def test_long_and_empty_sentences(self, small):
        data = batch(sentences=('dog ' * 200, '', 'unheard'))
        assert torch.isfinite(run(small, 'tensor', data)).all()

    def test_eval_size(self, tmp_path):
        with pytest.raises(ValueError, match="'resized' or 'original'"):
            build(model_config(tmp_path, eval_size='full'))

    def test_too_small_image(self, small):
        with pytest.raises(ValueError, match='32 x 32 pixels are too small'):
            run(small, 'tensor', batch(((32, 32), )))


def test_base_config():
    """LAVT of the paper; its sizes are those of the released weights."""
    cfg = Config.fromfile(CONFIG).model
    cfg.text_encoder = dict(
        type='HuggingFaceTextEncoder',
        config=dict(model_type='bert', num_hidden_layers=12),
        trainable_layers=cfg.text_encoder.trainable_layers)
    model = MODELS.build(cfg)
    count = {
        name: sum(p.numel() for p in module.parameters()) / 1e6
        for name, module in model.named_children()
    }
    # without the gate of the last stage: 2 x 1024 x 1024
    assert count['backbone'] == pytest.approx(86.88 + 11.32 - 2.10, abs=0.01)
    assert count['decode_head'] == pytest.approx(20.65, abs=0.01)
    assert count['text_encoder'] == pytest.approx(108.89, abs=0.01)
    trained = sum(p.numel() for p in model.text_encoder.parameters()
                  if p.requires_grad)
    assert trained / 1e6 == pytest.approx(70.88, abs=0.01)
