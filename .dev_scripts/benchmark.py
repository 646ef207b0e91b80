"""Time a part of a system beside its plain reference formulation.

The variants of a case run in turns in one process; the median of each and
its ratio to the first are printed, in wall time and in CPU time (steadier on
a busy machine). Peak memory is the growth of the resident set in a fresh
process per variant. The exit status is 1 if the outputs of the variants are
not equal within the tolerance of the case.
"""
from __future__ import annotations
import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if (HERE.parents[0] / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(HERE.parents[0]))
sys.path.insert(0, str(HERE))

from benchmark_report import Builder, report

from mmlangseg.cpu.memory import keep_freed_memory

# Case: module with the function of that name, and its arguments with their
# full and their quick value.
CASES = {
    'less_test': ('benchmark_less',
                  dict(
                      points=(50000, 1500),
                      expressions=(64, 3),
                      plain_expressions=(2, 2),
                      text_layers=(12, 1))),
    'less_step':
    ('benchmark_less',
     dict(points=(50000, 1500), expressions=(8, 2), text_layers=(12, 1))),
    'less_qmp': ('benchmark_less', dict(points=(50000, 1500),
                                        queries=(20, 5))),
    'less_contrast': ('benchmark_less',
                      dict(points=(50000, 1500), positives=(5000, 150))),
    'less_spconv': ('benchmark_less', dict(points=(50000, 1500))),
    'scan_ply': ('benchmark_scans', dict(points=(200000, 300))),
    'semires_refine':
    ('benchmark_semires',
     dict(candidates=(100, 5), height=(480, 60), width=(640, 80))),
    'semires_step': ('benchmark_semires',
                     dict(candidates=(100, 5), image_size=(480, 64))),
    'semires_sam':
    ('benchmark_onnx_sam',
     dict(height=(480, 48), width=(640, 64), points_per_side=(16, 2))),
    'sseg_kmeans': ('benchmark_sseg_kmeans',
                    dict(
                        images=(32, 3),
                        tokens=(784, 49),
                        channels=(384, 64),
                        clusters=(8, 3))),
    'sseg_match': ('benchmark_sseg_match',
                   dict(
                       images=(32, 2),
                       queries=(64, 8),
                       layers=(6, 2),
                       clusters=(8, 3),
                       image_size=(224, 32))),
    'sseg_tar':
    ('benchmark_sseg_tar', dict(pairs=(20000, 30), size_kb=(20, 2))),
    'evaluate_scans': ('benchmark_evaluation',
                       dict(sentences=(9508, 70), points=(50000, 800))),
    'evaluate_labels':
    ('benchmark_evaluation',
     dict(images=(5000, 18), height=(480, 32), width=(640, 64))),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    cases = parser.add_subparsers(dest='case', required=True, metavar='CASE')
    for case, (_, sizes) in CASES.items():
        add = cases.add_parser(
            case,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            help=f'sizes: {", ".join(sizes)}').add_argument
        add('--repeats', type=int, default=3, help='of every variant')
        add('--threads',
            type=int,
            default=1,
            help='threads of our variants; plain ones have one')
        add('--no-memory', action='store_true', help='measure times only')
        add('--quick', action='store_true', help='small sizes, one repeat')
        for name, (full, _) in sizes.items():
            add('--' + name.replace('_', '-'),
                type=int,
                default=full,
                help='size')
    args = parser.parse_args()
    if args.quick:
        args.repeats = 1
        for name, (_, quick) in CASES[args.case][1].items():
            setattr(args, name, quick)
    chosen = [getattr(args, name) for name in CASES[args.case][1]]
    if min(args.repeats, args.threads, *chosen) < 1:
        parser.error('all numbers must be positive')
    return args


def main() -> None:
    args = parse_args()
    keep_freed_memory()  # as tools/train.py and tools/test.py on a CPU
    module, sizes = CASES[args.case]
    builder = Builder(module, args.case,
                      {name: getattr(args, name)
                       for name in sizes}, args.threads)
    equal = report(builder, args.repeats, memory=not args.no_memory)
    sys.exit(0 if equal else 1)


if __name__ == '__main__':
    main()
