"""UMLS in Rich Release Format: MRCONSO, MRSTY, MRDEF, MRSAB and MRRANK.

The format is described in the UMLS Reference Manual, chapter 3, "Metathesaurus - Rich Release
Format" (https://www.ncbi.nlm.nih.gov/books/NBK9685/): a vertical bar ends each column of a line,
and nothing is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers.checks import shown
from concept_linker.knowledge_base.readers.filters import FILTERS, Filters
from concept_linker.knowledge_base.readers.grouping import grouped_names
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.readers.release import Release
from concept_linker.knowledge_base.readers.rrf_files import FILES, RELEASE_FILE, RrfFiles
from concept_linker.knowledge_base.semantic_types import GROUP_NAMES, SEMANTIC_TYPES
from concept_linker.knowledge_base.source import (
    DEFINITIONS,
    SAME_AS,
    TYPES,
    NameKind,
    Quarantine,
    SourceTables,
)

__all__ = ["RrfOptions", "read"]

#: The columns of MRCONSO that stay in memory until all rows are read.
_ATOMS = pa.schema(
    [
        ("id", pa.string()),
        ("name", pa.string()),
        ("kind", pa.uint8()),
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("score", pa.int32()),
        ("line", pa.uint32()),
        ("atom", pa.int64()),
    ]
)
_LICENCE = "UMLS Metathesaurus Licence (https://uts.nlm.nih.gov/uts/assets/LicenseAgreement.pdf)"


class RrfOptions(SourceOptions):
    """Options of a release.

    Args:
        languages: LAT values.
        sources: SAB values; ``None`` reads all.
        term_types: TTY values; ``None`` reads all.
        keep_suppressed: also read rows whose SUPPRESS is not ``N``.
        semantic_types: read only concepts with one of these TUIs; ``None`` reads all.
        abbreviation_term_types: the TTY values of abbreviations and acronyms.
    """

    languages: tuple[str, ...] = ("ENG",)
    sources: tuple[str, ...] | None = None
    term_types: tuple[str, ...] | None = None
    keep_suppressed: bool = False
    semantic_types: tuple[str, ...] | None = None
    abbreviation_term_types: tuple[str, ...] = (
        "AA", "AB", "ACR", "MTH_AB", "MTH_ACR", "OA", "OAM", "RAB", "SSN", "VAB",
    )  # fmt: skip


def read(path: Path, *, options: RrfOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a release.

    A concept's preferred name is the atom that the release marks as preferred (TS=P, STT=PF,
    ISPREF=Y). If the filters leave none, it is the atom with the highest RANK of (SAB, TTY) in
    MRRANK, then with TS=P, STT=PF, ISPREF=Y; without MRRANK it is the first. A release derives its
    marks from its ranks, so both agree in a complete release; if they do not, the marks win.

    Definitions in other languages (the LAT of their vocabulary in MRSAB) are left out, and so are
    the types and definitions of concepts without a remaining name.

    Args:
        path: META or its parent folder, one of its files, a zip or a tar.
        options: what to read.
        quarantine: collects bad rows.

    Raises:
        SourceError: the release has no MRCONSO, or it is damaged.
        SettingsError: a filter has a value that does not occur in the release.
    """
    with Release(path, FILES) as release:
        if "MRCONSO.RRF" not in release:
            raise SourceError(path, "has no MRCONSO.RRF, expected a UMLS release or its META")
        files = RrfFiles(release, quarantine)
        vocabularies = [row for _, row in files.rows("MRSAB.RRF")]
        types = _types(files)
        _check_types(options, types)
        names = _names(files, options, types)
        ids = names["id"].unique()
        foreign = [sab for sab, _, language in vocabularies if language not in options.languages]
        return SourceTables(
            options.info(
                "rrf",
                release.files,
                name="UMLS",
                version=_version(files, vocabularies),
                licence=_LICENCE,
            ),
            names,
            types.filter(pc.is_in(types["id"], value_set=ids)),
            SAME_AS.empty_table(),
            _definitions(files, options, ids, foreign),
        )


