import lavt_model
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmlangseg.semires import TeacherHook
from mmlangseg.semires.candidates import Candidates
from mmlangseg.semires.models.semires import PseudoLabels, _quality
from mmlangseg.semires.models.trainable_segmentor import require_trainable
from mmlangseg.semires.refiners.refinement import Refinement


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmseg')


def config(tmp_path, **changes):
    segmentor = lavt_model.model_config(tmp_path)
    return dict(
        dict(
            type='SemiRES',
            segmentor=segmentor,
            data_preprocessor=dict(
                type='mmdet.MultiBranchDataPreprocessor',
                data_preprocessor=segmentor['data_preprocessor'])), **changes)


def build(tmp_path, seed=0, **changes):
    return lavt_model.build(config(tmp_path, **changes), seed)


def branches(candidates=None, **present):
    """A batch of one labelled and two unlabelled images."""
    data = lavt_model.batch()
    for sample in data['data_samples']:
        sample.set_metainfo(dict(candidates=candidates))
    pick = dict(sup=[0], unsup_teacher=[1, 2], unsup_student=[1, 2])
    return {
        key: {
            name: [values[i] for i in rows]
            for name, rows in pick.items() if present.get(name, True)
        }
        for key, values in data.items()
    }


def losses(model, batch):
    return model(**model.data_preprocessor(batch, True), mode='loss')


def whole_image():
    return Candidates.from_masks([np.ones((64, 64), bool)])


def test_losses_of_a_batch_reach_the_student_only(tmp_path):
    model = build(tmp_path).train()
    out = losses(model, branches())
    assert set(out) == {
        'sup_loss', 'unsup_loss', 'matched', 'pseudo_mIoU', 'refined_mIoU'
    }
    (out['sup_loss'] + out['unsup_loss']).backward()
    assert all(p.grad is not None
               for p in model.student.decode_head.parameters())
    assert all(p.grad is None for p in model.teacher.parameters())
    assert not model.teacher.training and model.student.training


def test_supervised_loss_is_that_of_the_segmentor(tmp_path):
    model = build(tmp_path, sup_weight=3.).train()
    batch = branches(unsup_teacher=False, unsup_student=False)
    out = losses(model, batch)
    assert set(out) == {'sup_loss'}
    data = model.data_preprocessor(batch, True)
    alone = model.student.loss(data['inputs']['sup'],
                               data['data_samples']['sup'])
    torch.testing.assert_close(out['sup_loss'], 3 * alone['loss_ce'])


def test_labels_come_from_the_teacher_in_evaluation_mode(tmp_path):
    model = build(tmp_path).train()
    data = model.data_preprocessor(branches(), True)
    weak = data['inputs']['unsup_teacher']
    samples = data['data_samples']['unsup_teacher']
    labels = model.pseudo_labels(weak, samples)
    model.teacher.eval()
    with torch.no_grad():
        prob = model.teacher.logits(weak, samples).softmax(1)[:, 1]
    torch.testing.assert_close(labels.prob, prob)
    assert torch.equal(labels.pseudo, prob > 0.5)


def test_candidates_replace_the_masks_of_the_teacher(tmp_path):
    model = build(
        tmp_path, refiner=dict(type='IOM', threshold=0.), sup_weight=1.)
    model.teacher.decode_head.conv_seg.bias.data.copy_(torch.tensor([-5., 5.]))
    out = losses(model.train(), branches(whole_image()))
    # the teacher sees the target everywhere, the target is one half
    assert out['matched'] == 1
    assert out['refined_mIoU'] == pytest.approx(50)
    plain = build(tmp_path, refiner=dict(type='KeepPseudoLabel'))
    assert losses(plain.train(), branches(whole_image()))['matched'] == 0


@pytest.mark.parametrize('trusted', [True, False])
def test_nothing_matches_without_a_refiner(tmp_path, trusted):
    """The masks of the plain mean teacher are trusted, but not matched."""
    refiner = dict(type='KeepPseudoLabel', trusted=trusted)
    out = losses(build(tmp_path, refiner=refiner).train(), branches())
    assert out['matched'] == 0 and out['trusted'] == trusted


def test_trusted_masks_have_no_pixel_weights(tmp_path):
    refiner = dict(type='KeepPseudoLabel', trusted=True)
    loss = [
        losses(
            build(
                tmp_path,
                refiner=refiner,
                pseudo_label_loss=dict(
                    type='PseudoLabelLoss', pixel_weight=weight)).train(),
            branches())['unsup_loss']
        for weight in (None, dict(type='ConfidenceFilter', threshold=2.))
    ]
    assert loss[0] == loss[1] > 0


def test_a_pipeline_without_candidates(tmp_path):
    """Nothing would ever match, and the log would only say so."""
    batch = branches()
    for sample in batch['data_samples']['unsup_teacher']:
        del sample.candidates
    keep = build(tmp_path, refiner=dict(type='KeepPseudoLabel'))
    assert losses(keep.train(), batch)['unsup_loss'] > 0
    with pytest.raises(ValueError, match='IOM refines .*LoadMaskCandidates'):
        losses(build(tmp_path).train(), batch)


