"""Builds a knowledge base: from vocabularies to a folder on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from concept_linker._version import __version__
from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.merge import MergedTables, merge, one_chunk
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import SourceTables
from concept_linker.runtime.progress import Progress, silent
from concept_linker.search import index as key_index
from concept_linker.search.index import begins_of
from concept_linker.search.normalise import keys

__all__ = ["build_knowledge_base", "compile_base"]

_NAMES_AT_ONCE = 1 << 19
_MAX_TYPES = 1 << 16  # they have 16-bit numbers


def build_knowledge_base(
    sources: Iterable[SourceTables | tuple[str, str | PathLike[str]]],
    folder: str | PathLike[str],
    *,
    options: Mapping[str, Any] | None = None,
    replace: bool = False,
    more: Callable[[Path], None] | None = None,
    progress: Progress = silent,
) -> None:
    r"""Builds a knowledge base from vocabularies, the most trusted first.

    Args:
        sources: pairs of a format and a path, such as ``("obo", "hp.obo")``, or tables from
            :func:`~concept_linker.knowledge_base.readers.read_source`.  An iterator of tables
            saves gigabytes for a whole UMLS, because tables are freed after the merge.
        folder: the folder to write.
        options: how the sources were read, for the manifest.
        replace: replace an existing knowledge base; this happens at the very end.
        more: writes additional files, given the unfinished folder.
        progress: called with the stage and the fraction done.

    Raises:
        KnowledgeBaseError: the sources have no names, or the folder exists or cannot be written.
        SettingsError: the format does not exist.
        SourceError: a source cannot be read.

    >>> import tempfile
    >>> from concept_linker import KnowledgeBase
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "devices.csv")
    ...     _ = table.write_text("id,name\nDEV:1,pigtail catheter\nDEV:1,pigtail drain\n")
    ...     build_knowledge_base([("table", table)], f"{folder}/devices")
    ...     KnowledgeBase.open(f"{folder}/devices").concept("DEV:1").name
    'pigtail catheter'
    """
    folder = Path(folder)
    store.check_target(folder, replace=replace)
    tables = [read_source(*one) if isinstance(one, tuple) else one for one in sources]
    progress("merging the sources", 0.0)
    merged = merge(tables)
    del tables
    try:
        compile_base(merged, folder, options=options, replace=replace, more=more, progress=progress)
    except OSError as error:
        raise KnowledgeBaseError(
            f"{folder}: cannot be written ({error.strerror or error}); "
            "expected a writable place with enough free space"
        ) from error


def compile_base(
    merged: MergedTables,
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    replace: bool = False,
    more: Callable[[Path], None] | None = None,
    progress: Progress = silent,
) -> None:
    """Writes merged tables and their index; see :func:`build_knowledge_base` for the arguments.

    Raises:
        KnowledgeBaseError: the folder exists, or there are too many semantic types.
        OSError: the folder cannot be written.
    """
    blob, offsets, key_of, name_of = _keys(merged.names["name"], progress)
    progress("indexing", 0.5)
    arrays, ids = key_index.build(blob, offsets)
    del blob, offsets
    key_of = ids[key_of]
    kinds = merged.names["kind"].to_numpy()
    order = np.lexsort((name_of, kinds[name_of], key_of))
    arrays["key_names_values"] = name_of[order].astype(np.uint32)
    arrays["key_names_offsets"] = begins_of(np.bincount(key_of, minlength=ids.size))
    progress("laying out the concepts", 0.8)
    types, name_sources = _concept_arrays(merged, arrays)
    counts = {
        "concepts": merged.concepts.num_rows,
        "names": merged.names.num_rows,
        "keys": int(ids.size),
        "names_without_a_key": merged.names.num_rows - int(np.unique(name_of).size),
        "refused_equivalences": merged.refused,
    }
    given = np.bincount(arrays["name_sources"], minlength=len(name_sources))
    head = {
        "made_by": f"concept_linker {__version__}",
        "sources": [store.Source(**asdict(info)) for info in merged.sources],
        "options": dict(options or {}),
        "counts": counts,
        "types": types,
        "name_sources": name_sources,
        "vocabularies": dict(zip(name_sources, given.tolist(), strict=True)),
    }
    store.write(folder, arrays, head, replace=replace, more=more, progress=progress)


def _keys(
    names: pa.ChunkedArray, progress: Progress
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns the distinct keys of all names in the order of their bytes, and their names.

    Returns:
        The bytes and offsets of the keys; then two columns of equal length: the number of a key,
        and the row of a name with this key.
    """
    chunks: list[pa.Array] = []
    rows: list[NDArray[np.int64]] = []
    for first, part in _parts(names):
        progress("normalising the names", 0.1 + 0.3 * first / len(names))
        found: list[str] = []
        owners: list[int] = []
        for row, name in enumerate(part, first):
            for one in keys(name):
                found.append(one)
                owners.append(row)
        chunks.append(pa.array(found, pa.large_string()))
        rows.append(np.array(owners, np.int64))
    encoded = one_chunk(pa.chunked_array(chunks, pa.large_string())).dictionary_encode()
    distinct = encoded.dictionary
    order = pc.sort_indices(distinct).to_numpy()
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    blob, offsets = _strings(distinct.take(pa.array(order)))
    return blob, offsets, rank[encoded.indices.to_numpy()], np.concatenate(rows)


