"""Merges vocabularies: joins equivalent concepts and removes duplicate names.

The rules, by which a concept has at most one CUI:

*   Equivalences are applied in order: asserted before inferred ones; for an id with several CUIs,
    the CUI that shares the most names with it first; then in the given order.  One that would join
    two CUIs is rejected and counted.
*   The id of a concept is its CUI, or else its id in the first source that has it.
*   Its names are those of all its ids, earlier sources first, without duplicates; its preferred
    name is the first preferred one.
*   Types of the CUI itself take precedence over types of other ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.identity import CuiOrigin, NameKind, is_cui
from concept_linker.knowledge_base.joining import join_ids
from concept_linker.knowledge_base.source import (
    DEFINITIONS,
    NAMES,
    SourceInfo,
    SourceTables,
)

__all__ = ["CONCEPTS", "CONCEPT_NAMES", "CuiOrigin", "MergedTables", "merge", "one_chunk"]


#: One row per concept, ascending by id.
CONCEPTS = pa.schema(
    [
        ("id", pa.string()),
        ("origin", pa.uint8()),
        ("types", pa.list_(pa.string())),
        ("other_ids", pa.list_(pa.string())),
        ("definition", pa.string()),
    ]
)
#: One row per name, grouped by concept (its row number), the preferred one first.
CONCEPT_NAMES = pa.schema(
    [
        ("concept", pa.uint32()),
        ("name", pa.string()),
        ("kind", pa.uint8()),
        ("source", pa.dictionary(pa.int16(), pa.string())),
    ]
)


_MAX_VOCABULARIES = 1 << 15  # they have 16-bit numbers


@dataclass(frozen=True, slots=True)
class MergedTables:
    """A knowledge base before it is written.

    Args:
        concepts: a table of schema :data:`CONCEPTS`.
        names: a table of schema :data:`CONCEPT_NAMES`.
        sources: the sources it comes from.
        refused: the number of equivalences that were rejected because they join two CUIs.
    """

    concepts: pa.Table
    names: pa.Table
    sources: tuple[SourceInfo, ...]
    refused: int = 0


def merge(sources: Sequence[SourceTables]) -> MergedTables:
    """Merges sources, the most trusted first.

    Raises:
        KnowledgeBaseError: no source has a name, or there are too many vocabularies.
    """
    tables = [NAMES.empty_table(), *(source.names for source in sources)]
    names = pa.concat_tables(tables).combine_chunks()
    if not names.num_rows:
        raise KnowledgeBaseError(
            "the sources have no names after filtering, expected at least one concept"
        )
    encoded = one_chunk(names["id"]).dictionary_encode()
    concepts, row_of, refused = _concepts(sources, names, encoded.dictionary)
    concept = row_of[encoded.indices.to_numpy(zero_copy_only=False)]
    del encoded, row_of
    return MergedTables(
        concepts, _names(names, concept), tuple(source.info for source in sources), refused
    )


def _concepts(
    sources: Sequence[SourceTables], names: pa.Table, distinct_ids: pa.Array
) -> tuple[pa.Table, NDArray[np.int64], int]:
    """Returns the concepts, the row of each distinct id, and the number of rejected equivalences.

    This is a separate function so that its Python strings are freed before names are sorted.
    """
    ids: list[str] = distinct_ids.to_pylist()
    equivalences = [
        (row["id"], row["other"], row["asserted"])
        for source in sources
        for row in source.same_as.to_pylist()
    ]
    joined = join_ids(ids, equivalences, names)

    concept_of = np.fromiter((joined.root(i) for i in ids), np.int64, len(ids))
    roots, concept_of = np.unique(concept_of, return_inverse=True)
    others: dict[int, list[str]] = defaultdict(list)  # most concepts have a single id
    first = [""] * roots.size
    for i, concept in zip(ids, concept_of.tolist(), strict=True):
        if first[concept]:
            others[concept].append(i)
        else:
            first[concept] = i
    for i in joined.known_from(len(ids)):  # ids that occur only in equivalences
        at = int(np.searchsorted(roots, joined.root(i)))
        if at < roots.size and roots[at] == joined.root(i):
            others[at].append(i)
    concept_ids = [
        joined.cui_of_root(root) or other for root, other in zip(roots.tolist(), first, strict=True)
    ]
    for concept, other in enumerate(first):
        if other != concept_ids[concept]:
            others[concept].append(other)
    order = sorted(range(roots.size), key=concept_ids.__getitem__)
    row_of = np.empty(len(order), np.int64)
    row_of[order] = np.arange(len(order))
    row_of = row_of[concept_of]

    row_of_id: dict[str, int] = dict(zip(ids, row_of.tolist(), strict=True))
    row_of_id.update({concept_ids[i]: row for row, i in enumerate(order)})
    concepts = pa.table(
        [
            [concept_ids[i] for i in order],
            pa.array((joined.origin(concept_ids[i]) for i in order), pa.uint8(), size=len(order)),
            _types(sources, row_of_id, len(order)),
            pa.array(
                (
                    sorted(other for other in others.get(i, ()) if other != concept_ids[i])
                    for i in order
                ),
                pa.list_(pa.string()),
                size=len(order),
            ),
            _definitions(sources, row_of_id, len(order)),
        ],
        schema=CONCEPTS,
    )
    return concepts, row_of, joined.refused


def one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Returns a column as a single array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])


def _names(names: pa.Table, concept: NDArray[np.int64]) -> pa.Table:
    """Returns the names by concept: without duplicates, and with a single preferred name, first."""
    kind = one_chunk(names["kind"]).to_numpy(zero_copy_only=False)
    text = one_chunk(names["name"]).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.lexsort((np.arange(concept.size), kind, concept))
    pair = concept[order] << 32 | text[order]
    _, first = np.unique(pair, return_index=True)
    kept = order[np.sort(first)]
    concept, kind = concept[kept], kind[kept].copy()
    starts = np.ones(kept.size, bool)
    starts[1:] = concept[1:] != concept[:-1]
    kind[~starts & (kind == NameKind.PREFERRED)] = NameKind.SYNONYM
    kind[starts] = NameKind.PREFERRED
    source = one_chunk(names["source"]).dictionary_encode()
    if len(source.dictionary) > _MAX_VOCABULARIES:
        raise KnowledgeBaseError(
            f"names from {len(source.dictionary):,} vocabularies, expected at most "
            f"{_MAX_VOCABULARIES:,}; check that the column of sources has vocabularies"
        )
    return pa.table(
        [
            concept.astype(np.uint32),
            one_chunk(names["name"]).take(pa.array(kept)),
            kind.astype(np.uint8),
            source.take(pa.array(kept)).cast(CONCEPT_NAMES.field("source").type),
        ],
        schema=CONCEPT_NAMES,
    )


def _types(sources: Sequence[SourceTables], row_of: dict[str, int], concepts: int) -> pa.ListArray:
    """Returns the types of each concept, ascending; only those of its CUI if it has any."""
    names: dict[str, int] = {}
    found = [np.empty((0, 3), np.int64)]  # concept, whether the id is not a CUI, type
    for source in sources:
        for part in source.types.to_batches(max_chunksize=1 << 20):
            pairs = zip(part["id"].to_pylist(), part["type"].to_pylist(), strict=True)
            rows = (
                (row, not is_cui(concept_id), names.setdefault(type_, len(names)))
                for concept_id, type_ in pairs
                if (row := row_of.get(concept_id)) is not None
            )
            found.append(np.fromiter(rows, np.dtype((np.int64, 3))))
    every = np.concatenate(found)
    ordered = sorted(names)
    rank = np.empty(len(names), np.int64)
    rank[[names[name] for name in ordered]] = np.arange(len(names))
    every[:, 2] = rank[every[:, 2]]
    of_cui = np.zeros(concepts, np.bool_)
    of_cui[every[every[:, 1] == 0, 0]] = True
    kept = every[(every[:, 1] == 0) | ~of_cui[every[:, 0]]]
    distinct = np.unique(kept[:, 0] << 32 | kept[:, 2])
    begins = np.searchsorted(distinct, np.arange(concepts + 1) << 32)
    values = pa.array(ordered, pa.string()).take(pa.array(distinct & 0xFFFFFFFF))
    return pa.ListArray.from_arrays(pa.array(begins, pa.int32()), values)


def _definitions(
    sources: Sequence[SourceTables], row_of: dict[str, int], concepts: int
) -> pa.Array:
    """Returns the first definition of each concept, or null."""
    found: dict[int, str] = {}
    for source in sources:
        columns = (source.definitions[name].to_pylist() for name in DEFINITIONS.names)
        for concept_id, text in zip(*columns, strict=True):
            row = row_of.get(concept_id)
            if row is not None:
                found.setdefault(row, text)
    return pa.array(map(found.get, range(concepts)), pa.string(), size=concepts)
