"""The page that the demo ends with: pictures, sentences and figures."""
from __future__ import annotations
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmlangseg.io.files import write_text

_STYLE = '''
body {font-family: sans-serif; max-width: 60em; margin: 2em auto;
      padding: 0 1em; line-height: 1.4}
img {max-width: 100%; border: 1px solid #ccc}
pre {background: #f4f4f4; padding: .7em; overflow-x: auto}
figure {margin: 1em 0}
'''


@dataclass(frozen=True)
class Example:
    """What the demo shows of a system.

    Attributes:
        system: Its name.
        summary: Plain sentence on what was trained and what the pictures
            show.
        figure: Plain sentence with the score on held-out data.
        pictures: Files and their captions.
        links: Other files and what they are.
        next_command: For the user's own data.
    """

    system: str
    summary: str
    figure: str
    pictures: Sequence[tuple[Path, str]]
    next_command: str
    links: Sequence[tuple[Path, str]] = ()


def write_page(path: Path, title: str, examples: Sequence[Example]) -> None:
    """Write one HTML file; links are relative, and nothing is loaded from
    elsewhere.

    Args:
        path: The file; the pictures lie in its folder or below.
        title: Heading of the page.
        examples: One section each.
    """
    title = html.escape(title)
    sections = '\n'.join(_section(each, path.parent) for each in examples)
    write_text(
        path, '<!DOCTYPE html>\n<html lang="en">\n<head>\n'
        '<meta charset="utf-8">\n'
        f'<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<h1>{title}</h1>\n{sections}\n</body>\n</html>\n')


def _section(example: Example, folder: Path) -> str:
    lines = [
        f'<h2>{html.escape(example.system)}</h2>',
        f'<p>{html.escape(example.summary)}</p>',
        f'<p>{html.escape(example.figure)}</p>'
    ]
    for picture, caption in example.pictures:
        caption = html.escape(caption)
        lines.append(f'<figure><img src="{_link(picture, folder)}" '
                     f'alt="{caption}"><figcaption>{caption}</figcaption>'
                     '</figure>')
    for file, what in example.links:
        lines.append(f'<p><a href="{_link(file, folder)}">'
                     f'{html.escape(what)}</a></p>')
    lines.append('<p>With your own data:</p>'
                 f'<pre>{html.escape(example.next_command)}</pre>')
    return '\n'.join(lines)


def _link(file: Path, folder: Path) -> str:
    relative = os.path.relpath(file, folder).replace(os.sep, '/')
    return html.escape(relative, quote=True)