def test_views_of_other_sizes(tmp_path):
    """Padding brings them to one, with the teacher's mask beside the thing."""
    model = build(tmp_path, refiner=dict(type='KeepPseudoLabel')).train()
    batch = branches()
    batch['data_samples']['unsup_student'] = [
        sample.clone() for sample in batch['data_samples']['unsup_student']
    ]
    batch['data_samples']['unsup_student'][1].set_metainfo(
        dict(img_shape=(64, 48)))
    batch['inputs']['unsup_student'][1] = \
        batch['inputs']['unsup_student'][1][..., :48]
    model.data_preprocessor.data_preprocessor.size = (64, 64)
    model.data_preprocessor.data_preprocessor.size_divisor = None
    with pytest.raises(ValueError, match='2.jpg: .* not of one size, .* crop'):
        losses(model, batch)


def test_candidates_of_an_image_that_was_flipped_without_them(tmp_path):
    """MMSegmentation's flip behind LoadMaskCandidates leaves them."""
    model = build(tmp_path).train()
    left = np.zeros((64, 64), bool)
    left[:, :32] = True
    candidates = Candidates.from_masks([left])
    for given, flip, fits in ((candidates, False, True), (candidates, True,
                                                          False),
                              (candidates.flipped(), True,
                               True), (candidates.flipped(), False, False),
                              (candidates.flipped().flipped(), False,
                               True), (candidates.resized(
                                   (64, 64)), True, False)):
        batch = branches(given)
        for sample in sum(batch['data_samples'].values(), []):
            sample.set_metainfo(dict(flip=flip))
        if fits:
            assert 'unsup_loss' in losses(model, batch)
            continue
        with pytest.raises(ValueError, match='1.jpg: .* not its mask candid'):
            losses(model, batch)


def test_views_that_are_not_mirrored_alike(tmp_path):
    """The masks of the teacher would lie on the other side."""
    model = build(tmp_path).train()
    for view in ('unsup_teacher', 'unsup_student'):
        batch = branches()
        batch['data_samples'][view] = [
            sample.clone() for sample in batch['data_samples'][view]
        ]
        batch['data_samples'][view][1].set_metainfo(
            dict(flip=True, flip_direction='horizontal'))
        with pytest.raises(ValueError, match='2.jpg: .* not mirrored alike'):
            losses(model, batch)
    batch = branches()  # the same samples in both views
    for i, flip in enumerate((True, False)):
        batch['data_samples']['unsup_teacher'][i].set_metainfo(
            dict(flip=flip, flip_direction='horizontal' if flip else None))
    assert losses(model, batch)['unsup_loss'] > 0


def test_images_without_candidates_keep_the_masks_of_the_teacher(tmp_path):
    out = losses(build(tmp_path).train(), branches(None))
    assert out['matched'] == 0
    assert out['pseudo_mIoU'] == out['refined_mIoU']


@pytest.mark.parametrize('found', [True, False])
def test_a_cache_of_other_images_is_named(tmp_path, monkeypatch, found):
    """Nothing is refined, and nothing else would say so."""
    warnings = []
    monkeypatch.setattr('mmlangseg.semires.models.candidate_watch.print_log',
                        lambda text, *args: warnings.append(text))
    monkeypatch.setattr('mmlangseg.semires.models.candidate_watch._ENOUGH', 4)
    model = build(tmp_path).train()
    losses(model, branches(whole_image() if found else None))
    assert not warnings  # of the first two
    for _ in range(2):  # single images may well lack an entry
        losses(model, branches(None))
    assert len(warnings) == (not found)
    assert all('first 4 unlabelled images, such as 2.jpg' in text
               for text in warnings)  # yapf: disable


def test_quality_where_nothing_is_meant():
    """Finding nothing is then right."""
    samples = []
    for _ in range(2):
        samples.append(SegDataSample())
        truth = torch.zeros(1, 4, 4, dtype=torch.long)
        samples[-1].gt_sem_seg = PixelData(data=truth)
    found = torch.zeros(2, 4, 4, dtype=torch.bool)
    found[1, 0, 0] = True
    refinements = [Refinement(np.zeros((4, 4), bool), False)] * 2
    quality = _quality(PseudoLabels(found * 1., found, refinements), samples)
    assert quality['pseudo_mIoU'] == 50 and quality['refined_mIoU'] == 100


def test_candidates_of_another_size_are_an_error(tmp_path):
    wrong = Candidates.from_masks([np.ones((32, 32), bool)])
    with pytest.raises(ValueError, match='size'):
        losses(build(tmp_path).train(), branches(wrong))


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_checkpoint_of_another_network(tmp_path, prefix):
    """A released file that was not converted, or a backbone alone."""
    plain = lavt_model.build(lavt_model.model_config(tmp_path)).state_dict()
    state = {
        f'model.{name}': value
        for name, value in plain.items() if name.startswith(prefix)
    }
    model = build(tmp_path)
    with pytest.raises(ValueError, match='of another model than LAVT'):
        load_state_dict(model, state)


