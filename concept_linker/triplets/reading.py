"""Reads files of records row by row: JSON Lines (plain, gzip, zstd) and Parquet.

A row is the record's ``dict``.  If the file has provenance, it is under the key ``provenance``: in
Parquet it is a column, for JSON Lines a side-car
(:func:`~concept_linker.triplets.record_files.side_car`) that joins by row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from concept_linker.errors import InputError, SourceError
from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.checking import Checker
from concept_linker.triplets.file_signatures import not_json_lines
from concept_linker.triplets.json_lines import (
    Progress,
    line_end_breaches,
    parse_line,
    read_head,
    read_lines,
)
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import OTHER_KEYS, PROVENANCE, SPAN_DETAILS, dump
from concept_linker.triplets.record_files import side_car

__all__ = ["has_images", "has_provenance", "is_parquet", "read_all", "read_records"]


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes.

    Raises:
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def has_images(path: Path) -> bool:
    """Whether a file of records holds the bytes of its images.

    Raises:
        SourceError: it is a damaged Parquet file.
        OSError: it cannot be opened.
    """
    if not is_parquet(path):
        return False
    from concept_linker.triplets.parquet_files import read_schema
    from concept_linker.triplets.parquet_schema import IMAGE_TYPE

    schema = read_schema(path)
    return "image" in schema.names and bool(schema.field("image").type == IMAGE_TYPE)


def has_provenance(path: Path) -> bool:
    """Whether a file of records has provenance, in a column or a side-car."""
    if not is_parquet(path):
        return side_car(path).is_file()
    from concept_linker.triplets.parquet_files import read_schema

    return PROVENANCE in read_schema(path).names


def read_records(
    path: Path | str,
    *,
    checker: Checker | None = None,
    images: bool = False,
    details: bool = False,
    lenient: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Reads and checks the rows of a file of records in constant memory.

    Args:
        path: JSON Lines (plain, gzip, zstd) or Parquet; its first bytes tell which.
        checker: checks each row; by default with the rules that hold for every record.
        images: rows of Parquet include their image's bytes under ``image_bytes``.
        details: rows of Parquet include the details of their spans under ``span_details``, one item
            per span.
        lenient: remove byte order marks and carriage returns; otherwise they are breaches.
        progress: called with the number of bytes read since the last call.

    Yields:
        the number of the row, from 1, and its record, or what is wrong with it.

    Raises:
        SourceError: a Parquet file is damaged, a side-car and its file differ in their numbers of
            rows, or the file has another format, such as a JSON list.
        OSError: the file cannot be read.
    """
    path = Path(path)
    checker = checker or Checker()
    if is_parquet(path):
        yield from _read_parquet(path, checker, images, details, progress)
        return
    if problem := not_json_lines(read_head(path)):
        raise SourceError(path, problem)
    provenance = _read_side_car(side_car(path)) if side_car(path).is_file() else None
    number = 0
    for number, line in enumerate(read_lines(path, progress), start=1):
        row = parse_line(line, lenient=True)
        if not isinstance(row, BadRow):
            row = _checked(row, checker, line.data)
        if not lenient and (ends := line_end_breaches(line)):
            more = row.breaches if isinstance(row, BadRow) else ()
            row = BadRow((*ends, *more), line.data.decode("utf-8", "backslashreplace"))
        if provenance is not None:
            row = _joined(row, next(provenance, None), path, number)
        yield number, row
    if provenance is not None and next(provenance, None) is not None:
        raise SourceError(side_car(path), f"has more rows than the {number} of {path}")


def read_all(
    files: Iterable[Path],
    *,
    checker: Checker | None = None,
    images: bool = False,
    details: bool = False,
    lenient: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[Path, int, dict[str, Any] | BadRow]]:
    """Reads several files one after the other; see :func:`read_records`.

    Yields:
        the file, the number of the row in it, from 1, and its record, or what is wrong with it.

    Raises:
        SourceError: see :func:`read_records`.
        OSError: a file cannot be read.
    """
    for file in files:
        for number, row in read_records(
            file,
            checker=checker,
            images=images,
            details=details,
            lenient=lenient,
            progress=progress,
        ):
            yield file, number, row


def _read_parquet(
    path: Path, checker: Checker, images: bool, details: bool, progress: Progress | None
) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    from concept_linker.triplets.parquet_files import IMAGE_BYTES, read_rows

    rows = read_rows(path, images=images, details=details, progress=progress)
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict):
            # The checker knows neither of these keys.
            data, of_spans = row.pop(IMAGE_BYTES, None), row.pop(SPAN_DETAILS, None)
            for name in (PROVENANCE, OTHER_KEYS):
                if row.get(name, 0) is None:
                    del row[name]
            row = _checked(row, checker, None)
            if images and isinstance(row, dict):
                row[IMAGE_BYTES] = data
            if of_spans is not None and isinstance(row, dict):
                row[SPAN_DETAILS] = of_spans
        yield number, row


def _checked(row: Any, checker: Checker, text: bytes | None) -> dict[str, Any] | BadRow:
    breaches = checker.breaches(row)
    if not breaches:
        return row  # type: ignore[no-any-return]
    shown = text.decode("utf-8") if text is not None else json.dumps(row, default=repr)
    return BadRow(tuple(breaches), shown)


def _read_side_car(path: Path) -> Iterator[Provenance | BadRow]:
    for line in read_lines(path):
        value = parse_line(line, lenient=True)  # a side-car need not be exact to the byte
        if isinstance(value, BadRow):
            yield BadRow((Breach(PROVENANCE, f"in {path.name}: {value}"),))
            continue
        try:
            yield Provenance.from_dict(value)
        except InputError as error:
            yield BadRow((Breach(PROVENANCE, f"in {path.name}: {error}"),))


def _joined(
    row: dict[str, Any] | BadRow, found: Provenance | BadRow | None, path: Path, number: int
) -> dict[str, Any] | BadRow:
    if found is None:
        raise SourceError(side_car(path), f"ends before row {number} of {path}")
    if isinstance(row, BadRow):
        return row
    if isinstance(found, BadRow):
        return BadRow(found.breaches, dump(row))
    pmc = row.get("pmc")
    if pmc and found.pmcid and found.pmcid != f"PMC{pmc}":
        reason = f"belongs to {found.pmcid}, but the record belongs to PMC{pmc}"
        return BadRow((Breach(PROVENANCE, reason),), dump(row))
    row[PROVENANCE] = found.to_dict()
    return row
