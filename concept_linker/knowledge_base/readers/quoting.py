"""CSV with quoted cells, row by row, with the line that each row begins on."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["quoted_rows"]


def quoted_rows(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, list[str]]]:
    """The header and the rows that have as many cells; empty lines are passed over.

    A quote that never closes costs its own line alone: reading goes on with the next.

    Args:
        path: a plain or gzip file, quoted as RFC 4180 says.
        quarantine: takes rows with another number of cells or a quote where none may be.

    Yields:
        (line, cells)

    Raises:
        SourceError: the header cannot be read.
    """
    source = lines(path, quarantine)
    again: deque[tuple[int, str]] = deque()  # lines of a row that broke, to be read once more
    taken: list[tuple[int, str]] = []

    def feed() -> Iterator[str]:
        while entry := again.popleft() if again else next(source, None):
            taken.append(entry)
            yield f"{entry[1]}\n"

    rows = csv.reader(feed(), strict=True)
    width = 0
    while True:
        taken.clear()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            number, text = taken[0]
            if not width:
                raise SourceError(path, f"no CSV header: {error}", line=number) from error
            quarantine.bad(path, number, f"no CSV row: {error}", row=text)
            again.extendleft(reversed(taken[1:]))
            rows = csv.reader(feed(), strict=True)
            continue
        if cells is None:
            return
        if not cells:
            continue
        number = taken[0][0]
        width = width or len(cells)
        if len(cells) != width:
            row = "\n".join(text for _, text in taken)
            quarantine.bad(path, number, f"{len(cells)} columns, wanted {width}", row=row)
            continue
        yield number, cells