def test_checkpoint_without_text_encoder(tmp_path):
    plain = lavt_model.build(lavt_model.model_config(tmp_path), seed=5)
    state = {
        name: value
        for name, value in plain.state_dict().items()
        if not name.startswith('text_encoder.')
    }
    model = build(tmp_path)
    encoder = model.student.text_encoder.gru.weight_hh_l0.clone()
    load_state_dict(model, state)
    torch.testing.assert_close(model.student.text_encoder.gru.weight_hh_l0,
                               encoder)
    torch.testing.assert_close(model.teacher.decode_head.conv_seg.weight,
                               plain.decode_head.conv_seg.weight)


def test_plain_checkpoint_is_loaded_into_both_networks(tmp_path):
    plain = lavt_model.build(lavt_model.model_config(tmp_path), seed=5)
    model = build(tmp_path)
    state = dict(plain.state_dict())
    state['data_preprocessor.mean'] = torch.ones(3, 1, 1)
    result = model.load_state_dict(state, strict=True)
    assert not result.missing_keys and not result.unexpected_keys
    for network in (model.student, model.teacher):
        for name, value in plain.state_dict().items():
            assert torch.equal(network.state_dict()[name], value)


def test_own_checkpoint_keeps_both_networks_apart(tmp_path):
    source, model = build(tmp_path, seed=1), build(tmp_path)
    for parameter in source.teacher.parameters():
        parameter.data.add_(1)
    model.load_state_dict(source.state_dict())
    for name, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.parametrize('name', ['teacher', 'student'])
def test_predicts_with_the_chosen_network(tmp_path, name):
    model = build(tmp_path, semi_test_cfg=dict(predict_on=name)).eval()
    model.student.decode_head.conv_seg.bias.data.copy_(
        torch.tensor([50., -50.]))
    model.teacher.decode_head.conv_seg.bias.data.copy_(
        torch.tensor([-50., 50.]))
    data = model.data_preprocessor(lavt_model.batch(), False)
    with torch.no_grad():
        for sample in model(**data, mode='predict'):
            assert bool(
                (sample.pred_sem_seg.data == (name == 'teacher')).all())


def test_a_teacher_that_was_never_moved(tmp_path, caplog):
    """A burn-in as SemiRES saves one beside its student."""
    model, burn_in = build(tmp_path), build(tmp_path, seed=1).train()
    losses(burn_in, branches(unsup_teacher=False, unsup_student=False))
    assert not model.teacher_is_untrained()  # of two that know nothing
    model.load_state_dict(burn_in.state_dict())
    logger = MMLogger.get_instance('untrained', logger_name='untrained')
    logger.addHandler(caplog.handler)
    model.eval()
    assert 'set model.semi_test_cfg.predict_on=student' in caplog.text
    caplog.clear()
    model.semi_test_cfg['predict_on'] = 'student'
    model.eval()
    model.semi_test_cfg['predict_on'] = 'teacher'
    TeacherHook(momentum=0.25).momentum_update(model, 0.25)
    model.eval()
    assert not caplog.text and not model.teacher_is_untrained()


def test_unknown_network_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='predict_on'):
        build(tmp_path, semi_test_cfg=dict(predict_on='both'))


def test_what_the_segmentor_needs(tmp_path):
    """LAVT has it; a segmentor of classes is told what it lacks."""
    require_trainable(lavt_model.build(lavt_model.model_config(tmp_path)))
    plain = dict(
        type='EncoderDecoder',
        backbone=dict(type='mmdet.ResNet', depth=18),
        decode_head=dict(
            type='FCNHead', in_channels=512, channels=8, num_classes=2),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'))
    with pytest.raises(
            TypeError,
            match='EncoderDecoder cannot .* its methods criterion, logits;'):
        build(tmp_path, segmentor=plain)


def test_teacher_averages_floats_and_copies_integers(tmp_path):
    model = build(tmp_path)
    hook = TeacherHook(momentum=0.25)
    for network, value in ((model.student, 4.), (model.teacher, 0.)):
        for tensor in network.state_dict().values():
            tensor.fill_(value)
    hook.momentum_update(model, hook.momentum)
    kinds = set()
    for name, tensor in model.teacher.state_dict().items():
        if name == 'text_encoder._extra_state':
            continue  # the words, which are no tensor of the network
        expected = 1. if tensor.is_floating_point() else 4
        assert (tensor == expected).all(), name
        kinds.add(tensor.is_floating_point())
    assert kinds == {True, False}


def test_registered_with_its_paper_name():
    assert MODELS.get('SemiRES').__name__ == 'SemiRES'
