"""The parts of tools/demo.py: toy data, trainings, model folders, pictures."""
from __future__ import annotations
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from .part import Part

OUT = Path('outputs/demo')
RUNS = Path('work_dirs/demo')
THINGS = 'apple,ball,star,heart,moon,crate,dice,tent,donut,wheel'
KINDS = ('kind', 'colour', 'relation')  # of sentences about toy rooms


def data(system: str, name: str, seconds: float) -> Part:
    """Make a toy set, as README.md says."""
    folder = Path('data') / name
    return Part(
        system,
        'toy data',
        lambda: ('tools/dataset_converters/make_toy.py', name.split('_')[0],
                 str(folder)),
        seconds,
        # made anew where somebody has made another one in its place
        inputs=(folder / 'toy.json', ),
        outputs=(folder / 'toy.json', ))


def training(system: str,
             config: str,
             seconds: float,
             data_part: Part,
             *,
             name: str = 'training',
             start: Path | None = None,
             weights: str | None = None) -> Part:
    """Train a config, and test it on held-out data at the end.

    ``start`` is what ``load_from`` of the config names. With ``weights``, the
    name of its last checkpoint, it is only the start of another training, and
    not tested.
    """
    run = RUNS / Path(config).stem
    file = run.name + '.json'
    words = ['tools/train.py', config, '--work-dir', str(run)]
    if weights is None:
        words += ['--cfg-options', f'val_evaluator.out_file={OUT / file}']
    return Part(
        system,
        name,
        lambda: words,
        seconds,
        configs=(Path(config), ),
        inputs=data_part.outputs + ((start, ) if start else ()),
        outputs=(run / 'last_checkpoint',
                 run / weights if weights else OUT / file),
        work_dir=run,
        resume=('--resume', ))


def typical(results: Path, key: str) -> list[dict]:
    """Records of the scan or image whose mean score is the median of all.

    Args:
        results: JSON that the metric has written.
        key: ``scene_id`` or ``img_path``.
    """
    samples: dict[str, list[dict]] = {}
    for record in json.loads(results.read_text(encoding='utf-8'))['records']:
        samples.setdefault(record[key], []).append(record)

    def score(records: list[dict]) -> float:
        return sum(r.get('iou', r.get('mIoU', 0.))
                   for r in records) / len(records)

    # some samples have a single object
    most = max(map(len, samples.values()))
    ranked = sorted(
        (records
         for records in samples.values() if len(records) >= min(3, most)),
        key=score)
    return ranked[len(ranked) // 2]


def sentences(results: Path, key: str) -> list[dict]:
    """Up to three sentences of the typical scan or image: of LESS one of each
    kind, of SemiRES one about each object."""
    records = typical(results, key)
    chosen: dict[object, dict] = {}
    if key == 'scene_id':
        for kind in KINDS:
            of_kind = [r for r in records if kind in r['groups']]
            chosen.update({kind: r for r in of_kind[:1]})
    else:
        for record in records:
            chosen.setdefault(tuple(record['object_ids']), record)
    return list(chosen.values())[:3]


def publication(train: Part, seconds: float) -> Part:
    """Write what was trained as a model folder."""
    folder = OUT / 'models' / short(train)
    words = [
        'tools/publish_model.py',
        str(train.configs[0]),
        str(train.outputs[0]),
        str(folder)
    ]
    return Part(
        train.system,
        'model folder',
        lambda: words,
        seconds,
        configs=train.configs,
        inputs=train.outputs,
        outputs=(folder / 'mmlangseg.json', folder / 'model.safetensors'),
        work_dir=folder)


def short(part: Part) -> str:
    """Name of a system in paths."""
    return part.system.lower().replace('-', '')


def pictures(train: Part, model: Part, seconds: float,
             command: Callable[[], Sequence[str]], output: str) -> Part:
    """Run tools/infer.py on what was held out.

    Args:
        train: Has written the results.
        model: Has written the model folder.
        seconds: What it usually takes.
        command: Makes the other options.
        output: Pattern of a file that it leaves.
    """
    folder = OUT / short(train)

    def words() -> list[str]:
        return [
            'tools/infer.py',
            str(model.work_dir), '--out',
            str(folder), *command()
        ]

    return Part(
        train.system,
        'pictures',
        words,
        seconds,
        inputs=(*train.outputs, *model.outputs),
        outputs=(folder / output, ),
        work_dir=folder)


def scan_words(results: Path) -> list[str]:
    """Options of tools/infer.py for a held-out room."""
    records = sentences(results, 'scene_id')
    scene = records[0]['scene_id']
    stem = Path('data/less_toy/scans') / scene / scene
    words = [
        '--scan', f'{stem}_vh_clean_2.ply', '--align', f'{stem}.txt', '--html'
    ]
    return words + [w for r in records for w in ('--text', r['text'])]


def image_words(results: Path) -> list[str]:
    """Options of tools/infer.py for a held-out image and its sentences."""
    records = sentences(results, 'img_path')
    return ['--image', records[0]['img_path']
            ] + [w for r in records for w in ('--text', r['text'])]


def class_words(results: Path) -> list[str]:
    """Options of tools/infer.py for a held-out image and class names."""
    record, = typical(results, 'img_path')
    # as in the config: what has less is background
    return [
        '--image', record['img_path'], '--classes', THINGS, '--threshold',
        '0.4'
    ]


def less() -> list[Part]:
    """Parts of LESS: a sentence and a scan."""
    toy = data('LESS', 'less_toy', 35)
    train = training('LESS', 'configs/less/toy/less_toy_demo.py', 320, toy)
    model = publication(train, 10)
    draw = pictures(train, model, 15, lambda: scan_words(train.outputs[1]),
                    '*.html')
    return [toy, train, model, draw]


def semires() -> list[Part]:
    """Parts of SemiRES: a sentence and an image."""
    toy = data('SemiRES', 'semires_toy', 20)
    first = training(
        'SemiRES',
        'configs/semires/toy/semires_toy_demo_burnin.py',
        60,
        toy,
        name='burn-in',
        weights='epoch_3.pth')
    train = training(
        'SemiRES',
        'configs/semires/toy/semires_toy_demo.py',
        100,
        toy,
        start=first.outputs[1])
    model = publication(train, 10)
    draw = pictures(train, model, 10, lambda: image_words(train.outputs[1]),
                    '*_0.png')
    return [toy, first, train, model, draw]


def sseg() -> list[Part]:
    """Parts of S-Seg: class names and an image."""
    toy = data('S-Seg', 'sseg_toy', 60)
    train = training('S-Seg', 'configs/sseg/toy/sseg_toy_demo.py', 130, toy)
    model = publication(train, 10)
    draw = pictures(train, model, 10, lambda: class_words(train.outputs[1]),
                    '*_labels.png')
    return [toy, train, model, draw]
