"""Reads CSV and similar tables in constant memory, and recovers from unclosed quotes.

To a plain CSV reader, an unclosed quote makes one row of all that follow.  Here the line with the
quote becomes a bad row, and reading continues at the next line.  Text that may be the rest of a
broken row never becomes a row.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from concept_linker.triplets.json_lines import MAX_LINE, Line

__all__ = ["TableRow", "read_delimited"]

_UNCLOSED: Final = "a quote is not closed"
_FILE_NAME: Final = re.compile(r".+\.(jpe?g|png|tiff?|gif|bmp|webp|svg|dcm)", re.IGNORECASE)


class TableRow(NamedTuple):
    """A row: the number of its first line, from 1, and its fields or what is wrong with it."""

    number: int
    fields: list[str]
    problem: str = ""
    shown: bytes = b""


class _NumberedLine(NamedTuple):
    number: int
    line: Line
    text: str


class _UnclosedError(Exception):
    """A row is so long that a quote must be unclosed."""


def read_delimited(lines: Iterator[Line], separator: str, skip: int) -> Iterator[TableRow]:
    """Yields the rows of a table, its header first; empty lines are skipped.

    Args:
        lines: the lines of the file.
        separator: the character between columns.
        skip: the number of lines before the header.
    """
    yield from _Reader(lines, separator, skip).rows()


class _Reader:
    def __init__(self, lines: Iterator[Line], separator: str, skip: int) -> None:
        self._lines = enumerate(lines, start=1)
        self._separator = separator
        self._skip = skip
        self._pushed_back: deque[_NumberedLine] = deque()
        self._width = 0
        self._spaced = False

    def _next_line(self) -> _NumberedLine | None:
        if self._pushed_back:
            return self._pushed_back.popleft()
        number, line = next(self._lines, (0, None))
        if line is None:
            return None
        text = line.data.decode("utf-8", "surrogateescape").removesuffix("\r")
        return _NumberedLine(number, line, text.removeprefix("\ufeff") if number == 1 else text)

    def rows(self) -> Iterator[TableRow]:
        after_unclosed = False
        while (first := self._next_line()) is not None:
            number, line, text = first
            if number <= self._skip or not (text or line.broken):
                continue
            row = self._row(first)
            if not row.problem and not self._width:
                self._width = len(row.fields)
                self._spaced = self._looks_spaced(row.fields)
            elif not row.problem and len(row.fields) != self._width:
                problem = f"has {len(row.fields)} columns, expected {self._width}"
                row = row._replace(problem=problem)
            elif not row.problem and after_unclosed and not self._is_clean(row.fields, row.shown):
                row = row._replace(problem=f"may belong to an earlier row, where {_UNCLOSED}")
            if row.problem:
                after_unclosed = after_unclosed or row.problem.startswith(_UNCLOSED)
            else:
                after_unclosed = False
            yield row

    def _row(self, first: _NumberedLine) -> TableRow:
        number, line, text = first
        if line.omitted:
            length = len(line.data) + line.omitted
            return _bad(first, f"has {length:,} bytes, expected at most {MAX_LINE:,}")
        if "stream" in line.broken:
            return _bad(first, line.broken)
        if "\r" in text and '"' not in text:
            return _bad(first, "has a carriage return outside quotes")
        if '"' not in text:
            return TableRow(number, text.split(self._separator), shown=line.data)
        used = [first]
        try:
            fields = next(csv.reader(self._feed(used), delimiter=self._separator, strict=True))
        except (csv.Error, _UnclosedError):
            if len(used) == 1 and (lenient := self._read_leniently(text)):
                return TableRow(number, lenient, shown=line.data)
        else:
            if not self._has_swallowed(used, fields):
                shown = b"\n".join(one.line.data for one in used)
                return TableRow(number, fields, shown=shown)
        self._pushed_back.extendleft(reversed(used[1:]))
        return _bad(first, f"{_UNCLOSED}; reading continues at the next line")

    def _feed(self, used: list[_NumberedLine]) -> Iterator[str]:
        """Yields the lines of one row to the CSV reader, and records them in ``used``."""
        yield used[0].text + "\n"
        size = len(used[0].text)
        while (more := self._next_line()) is not None:
            used.append(more)
            size += len(more.text)
            if more.line.omitted or "stream" in more.line.broken or size > MAX_LINE:
                raise _UnclosedError
            yield more.text + "\n"

    def _read_leniently(self, text: str) -> list[str]:
        """Returns the fields of a line with quotes inside quotes; ``[]`` if one is unclosed."""
        try:
            fields = next(csv.reader([text + "\n"], delimiter=self._separator))
        except csv.Error:
            return []
        return [] if fields[-1].endswith("\n") else fields

    def _has_swallowed(self, used: Sequence[_NumberedLine], fields: Sequence[str]) -> bool:
        """Returns whether a row of several lines contains other rows."""
        if len(used) == 1 or self._width < 2:
            return False
        rows = [one.text.replace('"', "").split(self._separator) for one in used[1:]]
        clean = [len(row) == self._width and self._is_clean(row) for row in rows]
        if any(is_clean and _names_a_file(row) for row, is_clean in zip(rows, clean, strict=True)):
            return True
        return any(clean[:-1]) if len(fields) != self._width else len(used) > 2 and all(clean)

    def _is_clean(self, fields: Sequence[str], text: bytes = b"") -> bool:
        """Returns whether fields look like a row, not like prose with a blank after commas."""
        complete = bool(fields[-1]) and (text.count(b'"') % 2 == 0 or _names_a_file(fields))
        return complete and (self._spaced or not self._looks_spaced(fields))

    @staticmethod
    def _looks_spaced(fields: Sequence[str]) -> bool:
        return any(field.startswith(" ") for field in fields[1:])


def _names_a_file(fields: Sequence[str]) -> bool:
    return any(map(_FILE_NAME.fullmatch, fields))


def _bad(first: _NumberedLine, problem: str) -> TableRow:
    return TableRow(first.number, [], problem, first.line.data)
