"""Train the three systems on toy data in minutes, and draw what they find.

    .venv/bin/python tools/demo.py          # as `make demo`

Makes toy data in data/, trains small models in work_dirs/demo, and writes
pictures, results of data that were held out, and index.html to outputs/demo.
What is finished is skipped, what was interrupted goes on.
"""
from __future__ import annotations
import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.demo import (Example, Part, PartFailedError, format_time,
                            run_lanes, write_page)

OUT = Path('outputs/demo')
RUNS = Path('work_dirs/demo')
PYTHON = os.path.join(os.environ.get('VENV', '.venv'), 'bin', 'python')
SSEG_IMAGE = 'data/sseg_toy/eval/images/val/00000.jpg'
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
        outputs=(folder / 'toy.json', ))


def training(system: str,
             config: str,
             seconds: float,
             data_part: Part,
             *,
             name: str = 'training',
             start: Path | None = None,
             results: bool = True) -> Part:
    """Train a config and test it on held-out data at the end."""
    run = RUNS / Path(config).stem
    file = run.name + '.json'
    words = ['tools/train.py', config, '--work-dir', str(run)]
    options = [f'load_from={start}'] if start else []
    if results:
        options.append(f'val_evaluator.out_file={OUT / file}')
    outputs = (run / 'last_checkpoint', )
    return Part(
        system,
        name,
        lambda: (*words, *(['--cfg-options', *options] if options else [])),
        seconds,
        configs=(Path(config), ),
        inputs=data_part.outputs + ((start, ) if start else ()),
        outputs=(*outputs, OUT / file) if results else outputs,
        work_dir=run,
        resume=('--resume', ))


def sentences(results: Path, key: str) -> tuple[str, list[dict]]:
    """The first scan or image of the results, and up to three sentences.

    Args:
        results: JSON that the metric has written.
        key: ``scene_id`` or ``img_path``.

    Returns:
        Its name and the records of sentences: of LESS one of each kind.
    """
    records = json.loads(results.read_text(encoding='utf-8'))['records']
    name = records[0][key]
    records = [record for record in records if record[key] == name]
    if key == 'scene_id':
        firsts = [[r for r in records if kind in r['groups']][:1]
                  for kind in KINDS]
        records = [record for first in firsts for record in first]
    return name, records[:3]


def pictures(train: Part, seconds: float, command, output: str) -> Part:
    """Run tools/infer.py on what was held out."""
    config = str(train.configs[0])
    checkpoint = train.outputs[0]
    folder = OUT / train.system.lower().replace('-', '')

    def words() -> list[str]:
        return [
            'tools/infer.py', config,
            str(checkpoint), '--out',
            str(folder), *command()
        ]

    return Part(
        train.system,
        'pictures',
        words,
        seconds,
        configs=train.configs,
        inputs=train.outputs,
        outputs=(folder / output, ),
        work_dir=folder)


def scan_words(results: Path) -> list[str]:
    """Options of tools/infer.py for a held-out room."""
    scene, records = sentences(results, 'scene_id')
    stem = Path('data/less_toy/scans') / scene / scene
    words = [
        '--scan', f'{stem}_vh_clean_2.ply', '--align', f'{stem}.txt', '--html'
    ]
    return words + [w for r in records for w in ('--text', r['text'])]


def image_words(results: Path) -> list[str]:
    """Options of tools/infer.py for a held-out image and its sentences."""
    image, records = sentences(results, 'img_path')
    return ['--image', image
            ] + [w for r in records for w in ('--text', r['text'])]


def less() -> list[Part]:
    """Parts of LESS: a sentence and a scan."""
    toy = data('LESS', 'less_toy', 35)
    train = training('LESS', 'configs/less_toy_demo.py', 320, toy)
    draw = pictures(train, 15, lambda: scan_words(train.outputs[1]), '*.html')
    return [toy, train, draw]


def semires() -> list[Part]:
    """Parts of SemiRES: a sentence and an image."""
    toy = data('SemiRES', 'semires_toy', 20)
    first = training(
        'SemiRES',
        'configs/semires_toy_demo_burnin.py',
        60,
        toy,
        name='burn-in',
        results=False)
    start = RUNS / 'semires_toy_demo_burnin' / 'epoch_3.pth'
    train = training(
        'SemiRES', 'configs/semires_toy_demo.py', 100, toy, start=start)
    draw = pictures(train, 10, lambda: image_words(train.outputs[1]),
                    '*_0.png')
    return [toy, first, train, draw]


def sseg() -> list[Part]:
    """Parts of S-Seg: class names and an image."""
    toy = data('S-Seg', 'sseg_toy', 60)
    train = training('S-Seg', 'configs/sseg_toy_demo.py', 130, toy)
    draw = pictures(train, 10, lambda:
                    ('--image', SSEG_IMAGE, '--classes', THINGS),
                    '*_labels.png')
    return [toy, train, draw]


