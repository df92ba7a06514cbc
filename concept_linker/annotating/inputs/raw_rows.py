"""The raw rows of JSON Lines and CSV files, in constant memory.

Workers parse rows, because parsing costs as much as writing.  The reader finds only what cannot
travel to them as a row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from concept_linker.annotating.inputs.delimited import read_delimited
from concept_linker.annotating.inputs.files import InputFile
from concept_linker.annotating.inputs.sniffing import TO_UTF8
from concept_linker.errors import SourceError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.json_lines import MAX_LINE, Progress, parse_line, read_lines
from concept_linker.triplets.record_files import side_car

__all__ = ["RawRow", "read_raw_rows"]

_NOT_UTF8: Final = f"not UTF-8; convert Latin-1 or Windows-1252 with: {TO_UTF8}"


class RawRow(NamedTuple):
    """A row: its line number from 1, its JSON, its problem if any, and its provenance."""

    number: int
    line: bytes
    problem: str | None = None
    provenance: bytes | None = None


def read_raw_rows(file: InputFile, progress: Progress | None = None) -> Iterator[RawRow]:
    """Yields the rows of a text file, each with the row of its provenance side-car.

    Raises:
        SourceError: the side-car has more or fewer rows.
        OSError: the file cannot be read.
    """
    read = _read_json_lines if file.kind == "jsonl" else _read_table
    if not file.provenance_sha256:
        yield from read(file, progress)
        return
    path = side_car(file.path)
    provenance = read_lines(path)
    number = 0
    for number, row in enumerate(read(file, progress), start=1):
        line = next(provenance, None)
        if line is None:
            raise SourceError(path, f"ends before row {number} of {file.name}")
        yield row._replace(provenance=line.data)
    if next(provenance, None) is not None:
        raise SourceError(path, f"has more rows than the {number} of {file.name}")


def _read_json_lines(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    for number, line in enumerate(read_lines(file.path, progress), start=1):
        if not (line.omitted or line.broken):
            yield RawRow(number, line.data)
            continue
        value = parse_line(line, lenient=True)
        if isinstance(value, BadRow):
            problem = "; ".join(breach.reason for breach in value.breaches)
            yield RawRow(number, value.text.encode(errors="replace"), problem)
        else:
            yield RawRow(number, line.data)


def _read_table(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    before = csv.field_size_limit(MAX_LINE)  # a setting of the whole process
    try:
        yield from _table_rows(file, progress)
    finally:
        csv.field_size_limit(before)


def _table_rows(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    header: list[str] | None = None
    for row in read_delimited(read_lines(file.path, progress), file.separator, file.skip):
        if row.problem:
            text = row.shown.decode("utf-8", "backslashreplace")
            yield RawRow(row.number, text.encode(), row.problem)
        elif header is None:
            header = _header(row.fields, file)
        else:
            line = _encode(dict(zip(header, row.fields, strict=True))).encode()
            undecodable = b"\\udc" in line and any(map(_is_undecodable, row.fields))
            yield RawRow(row.number, line, _NOT_UTF8 if undecodable else None)


def _header(fields: list[str], file: InputFile) -> list[str]:
    names = [name.strip() for name in fields]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise SourceError(file.name, f"has two columns named {duplicate!r}", line=file.skip + 1)
    return names


_encode: Callable[[Any], str] = json.JSONEncoder().encode


def _is_undecodable(text: str) -> bool:
    """Returns whether a text has bytes that ``surrogateescape`` could not decode."""
    return any("\udc80" <= letter <= "\udcff" for letter in text)
