from __future__ import annotations
import argparse
import re
import sys
from pathlib import Path

import pytest
import torch
from lavt_model import SENTENCES, build, model_config, run
from mmengine.runner import load_checkpoint
from tool_server import run_python
from toy.text_model import write_text_model

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'model_converters'
sys.path.insert(0, str(FOLDER))

import lavt_reference  # noqa: E402

# What the released code calls the weights of our model.
FUSION = r'backbone\.fusions\.(\d)\.'
OURS_TO_RELEASED = [
    (r'text_encoder\.encoder\.', 'bert_model.'),
    (FUSION + r'image\.0\.', r'backbone.layers.\1.fusion.vis_project.0.'),
    (FUSION + r'out\.0\.', r'backbone.layers.\1.fusion.project_mm.0.'),
    (FUSION + r'(query|key|value)\.',
     r'backbone.layers.\1.fusion.image_lang_att.f_\2.0.'),
    (FUSION + r'language\.', r'backbone.layers.\1.fusion.image_lang_att.W.0.'),
    (r'backbone\.gates\.(\d)\.gate\.', r'backbone.layers.\1.res_gate.'),
    (r'decode_head\.conv_seg\.', 'classifier.conv1_1.'),
    (r'backbone\.patch_embed\.projection\.', 'backbone.patch_embed.proj.'),
    (r'backbone\.stages\.(.*)\.attn\.w_msa\.', r'backbone.layers.\1.attn.'),
    (r'backbone\.stages\.(.*)\.ffn\.layers\.0\.0\.',
     r'backbone.layers.\1.mlp.fc1.'),
    (r'backbone\.stages\.(.*)\.ffn\.layers\.1\.',
     r'backbone.layers.\1.mlp.fc2.'),
    (r'backbone\.stages\.', 'backbone.layers.'),
    (r'backbone\.', 'backbone.'),
]
DECODER = re.compile(r'decode_head\.levels\.(\d)\.(\d)\.(conv|bn)\.(.*)')


def released_name(name: str) -> str:
    match = DECODER.match(name)
    if match:
        level, order, kind, rest = match.groups()
        return f'classifier.{kind}{int(order) + 1}_{4 - int(level)}.{rest}'
    for pattern, new in OURS_TO_RELEASED:
        if re.match(pattern, name):
            return re.sub(pattern, new, name, count=1)
    raise KeyError(name)


def undo_rearrange(name: str, value: torch.Tensor) -> torch.Tensor:
    if 'fusions' in name and value.dim() == 2:
        return value.unsqueeze(-1)
    if 'downsample' in name:  # (channel, row, column) to four neighbors
        channels = value.shape[-1] // 4
        value = value.reshape(*value.shape[:-1], channels, 2, 2)
        order = [value[..., r, c] for r, c in ((0, 0), (1, 0), (0, 1), (1, 1))]
        return torch.cat(order, -1)
    return value


@pytest.fixture
def model(tmp_path):
    write_text_model(tmp_path / 'text', SENTENCES, 16, num_layers=1)
    model = build(
        model_config(
            tmp_path,
            text_encoder=dict(
                type='HuggingFaceTextEncoder',
                pretrained=str(tmp_path / 'text'))))
    for name, buffer in model.named_buffers():
        if name.endswith('running_mean'):
            buffer.normal_(std=0.1)
        if name.endswith('running_var'):
            buffer.uniform_(0.5, 1.5)
    for name, parameter in model.named_parameters():
        if name.endswith('bias_table'):
            parameter.data.normal_()
    return model.eval()


@pytest.fixture
def weights(model):
    """The state dicts of the released code, of the image and the text."""
    return {
        released_name(name): undo_rearrange(name, value.clone())
        for name, value in model.state_dict().items()
        if not name.startswith('data_preprocessor')
    }


def save(weights: dict, path: Path) -> Path:
    """A checkpoint file as the released code writes it."""
    text = {
        name.removeprefix('bert_model.'): value
        for name, value in weights.items() if name.startswith('bert_model.')
    }
    image = {
        name: value
        for name, value in weights.items()
        if not name.startswith('bert_model.')
    }
    last = 'backbone.layers.3.res_gate'
    image.update({f'{last}.{i}.weight': torch.ones(64, 64) for i in (0, 2)})
    text['embeddings.position_ids'] = torch.arange(8)
    torch.save(
        dict(
            model=image,
            bert_model=text,
            optimizer=dict(state={}, param_groups=[]),
            epoch=3,
            args=argparse.Namespace(swin_type='base')), path)
    return path


