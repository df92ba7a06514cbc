"""The rows of JSON Lines and CSV files as they stand there, in constant memory.

They are not looked into, as that is the workers' part; only what cannot travel as a row is told.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from concept_linker.batch.inputs import InputFile
from concept_linker.errors import SourceError
from concept_linker.triplets.lines import MAX_LINE, BadRow, Progress, lines, parse
from concept_linker.triplets.streams import side_car

__all__ = ["RawRow", "raw_rows"]


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
    beside = lines(place)
    number = 0
    for number, row in enumerate(rows(file, progress), start=1):
        about = next(beside, None)
        if about is None:
            raise SourceError(place, f"ends before row {number} of {file.name}")
        yield row._replace(provenance=about.data)
    if next(beside, None) is not None:
        raise SourceError(place, f"has more rows than the {number} of {file.name}")


def _json_rows(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    for number, line in enumerate(lines(file.path, progress), start=1):
        if not (line.omitted or line.broken):
            yield RawRow(number, line.data)
            continue
        value = parse(line, mend=True)
        if isinstance(value, BadRow):
            reason = "; ".join(breach.reason for breach in value.breaches)
            yield RawRow(number, value.text.encode(errors="replace"), reason)
        else:
            yield RawRow(number, line.data)


class _Physical:
    """Lines of a CSV file for :mod:`csv`, and what is wrong with those that it cannot have."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._lines = lines(path, progress)
        self.broken = ""
        self.shown = b""

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines):
            self.shown = line.data
            text = line.data.decode("utf-8", "surrogateescape")
            if number == 0:
                text = text.removeprefix("\ufeff")
            if line.broken and "stream" in line.broken:
                self.broken = line.broken
                if not text:
                    return
            # Whatever is left of an overlong line, this makes a field that csv refuses; its next
            # row then begins at the next line.
            yield text + ("x" * (MAX_LINE + 1) if line.omitted else "") + "\n"


def _separated_rows(file: InputFile, progress: Progress | None) -> Iterator[RawRow]:
    before = csv.field_size_limit(MAX_LINE)  # of the whole process
    try:
        yield from _separated(_Physical(file.path, progress), file)
    finally:
        csv.field_size_limit(before)


def _separated(physical: _Physical, file: InputFile) -> Iterator[RawRow]:
    reader = csv.reader(iter(physical), delimiter="\t" if file.kind == "tsv" else ",")
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            reason = f"a field has more than {MAX_LINE:,} characters, or: {error}"
            yield RawRow(number, physical.shown, reason)
            continue
        if record is None:
            break
        if header is None:
            header = _header(record, file)
        elif record:
            yield _separated_row(number, record, header)
    if physical.broken:
        yield RawRow(reader.line_num + 1, b"", f"{physical.broken}")


def _header(record: list[str], file: InputFile) -> list[str]:
    twice = next((name for name in record if record.count(name) > 1), None)
    if twice is not None:
        raise SourceError(file.name, f"has two columns {twice!r}", line=1)
    return record


def _separated_row(number: int, record: list[str], header: list[str]) -> RawRow:
    if len(record) != len(header):
        shown = _row_of(record).encode("utf-8", "backslashreplace")
        count, wanted = len(record), len(header)
        return RawRow(number, shown, f"has {count} columns, wanted {wanted}")
    line = _row_of(dict(zip(header, record, strict=True)))
    if "\\udc" in line and any(_undecodable(value) for value in record):
        return RawRow(number, line.encode(), "not UTF-8")
    return RawRow(number, line.encode())


_row_of: Callable[[Any], str] = json.JSONEncoder().encode


def _undecodable(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)
