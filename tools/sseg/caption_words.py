"""Write the words of captions: the vocabulary of GRUTextEncoder.

Examples:
    python tools/sseg/caption_words.py configs/sseg_own_pairs.py
        data/own_pairs/words.txt
    python tools/sseg/caption_words.py configs/sseg_own_pairs.py
        data/own_pairs/words.txt --min-count 3

The captions are those of the config's train_dataloader, each once. Words that
are not in the file share one vector, which only rare words train, if
--min-count leaves some out. The classes of the config that have such words are
listed: the model does not know them.
"""
from __future__ import annotations
import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.config_path import check_config
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('config', help='of a training')
    add('out', type=Path, help='file to write, one word per line')
    add('--min-count',
        type=int,
        default=1,
        help='leave out words that occur in fewer captions')
    add_cfg_options(parser)
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    if args.min_count < 1:
        parser.error(f'--min-count {args.min_count} must be at least 1')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmlangseg.cli.config_keys import read_config
from mmlangseg.sseg.datasets import ImageTextDataset
from mmlangseg.sseg.datasets.pair_source import BrokenPairError
from mmlangseg.sseg.vocabulary.build_vocabulary import build_vocabulary
from mmlangseg.text import split_words, write_vocabulary


def build_dataset(cfg: Config) -> ImageTextDataset:
    """The pairs of the training, each once, as they are in the files."""
    config = cfg.train_dataloader.dataset.copy()
    if 'sources' not in config:
        raise ValueError(f'train_dataloader.dataset is {config.get("type")}, '
                         'not image-caption pairs with sources')
    config.update(pipeline=[], test_mode=True)
    config.sources = [{
        key: value
        for key, value in source.items() if key != 'weight'
    } for source in config.sources]
    return DATASETS.build(config)


def count_words(dataset: ImageTextDataset) -> tuple[Counter, list[str]]:
    """In how many captions each word is, and a line per broken pair."""
    words: Counter = Counter()
    broken = []
    for index in range(len(dataset)):
        try:
            text = dataset.get_data_info(index)['text']
        except BrokenPairError as error:
            broken.append(str(error))
        else:
            words.update(set(split_words(text)))
    return words, broken


def unknown_classes(config: dict, words: set[str]) -> tuple[list, int]:
    """Classes of a config none of whose names consists of known words, and
    how many classes there are."""
    vocabulary = build_vocabulary(config)
    unknown = [
        label
        for label, names in zip(vocabulary.classes, vocabulary.prompt_names)
        if not any(set(split_words(name)) <= words for name in names)
    ]
    return unknown, len(vocabulary.classes)


def main() -> None:
    args = parse_args()
    try:
        cfg = read_config(args.config, args.cfg_options)
        init_default_scope('mmseg')
        counts, broken = count_words(build_dataset(cfg))
        words = {w for w, count in counts.items() if count >= args.min_count}
        if not words:
            raise ValueError(f'no word is in {args.min_count} captions')
        write_vocabulary(args.out, words)
        print(f'{args.out}: {len(words)} of {len(counts)} words')
        if broken:
            print(f'{len(broken)} pairs are broken, the first: {broken[0]}')
        if cfg.model.get('vocabulary'):
            names, total = unknown_classes(cfg.model.vocabulary, words)
            print(f'{len(names)} of {total} classes are not in these words: '
                  f'{", ".join(names) or "-"}')
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
