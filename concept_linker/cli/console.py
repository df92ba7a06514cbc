"""Printing: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "bar",
    "console",
    "counted",
    "note",
    "print_json",
    "print_lines",
    "print_table",
    "printable",
]

#: Seconds before a bar appears: quick work and early errors show none.
_BAR_DELAY = 0.5

#: Characters that move the cursor, change colours or titles, or reverse the reading order.
_CONTROL = [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CODES = {code: repr(chr(code))[1:-1] for code in _CONTROL if code != ord("\t")}


def printable(text: object) -> str:
    """Returns text that is safe on a terminal: control characters become their codes."""
    return str(text).translate(_CODES)


def note(text: str) -> None:
    """Prints a message on standard error."""
    print(printable(text), file=sys.stderr)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Prints JSON and flushes it, so that the reader of a stream need not wait.

    Args:
        value: what to print.
        indent: spaces of indentation for one large value; ``None`` prints one line.
    """
    print(json.dumps(value, indent=indent), flush=True)


def print_lines(text: str) -> None:
    """Prints lines of text; control characters in them are shown by their codes."""
    print("\n".join(map(printable, text.split("\n"))))


def counted(number: int, word: str) -> str:
    """Returns a number and its word, in the plural where needed.

    >>> counted(1, "row"), counted(1200, "breach")
    ('1 row', '1,200 breaches')
    """
    plural = "" if number == 1 else "es" if word.endswith("ch") else "s"
    return f"{number:,} {word}{plural}"


def console(*, least: int = 0) -> Console:
    """Returns a console for tables: as wide as the terminal, 160 columns in a pipe or file.

    Args:
        least: the minimum width; a narrower terminal then breaks lines, but no cell is lost.
    """
    from rich.console import Console

    width = max(shutil.get_terminal_size().columns, least) if sys.stdout.isatty() else 160
    return Console(width=width, highlight=False, emoji=False, markup=False)


def print_table(
    out: Console,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Collection[str],
    wrap: Collection[str],
) -> None:
    """Prints columns under bold titles.

    Args:
        out: the console.
        head: the titles.
        rows: the cells, one per title.
        left: titles of text columns, aligned left; the others hold numbers, aligned right.
        wrap: titles of columns whose cells may wrap on a narrow terminal.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        table.add_column(
            title,
            justify="left" if title in left else "right",
            no_wrap=title not in wrap,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(printable, row))
    out.print(table)


@contextmanager
def bar(
    title: str, total: int | None, unit: str, *, quiet: bool
) -> Iterator[Callable[[int], None]]:
    """Shows a bar on standard error; yields a function that adds to the number done."""
    if quiet:
        yield lambda more: None
        return
    from tqdm import tqdm

    bytes_ = unit == "B"
    unit = unit if bytes_ else f" {unit}"
    with tqdm(total=total, desc=title, unit=unit, unit_scale=bytes_, delay=_BAR_DELAY) as shown:

        def show(more: int) -> None:
            shown.update(more)

        yield show
