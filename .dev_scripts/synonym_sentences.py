"""Say sentences with words that a training never had.

    python .dev_scripts/synonym_sentences.py \
        data/less_toy_fresh/annotations/scanrefer_val.json \
        data/less_toy_fresh/annotations/scanrefer_val_synonyms.json \
        --words data/less_toy/annotations/scanrefer_train.words.txt

reads what the converters of LESS write, and writes those sentences that hold
a word of the table below, with its synonym in its place. ``--words`` are the
words of the training: synonyms that it had are not used.
"""
from __future__ import annotations
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.io.files import write_json
from mmlangseg.text import split_words

SYNONYMS = dict(
    # things
    bed='mattress',
    bin='wastebasket',
    bowl='dish',
    box='carton',
    boxes='cartons',
    cabinet='cupboard',
    chair='seat',
    couch='settee',
    cup='mug',
    lamp='lantern',
    object='item',
    objects='items',
    plant='shrub',
    pot='saucepan',
    sofa='settee',
    table='desk',
    # colors
    black='ebony',
    blue='azure',
    brown='tan',
    gray='silver',
    green='emerald',
    grey='silver',
    orange='tangerine',
    pink='rosy',
    purple='violet',
    red='crimson',
    white='ivory',
    yellow='golden',
    # sizes and places
    beneath='underneath',
    beside='alongside',
    biggest='hugest',
    farthest='remotest',
    furthest='remotest',
    highest='uppermost',
    largest='hugest',
    lowest='bottommost',
    smallest='littlest',
    tallest='loftiest',
    tiniest='littlest')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('annotations', type=Path, help='file to read')
    parser.add_argument('out', type=Path, help='file to write')
    parser.add_argument(
        '--words',
        type=Path,
        required=True,
        help='of the training, one per line')
    return parser.parse_args()


def reword(rows: list[dict], known: set[str]) -> list[dict]:
    """Rows with a synonym in their sentence.

    Args:
        rows: With ``description``.
        known: Words of the training; a word whose synonym is one of them
            stays as it is.
    """
    table = {
        word: synonym
        for word, synonym in SYNONYMS.items() if synonym not in known
    }
    found = []
    for row in rows:
        words = split_words(row['description'])
        new = [table.get(word, word) for word in words]
        if new != words:
            found.append(dict(row, description=' '.join(new), token=new))
    return found


def main() -> None:
    args = parse_args()
    content = json.loads(args.annotations.read_text(encoding='utf-8'))
    rows = content['data_list']
    known = set(args.words.read_text(encoding='utf-8').split())
    found = reword(rows, known)
    if not found:
        sys.exit(f'error: no sentence of {args.annotations} has a word of '
                 'the table whose synonym the training lacks')
    write_json(args.out, dict(content, data_list=found))
    print(f'{args.out}: {len(found)} of {len(rows)} sentences, such as '
          f'"{found[0]["description"]}"')


if __name__ == '__main__':
    main()
