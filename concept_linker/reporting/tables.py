"""Tables as values: the console and the HTML page print the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import isnan
from typing import NamedTuple

from concept_linker.reporting.intervals import Interval

__all__ = ["Cell", "Table", "format_table", "format_tables", "html_table", "interval_cell"]


class Cell(NamedTuple):
    """A cell with a remark that is set small, such as a figure with its interval."""

    text: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Args:
        title: its heading; may be empty.
        columns: the column titles.
        rows: one cell per column; plain text or a :class:`Cell`.
        labels: the number of leading columns that are text; the others are numbers.
        note: a remark below the heading.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    labels: int = 1
    note: str = ""


def interval_cell(interval: Interval, form: str = ".3f") -> Cell:
    """Returns a figure with its interval as remark; blank if the figure is undefined.

    >>> interval_cell(Interval(0.5, 0.4, 0.6))
    Cell(text='0.500', remark='0.400 to 0.600')
    """
    if isnan(interval.value):
        return Cell("")
    low, high = format(interval.low, form), format(interval.high, form)
    return Cell(format(interval.value, form), f"{low} to {high}")


def format_tables(tables: Iterable[Table]) -> str:
    """Returns tables as plain text, separated by empty lines."""
    return "\n\n".join(map(format_table, tables))


def format_table(table: Table) -> str:
    """Returns a table as plain text.

    >>> print(format_table(Table("Sizes", ("part", "pairs"), (("CT", "1,200"), ("MRI", "7")))))
    Sizes
    part  pairs
    CT    1,200
    MRI       7
    """
    rows = [table.columns, *(tuple(map(_plain, row)) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [line for line in (table.title, table.note) if line]
    for row in rows:
        cells = (
            cell.ljust(width) if number < table.labels else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_table(table: Table) -> str:
    """Returns a table with its heading as HTML; everything is escaped."""

    def row(cells: Iterable[str], tag: str) -> str:
        return "".join(
            f'<{tag} class="text">{cell}</{tag}>'
            if number < table.labels
            else f"<{tag}>{cell}</{tag}>"
            for number, cell in enumerate(cells)
        )

    title = f"<h3>{escape(table.title)}</h3>" if table.title else ""
    note = f'<p class="about">{escape(table.note)}</p>' if table.note else ""
    body = "".join(f"<tr>{row(map(_html, cells), 'td')}</tr>" for cells in table.rows)
    return (
        f'{title}{note}<div class="scroll"><table>'
        f"<tr>{row(map(escape, table.columns), 'th')}</tr>{body}</table></div>"
    )


def _plain(cell: str | Cell) -> str:
    text, remark = cell if isinstance(cell, Cell) else (cell, "")
    return " ".join(f"{text} ({remark})".split()) if remark else " ".join(text.split())


def _html(cell: str | Cell) -> str:
    text, remark = cell if isinstance(cell, Cell) else (cell, "")
    return f"{escape(text)} <small>({escape(remark)})</small>" if remark else escape(text)
