"""Reads CSV, TSV and Parquet as blocks of rows, with columns named by their role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import shown
from concept_linker.knowledge_base.readers.delimited import Block, blocks, split_first_line
from concept_linker.knowledge_base.readers.opening import (
    check_ratio,
    chunks,
    is_too_long,
    not_utf8,
)
from concept_linker.knowledge_base.readers.quoting import quoted_rows
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["BLOCKS"]

#: The name of a column → its role.
_COLUMNS = (
    dict.fromkeys(["id", "concept_id", "cui", "curie", "cui_or_curie"], "id")
    | dict.fromkeys(["name", "label", "term", "str", "alias"], "name")
    | {"kind": "kind", "is_preferred": "is_preferred"}
    | dict.fromkeys(
        ["type", "types", "semantic_type", "semantic_types", "semantic_hint", "tui"], "types"
    )
    | dict.fromkeys(["source", "sab"], "source")
    | {"same_as": "same_as"}
)
_ROLES = set(_COLUMNS.values())
_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}
_ROWS = 1 << 17
_MAX_COLUMNS = 1000
_MAX_TEXT = 1 << 29  # bytes of a column in one block


def _roles(path: Path, header: Sequence[str]) -> list[str]:
    """Returns the role of each column; an unknown column gets a unique name."""
    if len(header) > _MAX_COLUMNS:
        raise SourceError(
            path, f"{len(header):,} columns, expected at most {_MAX_COLUMNS:,}", line=1
        )
    roles: list[str] = []
    for number, column in enumerate(header, 1):
        role = _COLUMNS.get(column.strip().lower(), f"column {number}")
        if role in roles:
            raise SourceError(path, f"two columns for {role}, the second {shown(column)}", line=1)
        roles.append(role)
    if {"kind", "is_preferred"} <= set(roles):
        raise SourceError(path, "two columns for kind: kind and is_preferred", line=1)
    if missing := [role for role in ("id", "name") if role not in roles]:
        accepted = " and ".join(
            f"one of {', '.join(name for name, of in _COLUMNS.items() if of == role)}"
            for role in missing
        )
        raise SourceError(
            path, f"the columns are {shown(', '.join(header))}, expected also {accepted}", line=1
        )
    return roles


def _first_line(path: Path, delimiter: str) -> tuple[bytes, Iterator[bytes]]:
    """Returns the raw header, and the chunks after it.

    Raises:
        SourceError: the header has another delimiter, or is too long.
    """
    first, rest = split_first_line(chunks(path))
    if problem := is_too_long(first):
        raise SourceError(path, problem, line=1)
    text = first.decode("utf-8", "replace")
    if "\r" in text:
        raise SourceError(path, "lines end in a carriage return alone, expected line feeds", line=1)
    for other, what in _DELIMITERS.items():
        if not _is_header(text, delimiter) and _is_header(text, other):
            raise SourceError(
                path,
                f"columns are separated by {what}, expected commas in .csv and tabs in .tsv "
                "(Excel: CSV UTF-8, with the comma as list separator)",
                line=1,
            )
    return first, rest


def _is_header(line: str, delimiter: str) -> bool:
    cells = (cell.strip('" ').lower() for cell in line.split(delimiter))
    return {"id", "name"} <= {_COLUMNS.get(cell) for cell in cells}


def _unquoted_blocks(path: Path, quarantine: Quarantine, delimiter: str) -> Iterator[Block]:
    first, rest = _first_line(path, delimiter)
    try:
        roles = _roles(path, first.decode("utf-8").split(delimiter))
    except UnicodeDecodeError as error:
        raise SourceError(path, not_utf8(error), line=1) from error
    yield from blocks(
        rest,
        str(path),
        columns=roles,
        used=[role for role in roles if role in _ROLES],
        delimiter=delimiter,
        quarantine=quarantine,
        line=2,
    )


def _tsv_blocks(path: Path, quarantine: Quarantine) -> Iterator[Block]:
    return _unquoted_blocks(path, quarantine, "\t")


def _csv_blocks(path: Path, quarantine: Quarantine) -> Iterator[Block]:
    if not any(b'"' in chunk for chunk in chunks(path)):
        yield from _unquoted_blocks(path, quarantine, ",")
        return
    _first_line(path, ",")
    rows = quoted_rows(path, quarantine)
    roles = _roles(path, next(rows, (1, [""]))[1])
    while part := list(islice(rows, _ROWS)):
        lines = np.array([line for line, _ in part], dtype=np.int64)
        columns = zip(*(cells for _, cells in part), strict=True)
        kept = {
            role: pa.array(column, pa.string())
            for role, column in zip(roles, columns, strict=True)
            if role in _ROLES
        }
        yield Block(pa.table(kept), lines, b"")


def _parquet_blocks(path: Path, quarantine: Quarantine) -> Iterator[Block]:
    try:
        schema = pq.read_schema(path)
        roles = _roles(path, schema.names)
        kept = {
            field.name: role for field, role in zip(schema, roles, strict=True) if role in _ROLES
        }
        texts = [name for name in kept if pa.types.is_string(schema.field(name).type)]
        with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
            groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
            unpacked = sum(group.total_byte_size for group in groups)
            check_ratio(str(path), unpacked, path.stat().st_size)
            row = 1
            for batch in file.iter_batches(_ROWS, columns=list(kept)):
                columns = {role: _as_text(path, batch[name]) for name, role in kept.items()}
                lines = np.arange(row, row + batch.num_rows, dtype=np.int64)
                row += batch.num_rows
                yield Block(pa.table(columns), lines, b"")
    except (OSError, pa.ArrowException) as error:
        raise SourceError(path, f"not a Parquet file, or cut short or damaged: {error}") from error


def _as_text(path: Path, column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):  # a long text that repeats is short in the dictionary
        lengths = pc.binary_length(column.dictionary)
        size = pc.sum(lengths.take(column.indices).cast(pa.int64())).as_py() or 0
        if size > _MAX_TEXT:
            raise SourceError(path, f"{len(column):,} cells of {size:,} bytes, expected names")
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), "|")
    if pa.types.is_floating(
        column.type
    ):  # pandas makes floats of a column of integers with missing values
        column = pc.if_else(pc.is_nan(column), None, column)
    return pc.fill_null(column.cast(pa.string()), "")


#: The function that reads each layout.
BLOCKS: Mapping[str, Callable[[Path, Quarantine], Iterator[Block]]] = {
    "csv": _csv_blocks,
    "tsv": _tsv_blocks,
    "parquet": _parquet_blocks,
}
