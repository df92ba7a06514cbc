"""Groups rows of names by concept, the preferred name first, without duplicates."""

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
    """Returns a table of schema :data:`~concept_linker.knowledge_base.source.NAMES`.

    Concepts are in the order of their first row. The first row with the highest score is a
    concept's preferred name. The others follow in their order; of equal names only the first is
    kept.

    Args:
        columns: ``id``, ``name`` and ``source``, strings or dictionaries of them; ``kind``,
            :class:`NameKind` values, except that the preferred name's becomes PREFERRED and any
            other PREFERRED becomes SYNONYM; ``score``, integers, higher is preferred. The
            dictionary is emptied, to free each column as soon as possible.
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
    # One large array, because 32-bit offsets are too small for all names of a big source.
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
    """Returns the code of each row's value, and the values by code."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks])
        return codes.astype(np.int32, copy=False), column.chunk(0).dictionary.cast(pa.string())
    # Only the first row of each run goes into the hash table, which would otherwise be the peak of
    # memory.
    values = column.cast(pa.large_string()).combine_chunks()
    differs = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
    heads = np.flatnonzero(np.append(True, differs.to_numpy(zero_copy_only=False)))
    encoded = values.take(pa.array(heads)).dictionary_encode()
    runs = np.diff(heads, append=len(values))
    codes = np.repeat(encoded.indices.to_numpy().astype(np.int32, copy=False), runs)
    return codes, encoded.dictionary.cast(pa.string())


def _best_first(scores: NDArray[np.int32], starts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Returns the permutation that moves each group's first best row to the group's start."""
    sizes = np.diff(starts, append=np.int32(len(scores)))
    best = np.flatnonzero(scores == np.repeat(np.maximum.reduceat(scores, starts), sizes))
    first = best[np.searchsorted(best, starts)].astype(np.int32)
    order = np.arange(len(scores), dtype=np.int32)
    order -= order <= np.repeat(first, sizes)  # those before it move down by one place
    order[starts] = first
    return order
