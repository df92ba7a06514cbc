"""The rows of CSV and its kin in constant memory, also where a quote is not closed.

An unclosed quote makes one row of all that follow.  So what went wrong is found, the line where it
began is set aside, and reading goes on at the next line.  A row is never made of what may be the
rest of another.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from concept_linker.triplets.json_lines import MAX_LINE, Line

__all__ = ["SeparatedRow", "separated_rows"]

_UNCLOSED: Final = "a quote is not closed"
_FILE: Final = re.compile(r".+\.(jpe?g|png|tiff?|gif|bmp|webp|svg|dcm)", re.IGNORECASE)


class SeparatedRow(NamedTuple):
    """A row: the number of its first line, from 1, its fields, or why it is none."""

    number: int
    fields: list[str]
    problem: str = ""
    shown: bytes = b""


class _Numbered(NamedTuple):
    number: int
    line: Line
    text: str


class _UnclosedError(Exception):
    """So much in one row can only be a quote that is not closed."""


def separated_rows(lines: Iterator[Line], separator: str, skip: int) -> Iterator[SeparatedRow]:
    """The rows of a table, its header first; empty lines are none.

    Args:
        lines: of the file.
        separator: what separates columns.
        skip: how many lines come before the header.
    """
    yield from _Table(lines, separator, skip).rows()


class _Table:
    def __init__(self, lines: Iterator[Line], separator: str, skip: int) -> None:
        self._lines = enumerate(lines, start=1)
        self._separator = separator
        self._skip = skip
        self._again: deque[_Numbered] = deque()
        self._width = 0
        self._spaced = False

    def _take(self) -> _Numbered | None:
        if self._again:
            return self._again.popleft()
        number, line = next(self._lines, (0, None))
        if line is None:
            return None
        text = line.data.decode("utf-8", "surrogateescape").removesuffix("\r")
        return _Numbered(number, line, text.removeprefix("\ufeff") if number == 1 else text)

    def rows(self) -> Iterator[SeparatedRow]:
        after_unclosed = False
        while (first := self._take()) is not None:
            number, line, text = first
            if number <= self._skip or not (text or line.broken):
                continue
            row = self._row(first)
            if not row.problem and not self._width:
                self._width = len(row.fields)
                self._spaced = self._looks_spaced(row.fields)
            elif not row.problem and len(row.fields) != self._width:
                reason = f"has {len(row.fields)} columns, wanted {self._width}"
                row = row._replace(problem=reason)
            elif not row.problem and after_unclosed and not self._is_clean(row.fields, row.shown):
                row = row._replace(problem=f"may belong to a row before it, where {_UNCLOSED}")
            if row.problem:
                after_unclosed = after_unclosed or row.problem.startswith(_UNCLOSED)
            else:
                after_unclosed = False
            yield row

    def _row(self, first: _Numbered) -> SeparatedRow:
        number, line, text = first
        if line.omitted:
            length = len(line.data) + line.omitted
            return _bad(first, f"has {length:,} bytes, wanted {MAX_LINE:,} at most")
        if "stream" in line.broken:
            return _bad(first, line.broken)
        if "\r" in text and '"' not in text:
            return _bad(first, "has a carriage return outside of quotes")
        if '"' not in text:
            return SeparatedRow(number, text.split(self._separator), shown=line.data)
        used = [first]
        try:
            fields = next(csv.reader(self._feed(used), delimiter=self._separator, strict=True))
        except (csv.Error, _UnclosedError):
            if len(used) == 1 and (lenient := self._leniently(text)):
                return SeparatedRow(number, lenient, shown=line.data)
        else:
            if not self._has_swallowed(used, fields):
                shown = b"\n".join(one.line.data for one in used)
                return SeparatedRow(number, fields, shown=shown)
        self._again.extendleft(reversed(used[1:]))
        return _bad(first, f"{_UNCLOSED}; reading goes on at the next line")

    def _feed(self, used: list[_Numbered]) -> Iterator[str]:
        """The lines of one row, as far as they are asked for."""
        yield used[0].text + "\n"
        size = len(used[0].text)
        while (more := self._take()) is not None:
            used.append(more)
            size += len(more.text)
            if more.line.omitted or "stream" in more.line.broken or size > MAX_LINE:
                raise _UnclosedError
            yield more.text + "\n"

    def _leniently(self, text: str) -> list[str]:
        """The fields of one line that has quotes inside of quotes; none where one stays open."""
        try:
            fields = next(csv.reader([text + "\n"], delimiter=self._separator))
        except csv.Error:
            return []
        return [] if fields[-1].endswith("\n") else fields

    def _has_swallowed(self, used: Sequence[_Numbered], fields: Sequence[str]) -> bool:
        """Whether other rows are inside of a row of several lines."""
        if len(used) == 1 or self._width < 2:
            return False
        rows = [one.text.replace('"', "").split(self._separator) for one in used[1:]]
        clean = [len(row) == self._width and self._is_clean(row) for row in rows]
        if any(is_clean and _names_a_file(row) for row, is_clean in zip(rows, clean, strict=True)):
            return True
        return any(clean[:-1]) if len(fields) != self._width else len(used) > 2 and all(clean)

    def _is_clean(self, fields: Sequence[str], text: bytes = b"") -> bool:
        """Whether it looks like a row, not like prose: that has a blank after its commas."""
        whole = bool(fields[-1]) and (text.count(b'"') % 2 == 0 or _names_a_file(fields))
        return whole and (self._spaced or not self._looks_spaced(fields))

    @staticmethod
    def _looks_spaced(fields: Sequence[str]) -> bool:
        return any(field.startswith(" ") for field in fields[1:])


def _names_a_file(fields: Sequence[str]) -> bool:
    return any(map(_FILE.fullmatch, fields))


def _bad(first: _Numbered, problem: str) -> SeparatedRow:
    return SeparatedRow(first.number, [], problem, first.line.data)
