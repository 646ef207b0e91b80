"""Train the three systems on toy data in minutes, and draw what they find.

    .venv/bin/python tools/demo.py          # as `make demo`

Makes toy data in data/, trains small models in work_dirs/demo, and writes
pictures, results of data that were held out, index.html, and the models as
folders that need no other file to outputs/demo.
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
sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo_parts.lanes import PartFailedError, run_lanes
from demo_parts.page import Example, write_page
from demo_parts.part import Part
from demo_parts.progress import format_time
from demo_parts.systems import OUT, THINGS, less, semires, sentences, sseg

PYTHON = os.path.join(os.environ.get('VENV', '.venv'), 'bin', 'python')


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
    iou = {
        record['text']: record['iou']
        for record in sentences(train.outputs[1], key)
    }
    folder, rows = found(draw)
    texts = [row['text'] for row in rows]
    return [(folder / row[picture],
             f'"{text}": IoU {100 * iou[text]:.0f} % with the object meant')
            for text, row in zip(texts, rows)]


def next_command(model: Part, rest: str) -> str:
    """How to try the user's own data."""
    return f'{PYTHON} tools/infer.py {model.work_dir} \\\n    {rest}'


def less_example(parts: list[Part]) -> Example:
    """What LESS has learned."""
    _, train, model, draw = parts
    metrics = scores(train)
    folder, _ = found(draw)
    viewer, = folder.glob('*.html')
    return Example(
        'LESS: a sentence and a 3D scan',
        'A small LESS without the contrastive loss, trained on 300 toy rooms '
        'with one mask per sentence. Red is what it marks in a room that it '
        'has not seen, one of median score.',
        f'mIoU {metrics["mIoU"]:.1f}, Acc@0.25 {metrics["Acc@0.25"]:.1f} on '
        f'720 sentences about 30 rooms that it was not trained on (val).',
        drawn(train, draw, 'scene_id', 'png'),
        next_command(
            model, '--scan MY.ply --text "the brown chair" '
            '--out outputs/my_scan --html'),
        links=[(viewer, 'The room to turn, in the browser')])


def semires_example(parts: list[Part]) -> Example:
    """What SemiRES has learned."""
    *_, train, model, draw = parts
    metrics = scores(train)
    return Example(
        'SemiRES: a sentence and an image',
        'A small SemiRES, trained on 200 toy pictures of which 20 have masks; '
        'it has begun to know colors. Marked is what it finds in a picture '
        'that it has not seen, one of median score.',
        f'oIoU {metrics["oIoU"]:.1f}, mIoU {metrics["mIoU"]:.1f} on the '
        'sentences about 150 pictures that it was not trained on (val).',
        drawn(train, draw, 'img_path', 'overlay'),
        next_command(
            model, '--image MY.jpg --text "the red disc" '
            '--out outputs/my_image'))


def sseg_example(parts: list[Part]) -> Example:
    """What S-Seg has learned."""
    _, train, model, draw = parts
    label_map, = draw.outputs[0].parent.glob(draw.outputs[0].name)
    picture = label_map.with_name(label_map.name.replace('_labels', ''))
    return Example(
        'S-Seg: class names and an image',
        'A small S-Seg, trained on 8,000 toy pictures with captions and no '
        'masks. Colors are the classes that it finds in a picture that it '
        'has not seen, one of median score; what keeps its own is background.',
        f'mIoU {scores(train)["mIoU"]:.1f} over ten classes and background, '
        'on 400 pictures that it was not trained on (val).',
        [(picture, f'Asked for: {THINGS.replace(",", ", ")}')],
        next_command(
            model, '--image MY.jpg --classes "apple,ball,star" '
            '--out outputs/my_classes'))


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
    print(f'Try your own scan next, in meters and with z up:\n'
          f'{examples[0].next_command}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
