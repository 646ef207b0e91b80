"""Ask models in the browser: scans (viser), and images (gradio).

    python tools/demo_app.py --refer outputs/demo/models/semires   # one model
    make app                                                # the demo's models

Listens on this machine only, unless --host says otherwise. Ctrl-C ends it.
"""
from __future__ import annotations
import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from app_parts.addresses import is_loopback, page_url, port_problem

from mmlangseg.cli.command_line import check_model
from mmlangseg.compat.light_imports import import_hosts

# What a page needs, and the option that asks for it.
LIBRARIES = dict(scan='viser', refer='gradio', classes='gradio')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, what in (
        ('--scan', 'LESS, for sentences about scans'),
        ('--refer', 'LAVT, SemiRES or a public model such as CLIPSeg, for '
         'sentences about images'),
        ('--classes', 'S-Seg or a public model, for classes in images'),
    ):
        parser.add_argument(
            option,
            nargs='+',
            metavar='MODEL',
            help=f'{what}: a folder of tools/publish_model.py, the name of '
            'one on the hub, or a config and its checkpoint')
    parser.add_argument(
        '--scans',
        metavar='DIR',
        help='folder of scans that the page offers; with --scan')
    parser.add_argument(
        '--no-center',
        action='store_true',
        help='leave scans where they are, as tools/infer.py --no-center does; '
        'with --scan')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen at, 0.0.0.0 for all; default %(default)s, '
        'this machine only')
    parser.add_argument(
        '--port',
        type=int,
        default=7860,
        help='of the page for images, or of the only one; the page for scans '
        'beside it has the next one; default %(default)s')
    parser.add_argument(
        '--max-upload-mb',
        type=float,
        metavar='MB',
        help='size of a file that is taken; default 64 for an image and 512 '
        'for a scan')
    parser.add_argument(
        '--device', help='such as cuda:0 or cpu, a GPU if there is one')
    args = parser.parse_args()
    problems = find_problems(args)
    if problems:
        parser.error('\n  '.join(problems))
    return args


def find_problems(args: argparse.Namespace) -> list[str]:
    """All that is wrong with the arguments, as far as that needs no library.

    Args:
        args: The models become pairs of a config and a checkpoint, which is
            None if there is none.
    """
    problems = []
    asked = [name for name in LIBRARIES if getattr(args, name)]
    if not asked:
        problems.append('give a model: --scan, --refer or --classes')
    for name in asked:
        try:
            setattr(args, name, _checked_model(getattr(args, name)))
        except ValueError as error:
            problems.append(f'--{name}: {error}')
    for library in sorted({LIBRARIES[name] for name in asked}):
        if find_spec(library) is None:
            problems.append(
                f'{library} is not installed: '
                'pip install -r requirements/app.txt, or `make app`')
    if args.scans is not None and not args.scan:
        problems.append('--scans needs --scan')
    if args.no_center and not args.scan:
        problems.append('--no-center needs --scan')
    if args.scans is not None and not Path(args.scans).is_dir():
        problems.append(f'--scans: {args.scans} is no folder')
    if args.max_upload_mb is not None and not 0 < args.max_upload_mb < 1e6:
        problems.append(f'--max-upload-mb: {args.max_upload_mb:g} must be '
                        'positive')
    for port in ports(args).values():
        problem = port_problem(args.host, port)
        if problem:
            problems.append(f'--port: {problem}')
    return problems


def ports(args: argparse.Namespace) -> dict[str, int]:
    """The port of each page, ``images`` and ``scans``."""
    pages = ['images'] if args.refer or args.classes else []
    pages += ['scans'] if args.scan else []
    return {page: args.port + i for i, page in enumerate(pages)}


class _Raiser(argparse.ArgumentParser):
    """Lets what would end the program be said with the other problems."""

    def error(self, message):
        raise ValueError(message)


def _checked_model(words: list[str]) -> tuple[str, str | None]:
    if len(words) > 2:
        raise ValueError(f'{" ".join(words)} are more than a config and a '
                         'checkpoint')
    model = argparse.Namespace(
        config=words[0], checkpoint=words[1] if len(words) == 2 else None)
    check_model(_Raiser(), model)
    return model.config, model.checkpoint


def load(args: argparse.Namespace) -> dict[str, object]:
    """The inferencer of each option that is given."""
    from mmlangseg import apis
    kinds = dict(
        scan='LESSInferencer',
        refer='SemiRESInferencer',
        classes='SSegInferencer')
    models = {}
    for option, kind in kinds.items():
        if getattr(args, option):
            config, checkpoint = getattr(args, option)
            options = dict(center=False) if args.no_center and \
                option == 'scan' else {}
            print(f'loading {config}', flush=True)
            try:
                models[option] = getattr(apis, kind)(config, checkpoint or ...,
                                                     args.device, **options)
            except (ImportError, OSError, ValueError, RuntimeError) as error:
                sys.exit(f'error: --{option}: {error}')
    return models


def open_pages(args: argparse.Namespace, models: dict,
               stack: ExitStack) -> dict[str, str]:
    """Start the pages; give their addresses by what they are for.

    Args:
        args: Of the command line.
        models: Of :func:`load`.
        stack: Stops the pages when it is closed.
    """
    places, urls = ports(args), {}
    limit = {} if args.max_upload_mb is None else dict(
        max_upload_bytes=int(args.max_upload_mb * 2**20))
    if 'scans' in places:
        from app_parts.scan_page import ScanPage
        scans = ScanPage(
            models['scan'],
            host=args.host,
            port=places['scans'],
            scans=None if args.scans is None else Path(args.scans),
            **limit)
        stack.callback(scans.stop)
        # the next port, where another program has taken it meanwhile
        urls['scans'] = page_url(args.host, urlsplit(scans.url).port)
    if 'images' in places:
        from app_parts.image_page import ImagePage
        images = ImagePage(
            models.get('refer'),
            models.get('classes'),
            host=args.host,
            port=places['images'],
            scan_url=urls.get('scans'),
            **limit)
        stack.callback(images.stop)
        urls['images'] = page_url(args.host, places['images'])
    return urls


def serve(args: argparse.Namespace) -> None:
    """Load the models and serve their pages until this program is
    interrupted."""
    with ExitStack() as stack:
        models = load(args)
        try:
            urls = open_pages(args, models, stack)
        except OSError as error:  # such as a port that was taken meanwhile
            sys.exit(f'error: {error}')
        for name, url in urls.items():
            print(f'{name}: {url}')
        print('Ctrl-C ends it.', flush=True)
        threading.Event().wait()


def main(alone: bool = False) -> None:
    """Run the tool.

    Args:
        alone: Whether nothing else runs in this process, see
            tools/infer.py.
    """
    args = parse_args()
    if not is_loopback(args.host):
        print(
            f'warning: --host {args.host}: whoever reaches this machine can '
            'use the models, without a password and without encryption. On '
            '127.0.0.1, the default, only this machine can.',
            file=sys.stderr)
    # as Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if alone:
            import_hosts(*(['mmdet3d.models'] if args.scan else []))
        serve(args)
    except KeyboardInterrupt:
        print('stopped; what was uploaded is deleted', flush=True)


if __name__ == '__main__':
    main(alone=True)
