"""What MkDocs needs to show this repository: the READMEs are pages of the
site, and links that are right on GitHub are right there, too.

A link to a file that is no page leads to the repository (``repo_url`` in
mkdocs.yml), and is plain text as long as that is not set.
"""
from __future__ import annotations
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# pages and pictures that lie outside docs/, by their names in the site
OUTSIDE = {'README.md': 'index.md'}
for path in sorted(ROOT.glob('projects/*/README.md')):
    OUTSIDE[path.relative_to(ROOT).as_posix()] = (
        f'systems/{path.parent.name}.md')
for path in sorted(ROOT.glob('resources/*')):
    OUTSIDE[path.relative_to(ROOT).as_posix()] = f'resources/{path.name}'
INSIDE = {site: source for source, site in OUTSIDE.items()}
FENCE = re.compile(r'(^ *```.*?^ *```$)', re.DOTALL | re.MULTILINE)
LINK = re.compile(r'(!?)\[([^]]*)\]\(([^)\s]+)\)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/."""
    from mkdocs.structure.files import File  # the rest is tested without it
    for source, site in OUTSIDE.items():
        files.append(
            File.generated(config, site, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig,
                     files: Files) -> str:
    """Turn the links of a page, blocks of code aside."""
    site = page.file.src_uri
    source = INSIDE.get(site, f'docs/{site}')
    parts = FENCE.split(markdown)
    parts[::2] = [
        turn_links(part, source, site, config) for part in parts[::2]
    ]
    return ''.join(parts)


def turn_links(text: str, source: str, site: str, config: MkDocsConfig) -> str:
    """Links from the file ``source`` as links from the page ``site``."""

    def turned(match: re.Match) -> str:
        picture, label, link = match.groups()
        name, _, anchor = link.partition('#')
        if '://' in link or not name:
            return match[0]
        target = os.path.normpath(os.path.join(os.path.dirname(source), name))
        if not (ROOT / target).exists():
            return match[0]  # MkDocs says so
        if target in OUTSIDE:
            target = OUTSIDE[target]
        elif target.startswith('docs/'):
            target = target[len('docs/'):]
        elif config.repo_url:
            url = f'{config.repo_url.rstrip("/")}/blob/main/{target}'
            return f'[{label}]({url})'
        else:
            return label
        link = os.path.relpath(target, os.path.dirname(site) or '.')
        return f'{picture}[{label}]({link}{"#" + anchor if anchor else ""})'

    return LINK.sub(turned, text)
