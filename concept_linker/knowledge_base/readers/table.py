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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import (
    BadRowError,
    clean_id,
    clean_ids,
    clean_name,
    clean_names,
    shown,
)
from concept_linker.knowledge_base.readers.delimited import Block
from concept_linker.knowledge_base.readers.grouping import grouped_names
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.readers.table_blocks import BLOCKS
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
    names, types, same_as = [NAMES.empty_table()], [_PAIR.empty_table()], [_PAIR.empty_table()]
    for block in BLOCKS[layout](path, quarantine):
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
