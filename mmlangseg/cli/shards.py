"""Tools that make something of many images, in one process or in several."""
from __future__ import annotations
import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from .progress import Progress
from .sharding import launched

Item = TypeVar('Item', int, Path)
_LISTED = 20  # failures


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Add the options by which processes share the images."""
    rank, world, _ = launched()
    parser.add_argument(
        '--num-shards', type=int, default=world, help='how many processes')
    parser.add_argument(
        '--shard', type=int, default=rank, help='which of them this is')


def check_shards(parser: argparse.ArgumentParser,
                 args: argparse.Namespace) -> None:
    """End the program if :func:`add_shards` has read nonsense."""
    if not 0 <= args.shard < args.num_shards:
        parser.error('--shard must be from 0 to --num-shards - 1')


def start_shard(args: argparse.Namespace, total: int, missing: int,
                product: str) -> Progress:
    """Say what there is to do for this process.

    Args:
        args: With those of :func:`add_shards`.
        total: Images of this process.
        missing: How many of them have no ``product`` yet.
        product: What is made, such as 'labels'.
    """
    title = f'shard {args.shard}/{args.num_shards}'
    print(
        f'{title}: {total} images, {total - missing} have {product} already',
        flush=True)
    return Progress(title, missing, 'images')


def make_missing(args: argparse.Namespace, names: Mapping[Item, str],
                 product: str, exists: Callable[[Item], bool],
                 make: Callable[[Item], None]) -> list[str]:
    """Make what the images of this process lack; a bad image stops no other.

    Args:
        args: With those of :func:`add_shards`.
        names: Of all images, by what ``exists`` and ``make`` take.
        product: What is made, such as 'labels'.
        exists: Whether it is there.
        make: Makes it.

    Returns:
        list[str]: One line per failure.
    """
    # needs torch, which the options above do without
    from mmlangseg.engine.local_device import is_device_fault
    mine = sorted(names)[args.shard::args.num_shards]
    missing = [item for item in mine if not exists(item)]
    progress, failures = start_shard(args, len(mine), len(missing),
                                     product), []
    for item in missing:
        try:
            make(item)
        except Exception as error:
            if is_device_fault(error):
                raise
            failures.append(f'{names[item]}: {type(error).__name__}: {error}')
        progress.advance(note=f'{len(failures)} failed')
    return failures


def report_failures(failures: Sequence[str], more: str = '') -> None:
    """Print the failures.

    Args:
        failures: A line each.
        more: Where all of them stand, if only the first ones are wanted here.
    """
    if failures:
        listed = failures[:_LISTED] if more else failures
        print(f'{len(failures)} images failed:', *listed, sep='\n  ')
        if len(listed) < len(failures):
            print(f'  ... the others are in {more}')
