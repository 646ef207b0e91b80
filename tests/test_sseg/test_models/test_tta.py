import copy

import pytest
import sseg_model
import torch
from config_files import find_config
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmlangseg.sseg.models import ProbabilityTTAModel

CONFIGS = [
    'sseg_swin-s_voc21', 'sseg_swin-s_lvis', 'sseg_swin-s_imagenet-s919',
    'sseg_own_pairs'
]


@pytest.fixture(autouse=True, scope='module')
def scope(what_mmengine_remembers_of_the_module_only):
    init_default_scope('mmseg')


def test_probabilities_of_flipped_views_are_averaged(tmp_path):
    config = sseg_model.model_config(tmp_path, keep_probabilities=False)
    model = sseg_model.build(config).eval()
    tta = MODELS.build(dict(type='ProbabilityTTAModel', module=config)).eval()
    tta.module.load_state_dict(model.state_dict())
    plain = sseg_model.batch()
    flipped = sseg_model.batch(flip=True, flip_direction='horizontal')
    flipped['inputs'] = [image.flip(2) for image in flipped['inputs']]
    views = dict(
        inputs=[
            list(pair) for pair in zip(plain['inputs'], flipped['inputs'])
        ],
        data_samples=[
            list(pair)
            for pair in zip(plain['data_samples'], flipped['data_samples'])
        ])
    views = dict(
        inputs=list(zip(*views['inputs'])),
        data_samples=list(zip(*views['data_samples'])))
    with torch.no_grad():
        found = tta.test_step(copy.deepcopy(views))
    model.keep_probabilities = True
    ones = sseg_model.run(model, 'predict', plain)
    others = sseg_model.run(model, 'predict', flipped)
    changed = 0
    for one, other, result in zip(ones, others, found):
        mean = (one.seg_logits.data + other.seg_logits.data) / 2
        torch.testing.assert_close(result.seg_logits.data, mean)
        best, label = mean.max(0)
        assert (result.pred_sem_seg.data[0] == label).all()
        torch.testing.assert_close(result.seg_confidence.data[0], best)
        assert 'gt_sem_seg' in result and not result.get('flip')
        twice = (one.seg_logits.data.softmax(0) +
                 other.seg_logits.data.softmax(0)).argmax(0)
        changed += int((twice != label).sum())
    assert changed  # by a second softmax


@pytest.mark.parametrize('name', CONFIGS)
def test_views_of_the_configs(name):
    """Two views of every image, labels loaded as without them."""
    cfg = Config.fromfile(find_config(name))
    assert cfg.tta_model.type == ProbabilityTTAModel.__name__
    load, views = cfg.tta_pipeline
    plain = cfg.test_dataloader.dataset.pipeline
    resize, flips, labels, pack = views.transforms
    assert [load, *resize, *labels, *pack] == plain
    assert [flip.prob for flip in flips] == [0, 1]
