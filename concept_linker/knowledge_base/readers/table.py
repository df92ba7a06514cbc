"""Tables with one name per row: CSV, TSV and Parquet with a header.

Columns may have any order and case. Those with other names are ignored:

======= ============================================================================
id      ``id``, ``concept_id``, ``cui``, ``curie``, ``cui_or_curie``
name    ``name``, ``label``, ``term``, ``str``, ``alias``
kind    ``kind`` (0-3 or ``preferred``, ``synonym``, ``abbreviation``, ``related``) or
        ``is_preferred`` (1 or 0, true or false, yes or no); without it the first row of
        an id has its preferred name
types   ``type``, ``types``, ``semantic_type``, ``semantic_types``, ``semantic_hint``, ``tui``;
        several are separated by ``|`` or ``;``
source  ``source``, ``sab``
same_as ``same_as``; several are separated by ``|`` or ``;``
======= ============================================================================

A CSV cell may be quoted according to RFC 4180; a TSV cell is never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import (
    BadRowError,
    clean_id,
    clean_ids,
    clean_name,
    clean_names,
    shown,
)
from concept_linker.knowledge_base.readers.delimited import Block, blocks, split_first_line
from concept_linker.knowledge_base.readers.grouping import grouped_names
from concept_linker.knowledge_base.readers.opening import (
    check_ratio,
    chunks,
    is_too_long,
    not_utf8,
)
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.readers.quoting import quoted_rows
from concept_linker.knowledge_base.source import (
    DEFINITIONS,
    NAMES,
    SAME_AS,
    TYPES,
    NameKind,
    Quarantine,
    SourceTables,
)
from concept_linker.runtime.registry import list_names

__all__ = ["TableOptions", "read"]

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
_KIND_NAMES = [kind.name.lower() for kind in NameKind]
#: The values of the two columns of kinds, in lower case.
_KINDS: dict[str, dict[str, int]] = {
    "kind": {name: kind for kind, name in enumerate(_KIND_NAMES)}
    | {str(kind): kind for kind in range(len(_KIND_NAMES))}
    | {"": NameKind.SYNONYM},
    "is_preferred": dict.fromkeys(["1", "true", "yes", "y"], int(NameKind.PREFERRED))
    | dict.fromkeys(["0", "false", "no", "n", ""], int(NameKind.SYNONYM)),
}
_LAYOUTS = {".csv": "csv", ".tsv": "tsv", ".txt": "tsv", ".parquet": "parquet"}
_PAIR = pa.schema([("id", pa.string()), ("other", pa.string())])
_SEPARATOR = re.compile(r"[|;]")
_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}
_ROWS = 1 << 17
_MAX_COLUMNS = 1000
_MAX_TEXT = 1 << 29  # bytes of a column in one block


class TableOptions(SourceOptions):
    """Options of tables.

    Args:
        layout: the format; ``None`` chooses it by the ending of the file's name (``.csv``,
            ``.tsv``, ``.txt``, ``.parquet``, with or without ``.gz``).
    """

    layout: Literal["csv", "tsv", "parquet"] | None = None


def read(path: Path, *, options: TableOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a table; CSV and TSV may be gzip files.

    Duplicate rows count once. In Parquet, the line of a bad row is the number of the row.

    Args:
        path: the file.
        options: its layout, if it differs from the file's name.
        quarantine: collects rows with another number of cells, or a bad id, name, kind or type.

    Raises:
        SourceError: the header lacks a column or has one twice, or the file is damaged.
    """
    info = options.info("table", [path])
    layout = options.layout or _layout_of(path)
    read_blocks = {"csv": _csv_blocks, "tsv": _tsv_blocks, "parquet": _parquet_blocks}[layout]
    names, types, same_as = [NAMES.empty_table()], [_PAIR.empty_table()], [_PAIR.empty_table()]
    for block in read_blocks(path, quarantine):
        good = _checked(block, path, quarantine, info.name)
        names.append(good.select(NAMES.names))
        types.append(_pairs(good, "types"))
        same_as.append(_pairs(good, "same_as"))
    rows = pa.concat_tables(names)
    columns = {name: rows[name] for name in NAMES.names}
    columns["score"] = pc.negate(rows["kind"].cast(pa.int32()))
    equal = _distinct(same_as)
    asserted = pa.repeat(pa.scalar(True), equal.num_rows)
    return SourceTables(
        info,
        grouped_names(columns),
        _distinct(types).rename_columns(TYPES.names),
        pa.table([*equal.columns, asserted], schema=SAME_AS),
        DEFINITIONS.empty_table(),
    )


