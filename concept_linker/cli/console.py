"""What commands print with: results to standard output, all else to standard error."""

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

#: Bars appear after so many seconds: what is quicker, or fails at once, shows none.
_BAR_DELAY = 0.5

#: What could move the cursor, change colours, retitle the window, or turn the reading order round.
_CONTROL = [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CODES = {code: repr(chr(code))[1:-1] for code in _CONTROL if code != ord("\t")}


def printable(text: object) -> str:
    """One line that is safe on a terminal: control characters by their codes."""
    return str(text).translate(_CODES)


def note(text: str) -> None:
    """Prints a remark on standard error."""
    print(printable(text), file=sys.stderr)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Prints JSON, at once: who reads a stream does not wait for the next.

    Args:
        value: what to print.
        indent: for one large value; without it, a line.
    """
    print(json.dumps(value, indent=indent), flush=True)


def print_lines(text: str) -> None:
    """Prints lines of text; control characters in them are shown by their codes."""
    print("\n".join(map(printable, text.split("\n"))))


def counted(number: int, word: str) -> str:
    """The number with its word.

    >>> counted(1, "row"), counted(1200, "breach")
    ('1 row', '1,200 breaches')
    """
    plural = "" if number == 1 else "es" if word.endswith("ch") else "s"
    return f"{number:,} {word}{plural}"


def console(*, least: int = 0) -> Console:
    """A console for tables: wide where nobody looks, plain where it is no terminal.

    Args:
        least: columns that are used even on a narrower terminal, which then breaks the lines; for
            tables that would lose cells.
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
        out: where to.
        head: the titles.
        rows: a cell a title.
        left: the titles of the columns that are text; the others are numbers, to the right.
        wrap: the titles of those that may be broken where the terminal is narrow.
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
    """A bar on standard error; yields what is told how many more are done."""
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