def test_file_to_model(model, weights, tmp_path):
    expected = run(model, 'tensor')
    assert expected.std((2, 3)).min() > 1e-3
    released = save(weights, tmp_path / 'model_best.pth')
    done = run_python(FOLDER / 'lavt_reference.py', released,
                      tmp_path / 'ours.pth')
    assert done.returncode == 0, done.stderr
    assert '3 tensors left out (nothing is computed with them)' in done.stderr
    assert 'damaged' not in done.stderr
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    load_checkpoint(model, str(tmp_path / 'ours.pth'), strict=True)
    torch.testing.assert_close(run(model, 'tensor'), expected)


INDEX = 'backbone.layers.1.blocks.0.attn.relative_position_index'


def damage(weights: dict) -> torch.Tensor:
    """What the released moving average does to the tables."""
    right = weights[INDEX].clone()
    for name, value in weights.items():
        if name.endswith('relative_position_index'):
            average = value.float().mul(0.9996).add(value.float() * 0.0004)
            weights[name] = average.long()
    assert not torch.equal(weights[INDEX], right)
    return right


def test_damaged_tables_are_repaired(weights):
    right = damage(weights)
    with pytest.warns(UserWarning, match='5 tables .* They are repaired'):
        ours = lavt_reference.convert(weights)
    assert torch.equal(ours[lavt_reference.rename(INDEX)], right)


def test_damaged_tables_can_be_kept(model, weights):
    expected = run(model, 'tensor')
    damage(weights)
    with pytest.warns(UserWarning, match='5 tables .* They are kept'):
        ours = lavt_reference.convert(weights, keep_index=True)
    assert torch.equal(ours[lavt_reference.rename(INDEX)], weights[INDEX])
    model.load_state_dict(ours, strict=True)
    assert not torch.equal(run(model, 'tensor'), expected)


def run_main(monkeypatch, *args) -> None:
    monkeypatch.setattr(sys, 'argv', ['lavt_reference.py', *map(str, args)])
    lavt_reference.main()


def test_tool_keeps_tables(weights, tmp_path, monkeypatch):
    damage(weights)
    released = save(weights, tmp_path / 'teacher.pth')
    with pytest.warns(UserWarning, match='They are kept'):
        run_main(monkeypatch, released, tmp_path / 'ours.pth', '--keep-index')
    state = torch.load(tmp_path / 'ours.pth')['state_dict']
    assert torch.equal(state[lavt_reference.rename(INDEX)], weights[INDEX])


def test_without_text_encoder(weights, tmp_path):
    image = {k: v for k, v in weights.items() if 'bert_model' not in k}
    torch.save(dict(model=image), tmp_path / 'lavt.pth')
    with pytest.warns(UserWarning, match='has no text encoder'):
        found = lavt_reference.load_released(tmp_path / 'lavt.pth')
    assert found.keys() == image.keys()


class Harmful:

    def __reduce__(self):
        return print, ('run', )


@pytest.mark.parametrize('content, message', [
    (dict(model={'backbone.stem.weight': torch.ones(2)}),
     "lavt.pth: 'backbone.stem.weight' is no weight of the released LAVT"),
    (dict(epoch=3), 'there are no weights in it, only epoch'),
    (dict(a=torch.ones(1), epoch=3), 'no model weights found'),
    (dict(model={'a': torch.ones(2)}, args=Harmful()), 'more than tensors'),
])
def test_other_files(tmp_path, monkeypatch, capsys, content, message):
    torch.save(content, tmp_path / 'lavt.pth')
    with pytest.raises(SystemExit) as stop:
        run_main(monkeypatch, tmp_path / 'lavt.pth', tmp_path / 'ours.pth')
    assert message in stop.value.code  # printed, and the status is 1
    assert 'run' not in capsys.readouterr().out.split()
    assert not (tmp_path / 'ours.pth').exists()