def _checked(block: Block, path: Path, quarantine: Quarantine, source: str) -> pa.Table:
    """Returns the good rows, with cells cleaned, and split if they have several values."""
    table = block.columns
    present = set(table.column_names)
    count = table.num_rows
    blank = pa.repeat(pa.scalar("", pa.string()), count)

    def cells(role: str) -> pa.Array:
        return table[role].combine_chunks() if role in present else blank

    texts = pa.list_(pa.string())
    columns = {}
    columns["same_as"], problems = _each_value(cells("same_as"), _ids_in, texts)
    columns["types"], bad_types = _each_value(cells("types"), _names_in, texts)
    kind_role = "is_preferred" if "is_preferred" in present else "kind"
    kind_of = partial(_kind_of, role=kind_role)
    columns["kind"], bad_kinds = _each_value(cells(kind_role), kind_of, pa.uint8())
    columns["name"], bad_names = clean_names(cells("name"))
    columns["id"], bad_ids = clean_ids(cells("id"))
    problems |= bad_types | bad_kinds | bad_names | bad_ids
    sources = cells("source")
    columns["source"] = pc.if_else(pc.equal(sources, ""), source, sources)
    for row in sorted(problems):
        quarantine.bad(path, int(block.lines[row]), problems[row], row=block.row(row))
    good = pa.table({key: columns[key] for key in [*NAMES.names, "types", "same_as"]})
    return good.take(np.delete(np.arange(count), list(problems))) if problems else good


def _each_value(
    column: pa.Array, clean: Callable[[str], Any], kind: pa.DataType
) -> tuple[pa.Array, dict[int, str]]:
    """Applies a function to each distinct value; returns a column, and rows → problems."""
    encoded = column.dictionary_encode()
    cleaned: list[Any] = []
    problems: dict[int, str] = {}
    for code, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            cleaned.append(clean(value))
        except BadRowError as error:
            cleaned.append(None)
            problems[code] = str(error)
    codes = encoded.indices
    bad = {}
    if problems:
        rows = np.flatnonzero(np.isin(codes.to_numpy(), list(problems))).tolist()
        bad = {row: problems[codes[row].as_py()] for row in rows}
    return pa.array(cleaned, kind).take(codes), bad


def _names_in(cell: str) -> list[str]:
    return [clean_name(part) for part in _SEPARATOR.split(cell) if part.strip()]


def _ids_in(cell: str) -> list[str]:
    return [clean_id(part) for part in _SEPARATOR.split(cell) if part.strip()]


def _kind_of(cell: str, *, role: str) -> int:
    known = _KINDS[role]
    if (kind := known.get(cell.strip().lower())) is None:
        raise BadRowError(f"{role} is {shown(cell)}, expected {list_names(filter(None, known))}")
    return kind


def _pairs(table: pa.Table, role: str) -> pa.Table:
    lists = table[role].combine_chunks()
    ids = table["id"].combine_chunks().take(pc.list_parent_indices(lists))
    return pa.table([ids, pc.list_flatten(lists)], schema=_PAIR)


def _distinct(parts: list[pa.Table]) -> pa.Table:
    table = pa.concat_tables(parts).combine_chunks()
    return table.group_by(_PAIR.names, use_threads=False).aggregate([])


def _layout_of(path: Path) -> str:
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in _LAYOUTS:
        raise SourceError(
            path, f"unknown file ending, expected {list_names(_LAYOUTS)}, or set layout"
        )
    return _LAYOUTS[suffix]


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
