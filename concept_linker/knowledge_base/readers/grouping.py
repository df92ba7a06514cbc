"""Rows in any order → the names of each concept together, the preferred one first, each once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from concept_linker.knowledge_base.source import NAMES, NameKind

__all__ = ["grouped_names"]

_SLICE = 1 << 20


def grouped_names(columns: dict[str, pa.ChunkedArray]) -> pa.Table:
    """A table of schema :data:`~concept_linker.knowledge_base.source.NAMES`.

    Concepts stand in the order of their first row. Of a concept's rows the first of the highest
    score is its preferred name; the others follow in their order, and of equal names only the
    first is kept.

    Args:
        columns: ``id``, ``name`` and ``source``, strings or dictionaries of them; ``kind``,
            :class:`NameKind` values, of which the preferred name's is replaced, and another that
            says it is preferred becomes a synonym; ``score``, integers, higher is preferred. It
            is emptied, so that each column's memory can go when it is done with.
    """
    ids = columns.pop("id")
    count = len(ids)
    if not count:
        return NAMES.empty_table()
    codes, id_of = _codes(ids)
    del ids
    source_codes, source_of = _codes(columns.pop("source"))
    kinds = columns.pop("kind").to_numpy()
    kinds = np.where(kinds == NameKind.PREFERRED, NameKind.SYNONYM, kinds).astype(np.uint8)
    scores = columns.pop("score").to_numpy()
    # One large array, since 32-bit offsets do not reach over all names of a big source.
    names = columns.pop("name").cast(pa.large_string()).combine_chunks()

    order = np.argsort(codes, kind="stable").astype(np.int32)
    codes = codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).astype(np.int32)
    order = order[_best_first(scores[order], starts)]
    kinds = kinds[order]
    kinds[starts] = NameKind.PREFERRED
    del scores
    cuts = starts[np.searchsorted(starts, np.arange(0, count, _SLICE), side="right") - 1]
    parts: list[pa.RecordBatch] = []
    for begin, end in pairwise([*np.unique(cuts).tolist(), count]):
        rows = order[begin:end]
        part = names.take(pa.array(rows)).cast(pa.string())
        keys = codes[begin:end].astype(np.int64) << 32 | part.dictionary_encode().indices
        kept = np.sort(np.unique(keys, return_index=True)[1])
        arrays = [
            id_of.take(pa.array(codes[begin:end][kept])),
            part.take(pa.array(kept)),
            pa.array(kinds[begin:end][kept]),
            source_of.take(pa.array(source_codes[rows[kept]])),
        ]
        parts.append(pa.RecordBatch.from_arrays(arrays, schema=NAMES))
    return pa.Table.from_batches(parts, NAMES)


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """The number of each row's value, and the values by number."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks])
        return codes.astype(np.int32, copy=False), column.chunk(0).dictionary.cast(pa.string())
    # Only the first row of each run goes into the hash table, which else is the peak of memory.
    values = column.cast(pa.large_string()).combine_chunks()
    differs = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
    heads = np.flatnonzero(np.append(True, differs.to_numpy(zero_copy_only=False)))
    encoded = values.take(pa.array(heads)).dictionary_encode()
    runs = np.diff(heads, append=len(values))
    codes = np.repeat(encoded.indices.to_numpy().astype(np.int32, copy=False), runs)
    return codes, encoded.dictionary.cast(pa.string())


def _best_first(scores: NDArray[np.int32], starts: NDArray[np.int32]) -> NDArray[np.int32]:
    """The permutation that moves each group's first best row to the group's start."""
    sizes = np.diff(starts, append=np.int32(len(scores)))
    best = np.flatnonzero(scores == np.repeat(np.maximum.reduceat(scores, starts), sizes))
    first = best[np.searchsorted(best, starts)].astype(np.int32)
    order = np.arange(len(scores), dtype=np.int32)
    order -= order <= np.repeat(first, sizes)  # those before it move down by one place
    order[starts] = first
    return order