def found(part: Part) -> tuple[Path, list[dict]]:
    """Folder of the pictures, and what tools/infer.py says of each."""
    folder = part.outputs[0].parent
    file, = folder.glob('*.json')
    return folder, json.loads(file.read_text(encoding='utf-8'))['results']


def scores(train: Part) -> dict[str, float]:
    """Metrics of the held-out data, in percent."""
    return json.loads(train.outputs[1].read_text(encoding='utf-8'))['metrics']


def drawn(train: Part, draw: Part, key: str,
          picture: str) -> list[tuple[Path, str]]:
    """Pictures of sentences, with their IoU.

    Args:
        train: Has written the results.
        draw: Has drawn them.
        key: Of the scan or the image in the results.
        picture: Key of the file in what tools/infer.py has written.
    """
    _, records = sentences(train.outputs[1], key)
    iou = {record['text']: record['iou'] for record in records}
    folder, rows = found(draw)
    texts = [row['text'] for row in rows]
    return [(folder / row[picture],
             f'"{text}": IoU {100 * iou[text]:.0f} % with the object meant')
            for text, row in zip(texts, rows)]


def next_command(train: Part, rest: str) -> str:
    """How to try the user's own data."""
    return (f'{PYTHON} tools/infer.py {train.configs[0]} \\\n'
            f'    {train.outputs[0]} \\\n    {rest}')


def less_example(parts: list[Part]) -> Example:
    """What LESS has learned."""
    _, train, draw = parts
    metrics = scores(train)
    folder, _ = found(draw)
    viewer, = folder.glob('*.html')
    return Example(
        'LESS: a sentence and a 3D scan',
        'A small LESS without the contrastive loss, trained on 300 toy rooms '
        'with one mask per sentence. Red is what it marks, in a room that it '
        'has not seen.',
        f'mIoU {metrics["mIoU"]:.1f}, Acc@0.25 {metrics["Acc@0.25"]:.1f} on '
        f'720 sentences about 30 rooms that it was not trained on (val).',
        drawn(train, draw, 'scene_id', 'png'),
        next_command(
            train, '--scan MY.ply --text "the brown chair" --out outputs/my '
            '--html'),
        links=[(viewer, 'The room to turn, in the browser')])


def semires_example(parts: list[Part]) -> Example:
    """What SemiRES has learned."""
    *_, train, draw = parts
    metrics = scores(train)
    return Example(
        'SemiRES: a sentence and an image',
        'A small SemiRES, trained on 200 toy pictures of which 20 have masks; '
        'it has begun to know colours. Marked is what it finds in a picture '
        'that it has not seen.',
        f'oIoU {metrics["oIoU"]:.1f}, mIoU {metrics["mIoU"]:.1f} on the '
        'sentences about 150 pictures that it was not trained on (val).',
        drawn(train, draw, 'img_path', 'overlay'),
        next_command(train,
                     '--image MY.jpg --text "the red cup" --out outputs/my'))


def sseg_example(parts: list[Part]) -> Example:
    """What S-Seg has learned."""
    _, train, draw = parts
    label_map, = draw.outputs[0].parent.glob(draw.outputs[0].name)
    picture = label_map.with_name(label_map.name.replace('_labels', ''))
    return Example(
        'S-Seg: class names and an image',
        'A small S-Seg, trained on 8,000 toy pictures with captions and no '
        'masks. Colours are the classes that it finds in a picture that it '
        'has not seen.',
        f'mIoU {scores(train)["mIoU"]:.1f} over ten classes and background, '
        'on 400 pictures that it was not trained on (val).',
        [(picture, f'Asked for: {THINGS.replace(",", ", ")}')],
        next_command(train,
                     '--image MY.jpg --classes "cup,table" --out outputs/my'))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--jobs',
        type=int,
        default=min(2, len(os.sched_getaffinity(0))),
        help='trainings at the same time, by default one per core, two at '
        'most')
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error('--jobs must be 1 or more')
    return args


def main() -> int:
    args = parse_args()
    os.chdir(ROOT)  # the configs name data/ and work_dirs/
    started = time.monotonic()
    three, images, classes = less(), semires(), sseg()
    print('Three small models on toy data, logs in outputs/demo. Ctrl-C '
          'interrupts, `make demo` goes on.')
    try:
        run_lanes([three, images + classes], OUT, args.jobs)
    except PartFailedError as error:
        print(f'\n{error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; `make demo` goes on', file=sys.stderr)
        return 130
    examples = [
        less_example(three),
        semires_example(images),
        sseg_example(classes)
    ]
    page = OUT / 'index.html'
    write_page(page, 'MMLangSeg on toy data', examples)
    for example in examples:
        print(f'\n{example.system}\n  {example.summary}\n  '
              f'{example.figure}')
        for picture, caption in example.pictures:
            print(f'  {picture}\n    {caption}')
    print(f'\nAll on one page: {page} (after '
          f'{format_time(time.monotonic() - started)})')
    print(f'Try your own scan next, in metres and with z up:\n'
          f'{examples[0].next_command}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
