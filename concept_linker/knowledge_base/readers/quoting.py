"""Reads CSV with quoted cells, with the line that each row begins on."""

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
    """Yields the header, and the rows with as many cells; empty lines are skipped.

    An unclosed quote makes only its own line bad: reading continues with the next line.

    Args:
        path: a plain or gzip file, quoted according to RFC 4180.
        quarantine: collects rows with another number of cells or a misplaced quote.

    Yields:
        (line, cells)

    Raises:
        SourceError: the header cannot be read.
    """
    source = lines(path, quarantine)
    again: deque[tuple[int, str]] = deque()  # lines of a bad row, to be read again
    used: list[tuple[int, str]] = []

    def feed() -> Iterator[str]:
        while entry := again.popleft() if again else next(source, None):
            used.append(entry)
            yield f"{entry[1]}\n"

    rows = csv.reader(feed(), strict=True)
    width = 0
    while True:
        used.clear()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            number, text = used[0]
            if not width:
                raise SourceError(path, f"not a CSV header: {error}", line=number) from error
            quarantine.bad(path, number, f"not a CSV row: {error}", row=text)
            again.extendleft(reversed(used[1:]))
            rows = csv.reader(feed(), strict=True)
            continue
        if cells is None:
            return
        if not cells:
            continue
        number = used[0][0]
        width = width or len(cells)
        if len(cells) != width:
            row = "\n".join(text for _, text in used)
            quarantine.bad(path, number, f"{len(cells)} columns, expected {width}", row=row)
            continue
        yield number, cells
