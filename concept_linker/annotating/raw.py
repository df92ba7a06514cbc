"""The rows of JSON Lines and CSV files as they stand there, in constant memory.

They are not looked into, as that is the workers' part; only what cannot travel as a row is told.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from concept_linker.annotating.heads import TO_UTF8
from concept_linker.annotating.inputs import InputFile
from concept_linker.annotating.separated import separated_rows
from concept_linker.errors import SourceError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.json_lines import MAX_LINE, Progress, parse_line, read_lines
from concept_linker.triplets.record_files import side_car

__all__ = ["RawRow", "raw_rows"]

_NOT_UTF8: Final = f"not UTF-8; if the file is Latin-1 or Windows-1252: {TO_UTF8}"


class RawRow(NamedTuple):
    """A row of a file of lines: its place, its JSON, and what makes it none."""

    number: int
    line: bytes
    problem: str | None = None
    provenance: bytes | None = None


def raw_rows(file: InputFile, progress: Progress | None = None) -> Iterator[RawRow]:
    """The rows of a file of lines, in constant memory.

    Raises:
        SourceError: its side-car has not as many rows.
        OSError: it cannot be read.
    """
    rows = _json_rows if file.kind == "jsonl" else _separated_rows
    if not file.provenance_sha256:
        yield from rows(file, progress)
        return
    place = side_car(file.path)
    beside = read_lines(place)
    number = 0
    for number, row in enumerate(rows(file, progress), start=1):
        about = next(beside, None)
        if about is None:
            raise SourceError(place, f"ends before row {number} of {file.name}")
        yield row._replace(provenance=about.data)
    if next(beside, None) is not None:
        raise SourceError(place, f"has more rows than the {number} of {file.name}")


def _json_rows(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    for number, line in enumerate(read_lines(file.path, progress), start=1):
        if not (line.omitted or line.broken):
            yield RawRow(number, line.data)
            continue
        value = parse_line(line, lenient=True)
        if isinstance(value, BadRow):
            reason = "; ".join(breach.reason for breach in value.breaches)
            yield RawRow(number, value.text.encode(errors="replace"), reason)
        else:
            yield RawRow(number, line.data)


def _separated_rows(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    before = csv.field_size_limit(MAX_LINE)  # of the whole process
    try:
        yield from _separated(file, progress)
    finally:
        csv.field_size_limit(before)


def _separated(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    header: list[str] | None = None
    for row in separated_rows(read_lines(file.path, progress), file.separator, file.skip):
        if row.problem:
            text = row.shown.decode("utf-8", "backslashreplace")
            yield RawRow(row.number, text.encode(), row.problem)
        elif header is None:
            header = _header(row.fields, file)
        else:
            line = _row_of(dict(zip(header, row.fields, strict=True))).encode()
            undecodable = b"\\udc" in line and any(map(_undecodable, row.fields))
            yield RawRow(row.number, line, _NOT_UTF8 if undecodable else None)


def _header(fields: list[str], file: InputFile) -> list[str]:
    names = [name.strip() for name in fields]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SourceError(file.name, f"has two columns named {twice!r}", line=file.skip + 1)
    return names


_row_of: Callable[[Any], str] = json.JSONEncoder().encode


def _undecodable(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)
