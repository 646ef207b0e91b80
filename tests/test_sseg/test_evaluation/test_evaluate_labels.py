"""Label maps of every benchmark are scored as they lie on the disk."""
import benchmark_trees
import numpy as np
import pytest
from image_kinds import encode_png
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, TRANSFORMS
from PIL import Image

from mmlangseg.evaluation import PredictionError
from mmlangseg.io.files import write_json
from mmlangseg.sseg.evaluation import evaluate_label_maps

CONFIGS = benchmark_trees.Path(__file__).resolve().parents[3] / 'configs'


def build(root, benchmark):
    init_default_scope('mmseg')
    data_root = benchmark_trees.write_tree(root, benchmark)
    path = CONFIGS / f'_base_/datasets/sseg_{benchmark}.py'
    dataset = Config.fromfile(path).test_dataloader.dataset
    dataset.data_root = str(data_root)
    loader, = (
        step for step in dataset.pop('pipeline')
        if step.type == 'LoadWideAnnotations')
    return DATASETS.build(dict(dataset, pipeline=[])), \
        TRANSFORMS.build(loader)


def predict(benchmark, first_id):
    """Right where the ids are 0, wrong where they are 1, and the highest
    class at half of its pixels; anything where nothing is known."""
    reduced = benchmark in benchmark_trees.WITHOUT_ZERO
    count = benchmark_trees.NUM_CLASSES[benchmark]
    labels = np.zeros((benchmark_trees.HEIGHT, benchmark_trees.WIDTH), int)
    labels[8:16] = 1 - reduced
    labels[16:24] = count - 1
    predicted = labels.copy()
    predicted[16:24, ::2] = 1
    predicted[24:] = count - 1
    return predicted + first_id, labels, reduced


@pytest.mark.parametrize('benchmark', benchmark_trees.LAYOUTS)
def test_layouts(tmp_path, benchmark):
    dataset, loader = build(tmp_path, benchmark)
    # as mmseg writes predictions
    first_id = int(benchmark in ('voc20', 'context59', 'ade20k'))
    predicted, labels, reduced = predict(benchmark, first_id)
    folder = tmp_path / 'predictions'
    for i, info in enumerate(dataset):
        stem = benchmark_trees.Path(info['img_path']).stem
        flipped = predicted[::-1] if i else predicted
        benchmark_trees.save(folder / f'{stem}.png',
                             np.ascontiguousarray(flipped, np.uint16))
    found = evaluate_label_maps(folder, dataset, loader)
    known = np.zeros(labels.shape, bool)
    known[8 if reduced else 0:24] = True
    pred, true = (predicted - first_id)[known], labels[known]
    ious = [
        ((pred == c) & (true == c)).sum() / ((pred == c) | (true == c)).sum()
        for c in np.union1d(pred, true)
    ]
    assert found['mIoU'] == pytest.approx(100 * np.mean(ious), abs=0.006)
    assert found['aAcc'] == pytest.approx(
        100 * (pred == true).mean(), abs=0.006)


@pytest.fixture
def voc(tmp_path):
    dataset, loader = build(tmp_path, 'voc21')
    predicted, *_ = predict('voc21', 0)
    maps = dict(a=predicted, b=predicted)

    def run(path, maps=maps, **kwargs):
        if path.suffix == '.npz':
            np.savez_compressed(path, **maps)
        else:
            path.mkdir(exist_ok=True)
            for name, ids in maps.items():
                np.save(path / f'{name}.npy', ids)
        return evaluate_label_maps(path, dataset, loader, **kwargs)

    run.maps = maps
    return run


def test_forms_and_first_id(voc, tmp_path):
    expected = voc(tmp_path / 'npy')
    assert voc(tmp_path / 'p.npz') == expected
    raised = {name: ids + 1 for name, ids in voc.maps.items()}
    assert voc(tmp_path / 'q.npz', raised, first_id=1) == expected
    with pytest.raises(PredictionError, match='class 21 is none of the 21'):
        voc(tmp_path / 'r.npz', raised)


@pytest.mark.parametrize('depth', [1, 2, 4])
def test_gray_of_few_bits(voc, tmp_path, depth):
    """As optimizers of PNGs write maps of few classes: Pillow spreads 1 of 4
    bits to 17, which is another class."""
    ids = voc.maps['a'].astype(np.uint8) % 2
    expected = voc(tmp_path / 'npy', dict(a=ids, b=ids))
    bits = np.unpackbits(ids[..., None], -1)[..., -depth:]
    folder = tmp_path / 'png'
    folder.mkdir()
    for name in 'ab':
        (folder / f'{name}.png').write_bytes(
            encode_png(
                np.packbits(bits.reshape(len(ids), -1), 1),
                depth,
                0,
                size=ids.shape[::-1]))
    assert voc(folder, {}) == expected


@pytest.mark.parametrize('benchmark', ['voc21', 'voc20', 'cityscapes'])
def test_maps_of_label_images(tmp_path, benchmark):
    """Their classes begin with 1, also where those of the data set's files
    begin with 0: they were scored as those of the classes behind."""
    dataset, loader = build(tmp_path, benchmark)
    classes = list(dataset.metainfo['classes'])
    background = classes[0] == 'background'
    _, labels, _ = predict(benchmark, 0)
    np.clip(labels, 0, 5, out=labels)
    folder = tmp_path / 'labels'
    for info in dataset:
        stem = benchmark_trees.Path(info['img_path']).stem
        benchmark_trees.save(folder / f'{stem}.png',
                             (labels + (not background)).astype(np.uint8))
    plain = evaluate_label_maps(folder, dataset, loader, int(not background))
    header = folder / 'labels.json'
    write_json(header,
               dict(classes=classes[background:], background=background))
    assert evaluate_label_maps(folder, dataset, loader) == plain
    # read as the data set's files are
    if benchmark == 'cityscapes':
        header.unlink()
        assert evaluate_label_maps(folder, dataset, loader) != plain
    write_json(header,
               dict(classes=classes[background:][::-1], background=background))
    with pytest.raises(PredictionError, match='labels.json: the class'):
        evaluate_label_maps(folder, dataset, loader)
    header.write_text('{}')  # of something else
    evaluate_label_maps(folder, dataset, loader, int(not background))


def test_wrong_maps(voc, tmp_path):
    ids = voc.maps['a']
    for maps, message in (
        (dict(a=ids), '1 of 2 images have no label map: b'),
        (dict(voc.maps, c=ids), 'no image of the data set is called c'),
        (dict(voc.maps, b=ids.T), r'has \(40, 30\) pixels, the label map'),
        (dict(voc.maps, b=ids / 2), 'dtype float64, but must'),
        (dict(voc.maps, b=ids[None]), r'has shape \(1, 30, 40\)'),
    ):
        with pytest.raises(PredictionError, match=message):
            voc(tmp_path / 'p.npz', maps)


def test_broken_and_double_files(voc, tmp_path):
    folder = tmp_path / 'npy'
    voc(folder)
    Image.fromarray(voc.maps['a'].astype(np.uint8)).save(folder / 'a.png')
    with pytest.raises(PredictionError, match='there was a map of a before'):
        voc(folder)
    (folder / 'a.png').write_bytes(b'\x89PNG')
    with pytest.raises(PredictionError, match='a.png is not a whole label'):
        voc(folder, {'b': voc.maps['b']})
    path = tmp_path / 'x.npz'
    path.write_bytes(b'nothing')
    dataset, loader = build(tmp_path, 'voc21')
    with pytest.raises(PredictionError, match='neither a folder of label'):
        evaluate_label_maps(path, dataset, loader)