def _check_types(options: RrfOptions, types: pa.Table) -> None:
    if options.semantic_types is None:
        return
    known = set(types["type"].unique().to_pylist())
    for given in options.semantic_types:
        if given not in known:
            raise SettingsError(f"semantic type is {given!r}, {_advice(given, known)}")


def _advice(given: str, known: set[str]) -> str:
    """Returns what to give in place of a semantic type that the release does not have."""
    for group, name in GROUP_NAMES.items():
        if given.lower() in (group.lower(), name.lower()):
            types = [tui for tui, one in SEMANTIC_TYPES.items() if one.group == group]
            return f"a semantic group, expected its types: {', '.join(types)}"
    for tui, one in SEMANTIC_TYPES.items():
        if given.lower() in (one.name.lower(), tui.lower()) and given != tui:
            return f"expected {tui}"
    if given in SEMANTIC_TYPES:
        return "but the release has no such concept" if known else "but it has no MRSTY.RRF"
    return "expected a TUI such as T047"


def _names(files: RrfFiles, options: RrfOptions, types: pa.Table) -> pa.Table:
    ranks = {}
    for line, (rank, sab, tty) in files.rows("MRRANK.RRF"):
        if rank.isdecimal() and len(rank) < 8:
            ranks[f"{sab}|{tty}"] = int(rank)
        else:
            place = files.release.place("MRRANK.RRF")
            files.quarantine.bad(place, line, f"RANK is {shown(rank)}, expected a number", row=rank)
    gathered = [_ATOMS.empty_table()]
    odd_atoms: dict[str, int] = {}
    given = options.model_fields_set
    filters = Filters(**{name: getattr(options, name) for name in FILTERS if name in given})
    for block in files.blocks("MRCONSO.RRF"):
        filters.add(block.columns)
        kept = _kept(
            block.columns,
            LAT=options.languages,
            SAB=options.sources,
            TTY=options.term_types,
            SUPPRESS=None if options.keep_suppressed else ("N",),
        )
        atoms, lines = files.checked("MRCONSO.RRF", block, kept, "STR")
        short = _is_any(atoms["TTY"], options.abbreviation_term_types).to_numpy()
        columns = {
            "id": atoms["CUI"],
            "name": atoms["STR"],
            "kind": np.where(short, NameKind.ABBREVIATION, NameKind.SYNONYM).astype(np.uint8),
            "source": atoms["SAB"].dictionary_encode(),
            "score": _scores(atoms, ranks),
            "line": lines,
            "atom": _atom_numbers(atoms["AUI"], odd_atoms),
        }
        gathered.append(pa.table(columns, schema=_ATOMS))
    filters.check(files.release.place("MRCONSO.RRF"))
    table = _each_atom_once(pa.concat_tables(gathered), files)
    gathered.clear()
    if options.semantic_types is not None:
        ids = types.filter(_is_any(types["type"], options.semantic_types))["id"]
        table = table.filter(pc.is_in(table["id"], value_set=ids.unique()))
    columns = {name: table[name] for name in ("id", "name", "kind", "source", "score")}
    del table
    return grouped_names(columns)


def _scores(atoms: pa.Table, ranks: dict[str, int]) -> NDArray[np.int64]:
    first = [
        pc.equal(atoms[column], value).to_numpy().astype(np.int64)
        for column, value in (("TS", "P"), ("STT", "PF"), ("ISPREF", "Y"))
    ]
    marked = first[0] * first[1] * first[2]
    if not ranks:
        return cast("NDArray[np.int64]", marked)
    values = np.array([*ranks.values(), -1], dtype=np.int64)  # -1: below every rank
    keys = pc.binary_join_element_wise(atoms["SAB"], atoms["TTY"], "|")
    found = pc.index_in(keys, value_set=pa.array(ranks, pa.string()))
    scores = values[pc.fill_null(found, len(ranks)).to_numpy()] * 8
    scores += first[0] * 4 + first[1] * 2 + first[2]
    return cast("NDArray[np.int64]", np.where(marked == 1, 1 << 30, scores))


