"""Tables in the console, in logs and for pages."""
from __future__ import annotations
from collections.abc import Sequence

from prettytable import PrettyTable, TableStyle


def format_rows(rows: Sequence[Sequence[str]],
                title: str | None = None,
                markdown: bool = False) -> str:
    """Lay out rows of cells as a table, the first one as its head.

    The first column is set flush left, the others flush right.

    Args:
        rows: Cells; no two of the head are equal.
        title: Line above the table.
        markdown: As a page of the documentation has it, instead of in ASCII.
    """
    table = PrettyTable(list(rows[0]), align='r')
    table.align[rows[0][0]] = 'l'
    table.add_rows([list(row) for row in rows[1:]])
    if markdown:
        table.set_style(TableStyle.MARKDOWN)
    return table.get_string() if title is None else f'{title}\n{table}'
