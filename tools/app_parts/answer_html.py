"""Answers of the image page as HTML; everything in it is text."""
from __future__ import annotations
from html import escape
from pathlib import Path
from urllib.parse import quote

from mmlangseg.apis import ImageResult, SemanticResult
from mmlangseg.sseg.visualization import label_colors

MAX_ROWS = 24  # of a table of classes

CSS = """
.answer { border-top: 1px solid var(--border-color-primary);
  padding: .6em 0 1em; overflow-wrap: anywhere; }
.answer h3 { margin: 0 0 .4em; font-size: 1em; }
.answer img { max-width: 100%; max-height: 75vh; background: #fff; }
.answer p { margin: .5em 0; white-space: pre-wrap; }
.answer a { display: inline-block; margin-right: 1.2em; padding: 0;
  text-decoration: underline; }
.answer .swatch { display: inline-block; width: .9em; height: .9em;
  margin-right: .5em; vertical-align: -.1em; }
.answer :is(table, tbody, tr, td) { border: none; }
.answer td { padding: .1em 1.5em .1em 0; }
.problem { border-left: 4px solid #aa1e00; padding-left: .8em; }
.remark { color: #aa1e00; white-space: pre-wrap; }
.remark:empty { display: none; }
.dark .remark { color: #ff9b80; }
/* an upload's own link leads to gradio's files, which are not served */
.file-preview a { pointer-events: none; text-decoration: none; }
"""


def problem(text: str, name: str = '') -> str:
    """What is wrong, and with which image."""
    title = f'<h3>{escape(name)}</h3>' if name else ''
    return (f'<div class="answer problem" role="alert">{title}'
            f'<p>{escape(text)}</p></div>')


def sentence_answer(name: str, token: str, result: ImageResult) -> str:
    """What a sentence refers to.

    Args:
        name: Of the image's file, without folder.
        token: Of the folder of files, which
            :func:`mmlangseg.apis.write_image_results` has written.
        result: What is in them.
    """
    stem = Path(name).stem
    found = f'{result.mask.sum():,} pixels, score {result.score:.2f}' \
        if result.box is not None else 'nothing found'
    return _answer(
        name, token, f'{stem}_0.png',
        f'<p>{escape(found)}: {escape(result.text)}</p>', result.warning, {
            'Mask (PNG)': f'{stem}_0_mask.png',
            'Picture (PNG)': f'{stem}_0.png',
            'Score and box (JSON)': f'{stem}.json'
        })


def classes_answer(name: str, token: str, result: SemanticResult) -> str:
    """The classes of an image.

    Args:
        name: Of the image's file, without folder.
        token: Of the folder of files, which
            :func:`mmlangseg.apis.write_semantic_result` has written.
        result: What is in them.
    """
    stem = Path(name).stem
    colors = label_colors(len(result.names))
    rows = []
    for found in result.classes[:MAX_ROWS]:
        red, green, blue = colors[found.label].tolist()
        swatch = '' if found.name == 'background' else \
            f'background: rgb({red}, {green}, {blue})'
        rows.append(f'<tr><td><span class="swatch" style="{swatch}"></span>'
                    f'{escape(found.name)}</td><td>{found.share:.1%}</td>'
                    f'<td>score {found.score:.2f}</td></tr>')
    more = len(result.classes) - len(rows)
    rest = f'<p>and {more} smaller ones, see the legend</p>' if more else ''
    return _answer(
        name, token, f'{stem}.png', f'<table>{"".join(rows)}</table>{rest}',
        result.warning, {
            'Label map (PNG)': f'{stem}_labels.png',
            'Legend (JSON)': f'{stem}.json',
            'Picture (PNG)': f'{stem}.png'
        })


def _answer(name: str, token: str, picture: str, text: str, warning: str,
            links: dict[str, str]) -> str:

    def url(file: str) -> str:
        return escape(f'answers/{token}/{quote(file, "")}')

    remark = f'<p class="remark">{escape(warning)}</p>' if warning else ''
    downloads = ''.join(
        f'<a href="{url(file)}" download="{escape(file)}">{title}</a>'
        for title, file in links.items())
    return (f'<div class="answer"><h3>{escape(name)}</h3>'
            f'<img src="{url(picture)}" alt="{escape(name)}, marked">'
            f'{text}{remark}<p>{downloads}</p></div>')