def _atom_numbers(column: pa.ChunkedArray, odd: dict[str, int]) -> NDArray[np.int64]:
    """Returns a distinct number for each AUI; ``odd`` numbers those that are not A and digits.

    Sorting numbers takes a tenth of the memory of a hash table of 17 million strings.
    """
    digits = pc.if_else(
        pc.match_substring_regex(column, r"^A[0-9]{1,17}$"),
        pc.utf8_replace_slice(column, 0, 1, "1"),  # the 1 keeps leading zeros apart
        "0",
    )
    numbers = digits.cast(pa.int64()).to_numpy().copy()
    for row in np.flatnonzero(numbers == 0).tolist():
        numbers[row] = -1 - odd.setdefault(column[row].as_py(), len(odd))
    return cast("NDArray[np.int64]", numbers)


def _each_atom_once(table: pa.Table, files: RrfFiles) -> pa.Table:
    numbers = table["atom"].to_numpy()
    if not len(np.flatnonzero(np.diff(np.sort(numbers)) == 0)):
        return table
    order = np.argsort(numbers, kind="stable")
    again = np.sort(order[1:][numbers[order[1:]] == numbers[order[:-1]]])
    for bad in table.take(pa.array(again)).to_pylist():
        shown = f"{bad['id']}|{bad['source']}|{bad['name']}"
        problem = "duplicate atom (AUI), expected each once"
        files.quarantine.bad(files.release.place("MRCONSO.RRF"), bad["line"], problem, row=shown)
    good = np.ones(table.num_rows, dtype=np.bool_)
    good[again] = False
    return table.filter(pa.array(good))


def _types(files: RrfFiles) -> pa.Table:
    parts = [TYPES.empty_table()]
    for block in files.blocks("MRSTY.RRF"):
        table, _ = files.checked("MRSTY.RRF", block, None, "TUI")
        parts.append(table.rename_columns(TYPES.names))
    table = pa.concat_tables(parts).combine_chunks()
    return table.group_by(TYPES.names, use_threads=False).aggregate([]).cast(TYPES)


def _definitions(
    files: RrfFiles, options: RrfOptions, ids: pa.Array, foreign: Sequence[str]
) -> pa.Table:
    parts = [DEFINITIONS.empty_table()]
    for block in files.blocks("MRDEF.RRF"):
        kept = pc.and_(
            pc.invert(_is_any(block.columns["SAB"], foreign)),
            _kept(
                block.columns,
                SAB=options.sources,
                SUPPRESS=None if options.keep_suppressed else ("N",),
            ),
        )
        table, _ = files.checked("MRDEF.RRF", block, kept, "DEF")
        parts.append(table.select(["CUI", "DEF"]).rename_columns(DEFINITIONS.names))
    table = pa.concat_tables(parts).combine_chunks()
    table = table.filter(pc.is_in(table["id"], value_set=ids))
    if not table.num_rows:
        return table
    codes = table["id"].combine_chunks().dictionary_encode().indices.to_numpy()
    return table.take(pa.array(np.sort(np.unique(codes, return_index=True)[1])))


def _version(files: RrfFiles, vocabularies: list[tuple[str, ...]]) -> str:
    """Returns e.g. ``2023AA``: from release.dat, else the version of the vocabulary MTH."""
    if RELEASE_FILE in files.release:
        raw = b"".join(files.release.chunks(RELEASE_FILE)).decode("utf-8", "replace")
        if found := re.search(r"^umls\.release\.name=(.*)$", raw, re.MULTILINE):
            return found[1].strip()
    return next((version for sab, version, _ in vocabularies if sab == "MTH"), "")


def _is_any(column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(values, pa.string()))


def _kept(table: pa.Table, **filters: Sequence[str] | None) -> pa.ChunkedArray:
    kept = pa.chunked_array([pa.repeat(pa.scalar(True), table.num_rows)])
    for column, values in filters.items():
        if values is not None:
            kept = pc.and_(kept, _is_any(table[column], values))
    return kept