def _parts(names: pa.ChunkedArray) -> Iterator[tuple[int, list[str]]]:
    for first in range(0, len(names), _NAMES_AT_ONCE):
        yield first, names.slice(first, _NAMES_AT_ONCE).to_pylist()


def _strings(column: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns the bytes and offsets of a string column."""
    column = one_chunk(column.cast(pa.large_string()))
    _, offsets, data = column.buffers()
    begins = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    if not len(column):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    blob = np.frombuffer(data, np.uint8)[begins[0] : begins[-1]] if data else np.zeros(0, np.uint8)
    return blob, begins - begins[0]


def _concept_arrays(
    merged: MergedTables, arrays: dict[str, NDArray[Any]]
) -> tuple[list[str], list[str]]:
    """Adds the arrays of concepts and names; returns the names of types and sources."""

    def strings(name: str, column: pa.Array | pa.ChunkedArray) -> None:
        arrays[f"{name}_bytes"], arrays[f"{name}_offsets"] = _strings(column)

    concepts, names = merged.concepts, merged.names
    strings("concept_ids", concepts["id"])
    arrays["concept_origins"] = concepts["origin"].to_numpy()
    lists = concepts["types"].combine_chunks()
    flat = pc.list_flatten(lists)
    types = sorted(set(flat.to_pylist()))
    if len(types) > _MAX_TYPES:
        raise KnowledgeBaseError(
            f"{len(types):,} semantic types, expected at most {_MAX_TYPES:,}; "
            "check that the column of types has types"
        )
    arrays["concept_types_values"] = (
        pc.index_in(flat, value_set=pa.array(types, pa.string())).to_numpy(zero_copy_only=False)
    ).astype(np.uint16)
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    arrays["concept_types_offsets"] = begins_of(lengths)
    if concepts["definition"].null_count < concepts.num_rows:
        strings("definitions", pc.fill_null(concepts["definition"], ""))
    others = concepts["other_ids"].combine_chunks()
    owner = pc.list_parent_indices(others).to_numpy(zero_copy_only=False)
    other_ids = pc.list_flatten(others)
    order = pc.sort_indices(other_ids)
    strings("other_ids", other_ids.take(order))
    arrays["other_concepts"] = owner[order.to_numpy()].astype(np.uint32)

    strings("names", names["name"])
    concept = names["concept"].to_numpy()
    arrays["name_concepts"] = concept
    arrays["name_kinds"] = names["kind"].to_numpy()
    source = pa.concat_arrays(names["source"].unify_dictionaries().chunks)
    arrays["name_sources"] = source.indices.to_numpy(zero_copy_only=False).astype(np.uint16)
    arrays["concept_names"] = begins_of(np.bincount(concept, minlength=concepts.num_rows))
    return types, source.dictionary.to_pylist()
