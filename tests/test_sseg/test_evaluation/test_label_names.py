import pytest
import sseg_model
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope

from mmlangseg.sseg.evaluation import WideIoUMetric, require_same_labels

LABELS = ('background', *sseg_model.CLASSES)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def score(folder, vocabulary):
    """Score a model on a data set of the tests' classes."""
    model = sseg_model.build(
        sseg_model.model_config(folder, vocabulary=vocabulary)).eval()
    with torch.no_grad():
        results = sseg_model.run(model, 'predict', sseg_model.batch())
    evaluator = Evaluator(WideIoUMetric())
    evaluator.dataset_meta = dict(classes=LABELS)
    evaluator.process(results, None)
    return evaluator.evaluate(len(results))


def test_a_vocabulary_in_another_order_is_not_scored(tmp_path):
    """Every label is a class of the data set, but another one."""
    right = dict(classes=sseg_model.CLASSES, background=True)
    assert set(score(tmp_path, right)) == {'aAcc', 'mIoU', 'mAcc'}
    with pytest.raises(
            ValueError,
            match="'dog' is label 1 of the model, but 2 of the data set"):
        score(tmp_path, dict(right, classes=['dog', 'cat', 'grass']))


def test_a_vocabulary_without_the_background_is_not_scored(tmp_path):
    """Its labels would all be those of the classes before."""
    with pytest.raises(ValueError, match='has 3 labels, .* the data set 4'):
        score(tmp_path, dict(classes=sseg_model.CLASSES))


def test_other_words_for_a_class_are_scored():
    require_same_labels(['sky', 'Airplane'], ['Sky', 'aeroplane'])
    with pytest.raises(ValueError, match="'SKY' is label 1"):
        require_same_labels(['airplane', 'SKY'], ['sky', 'aeroplane'])
