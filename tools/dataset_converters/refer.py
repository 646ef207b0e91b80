r"""Make REFER's files of referring expressions in the files of others.

Examples:
    python tools/dataset_converters/refer.py instances_nogoogle_withid.json \
        data/refer/mixed
    python tools/dataset_converters/refer.py \
        train.parquet validation.parquet data/refer/refcoco --split-by unc
    python tools/dataset_converters/refer.py \
        train=export/train/_annotations.coco.json \
        val=export/valid/_annotations.coco.json data/refer/mine

writes ``instances.json`` and ``refs(<split_by>).p``, which all tools here
read, after checking every outline. A split before ``=`` is that of files that
do not name one.
"""
from __future__ import annotations
import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'sources', nargs='+', metavar='[SPLIT=]FILE', help='JSON or Parquet')
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument(
        '--split-by', default='unc', help='name of the splits: unc, umd, ...')
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import mmlangseg.semires  # noqa: F401  before its submodules
from mmlangseg.semires.datasets.refer_dialects import (read_dialects,
                                                       write_refer)


def _with_split(source: str) -> tuple[str, str]:
    split, equals, file = source.partition('=')
    return (file, split) if equals else (source, 'train')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    try:
        refs, instances = read_dialects(
            [_with_split(source) for source in args.sources])
        write_refer(args.out, refs, instances, args.split_by)
    except (OSError, ValueError, ImportError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    splits = Counter(ref['split'] for ref in refs)
    sentences = sum(len(ref['sentences']) for ref in refs)
    print(f'{len(refs)} objects, {sentences} sentences, '
          f'{len(instances["images"])} images; ' +
          ', '.join(f'{name} {count}' for name, count in splits.items()))
    print(f'wrote {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
