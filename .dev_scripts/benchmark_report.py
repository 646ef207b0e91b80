"""What the benchmarks of all systems share: timing, memory, the table."""
from __future__ import annotations
import gc
import importlib
import multiprocessing
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mmlangseg.cli.table import format_rows

_STATUS = Path('/proc/self/status')


@dataclass
class Variant:
    """One way to compute something.

    Attributes:
        name (str): For the table.
        run (Callable): Does the work and returns a sequence of tensors to be
            compared with the other variants, or None.
        units (float): Pieces of work that one run does.
        plain (bool): A reference formulation: it runs on one thread.
        part_of (str, optional): Name of another variant, of which this one
            is a part: the table gives its share.
    """

    name: str
    run: Callable[[], Sequence[torch.Tensor] | None]
    units: float = 1
    plain: bool = False
    part_of: str | None = None


@dataclass
class Comparison:
    """Variants of the same computation, the plain one first.

    Attributes:
        title (str): What is computed.
        unit (str): The piece of work that times are given for.
        variants (list[Variant]): Their outputs must be equal.
        tolerance (float): Largest accepted absolute difference of an output,
            relative to the largest value of that output.
    """

    title: str
    unit: str
    variants: list[Variant]
    tolerance: float


@dataclass
class Builder:
    """Makes the comparisons of a case, here and in other processes.

    Attributes:
        module (str): Holds a function ``case(**sizes)`` that returns a list
            of :class:`Comparison`.
        case (str): Name of that function.
        sizes (dict[str, int]): Its arguments.
        threads (int): Threads of the variants that are not plain.
    """

    module: str
    case: str
    sizes: dict[str, int]
    threads: int

    def build(self) -> list[Comparison]:
        torch.manual_seed(0)
        return getattr(importlib.import_module(self.module),
                       self.case)(**self.sizes)

    def run(self, variant: Variant) -> Sequence[torch.Tensor] | None:
        torch.set_num_threads(1 if variant.plain else self.threads)
        return variant.run()


def report(builder: Builder, repeats: int, memory: bool) -> bool:
    """Print one table per comparison of a case.

    Returns:
        bool: Whether the outputs are equal within the tolerance.
    """
    sizes = ', '.join(f'{k}={v}' for k, v in builder.sizes.items())
    print(f'{builder.case}: {sizes}, threads={builder.threads}, '
          f'{repeats} repeats')
    equal = True
    for index, comparison in enumerate(builder.build()):
        difference = _largest_difference(builder, comparison.variants)
        times = _interleaved_times(builder, comparison.variants, repeats)
        peaks = [
            _in_fresh_process(builder, index, i) if memory else None
            for i in range(len(comparison.variants))
        ]
        print(f'\n{comparison.title}, per {comparison.unit}')
        _print_table(comparison.variants, times, peaks)
        passed = bool(difference <= comparison.tolerance)  # False for NaN
        equal &= passed
        print(f'relative difference of the outputs {difference:.1e}, '
              f'tolerance {comparison.tolerance:.0e}: '
              f'{"ok" if passed else "FAILED"}')
    return equal


def _largest_difference(builder: Builder, variants: list[Variant]) -> float:
    """Run every variant once, which also warms it up."""
    outputs = [builder.run(variant) for variant in variants]
    expected, *others = (out for out in outputs if out is not None)
    differences = [(a - b).abs().max() / a.abs().max() for other in others
                   for a, b in zip(expected, other)]
    return float(torch.stack(differences).max())  # NaN if one of them is


def _interleaved_times(builder: Builder, variants: list[Variant],
                       repeats: int) -> list[tuple[float, float]]:
    """Median wall and CPU seconds per unit of every variant."""
    seconds: list[list] = [[] for _ in variants]
    for _ in range(repeats):
        for variant, measured in zip(variants, seconds):
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            builder.run(variant)
            measured.append(
                (time.perf_counter() - wall, time.process_time() - cpu))
    return [
        tuple(statistics.median(t) / variant.units for t in zip(*measured))
        for variant, measured in zip(variants, seconds)
    ]


def _in_fresh_process(builder: Builder, comparison: int, variant: int) -> int:
    """Peak memory of one run in bytes."""
    context = multiprocessing.get_context('spawn')
    with context.Pool(1) as pool:
        return pool.apply(_peak_growth, (builder, comparison, variant))


def _peak_growth(builder: Builder, comparison: int, variant: int) -> int:
    """How far the peak of this process rises above what it holds now."""
    chosen = builder.build()[comparison].variants[variant]
    gc.collect()
    if _STATUS.exists():  # forget the peak of the preparation
        Path('/proc/self/clear_refs').write_text('5')
    before = _peak()
    builder.run(chosen)
    return _peak() - before


def _peak() -> int:
    """Largest resident set so far, in bytes."""
    if _STATUS.exists() and (line := re.search(r'VmHWM:\s+(\d+) kB',
                                               _STATUS.read_text())):
        # Linux counts the process that started this one in `ru_maxrss`.
        return int(line[1]) * 1024
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _print_table(variants: list[Variant], times: list[tuple[float, float]],
                 peaks: list[int | None]) -> None:
    rows = [[
        '', 'wall time', 'ratio', 'CPU time', 'CPU ratio', 'peak memory',
        'memory ratio', 'share'
    ]]
    walls = {v.name: wall for v, (wall, _) in zip(variants, times)}
    for variant, (wall, cpu), peak in zip(variants, times, peaks):
        row = [
            f'{1000 * wall:.1f} ms',
            _ratio(times[0][0], wall), f'{1000 * cpu:.1f} ms',
            _ratio(times[0][1], cpu)
        ]
        row += ['', ''] if peak is None else \
            [f'{peak / 2**20:.0f} MB', _ratio(peaks[0], peak)]
        share = ''
        if variant.part_of is not None:
            # a part does not do what the first variant does
            row[1::2] = '', '', ''
            share = f'{wall / walls[variant.part_of]:.2%} of {variant.part_of}'
        rows.append([variant.name, *row, share])
    filled = [i for i in range(8) if any(row[i] for row in rows[1:])]
    print(format_rows([[row[i] for i in filled] for row in rows]))


def _ratio(first: float | None, value: float) -> str:
    return '' if first is None else f'{first / max(value, 1e-9):.2f}'
