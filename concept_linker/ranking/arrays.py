"""A knowledge base and priors as the flat arrays that compiled code reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.priors import Priors, Table
from concept_linker.runtime.compiling import njit

__all__ = ["BaseArrays", "PriorArrays", "find_pairs", "plain_array", "read_arrays"]


class BaseArrays(NamedTuple):
    """The columns of a knowledge base that compiled code reads.

    Args:
        table, key_begins, keys: the exact lookup of keys.
        name_begins, key_names: where the names of each key begin in ``key_names``.
        name_concepts, name_kinds, name_keys: the concept, kind and key of each name.
        concept_names: where the names of each concept begin; the first is the preferred one.
        numbers: the number of each concept in the priors, or -1 (int32).
        types: the number of each concept's semantic type in the priors, or -1 (int16).
    """

    table: NDArray[Any]
    key_begins: NDArray[Any]
    keys: NDArray[Any]
    name_begins: NDArray[Any]
    key_names: NDArray[Any]
    name_concepts: NDArray[Any]
    name_kinds: NDArray[Any]
    name_keys: NDArray[Any]
    concept_names: NDArray[Any]
    numbers: NDArray[Any]
    types: NDArray[Any]


class PriorArrays(NamedTuple):
    """The priors as compiled code reads them (see :class:`~concept_linker.ranking.priors.Priors`).

    Args:
        strings, words, stems, surroundings: the tables.
        totals: how often each concept was meant in training.
        rows: the row of each concept in the base, or -1 (int32).
        commonest: the concepts meant most often, in descending order.
        type_totals: how often each type occurred.
        type_shares: the smoothed share of each type.
    """

    strings: Table
    words: Table
    stems: Table
    surroundings: Table
    totals: NDArray[Any]
    rows: NDArray[Any]
    commonest: NDArray[Any]
    type_totals: NDArray[Any]
    type_shares: NDArray[Any]


@njit(cache=True, nogil=True)
def find_pairs(table, state):  # type: ignore[no-untyped-def]
    """Returns where the pairs of a string, given by its hash, begin and end in a table."""
    low, high = 0, table.hashes.size
    while low < high:
        middle = (low + high) >> 1
        if table.hashes[middle] < state:
            low = middle + 1
        else:
            high = middle
    if low < table.hashes.size and table.hashes[low] == state:
        return table.begins[low], table.begins[low + 1]
    return np.int64(0), np.int64(0)


def read_arrays(
    kb: KnowledgeBase, priors: Priors, *, common: int | None
) -> tuple[BaseArrays, PriorArrays]:
    """Returns the arrays of a base and of priors, each with the row numbers of the other.

    Args:
        kb: the base.
        priors: the counts.
        common: how many of the commonest concepts to take; ``None`` for all.
    """
    arrays = {name: plain_array(array) for name, array in kb.rows.arrays.items()}
    begins, values = arrays["concept_types_offsets"], arrays["concept_types_values"]
    kinds = [priors.type_number.get(one, -1) for one in kb.info.types] or [-1]
    first = np.minimum(begins[:-1], max(values.size - 1, 0))
    types = np.full(len(kb), -1, np.int16)
    typed = begins[1:] > begins[:-1]
    types[typed] = np.array(kinds, np.int16)[values[first[typed]]]
    rows = np.full(max(len(priors.ids), 1), -1, np.int32)
    ids = [one.encode() for one in priors.ids]
    _find_rows(
        np.frombuffer(b"".join(ids), np.uint8),
        np.cumsum([0, *map(len, ids)]),
        arrays["concept_ids_bytes"],
        arrays["concept_ids_offsets"],
        arrays["other_ids_bytes"],
        arrays["other_ids_offsets"],
        arrays["other_concepts"],
        rows,
    )
    numbers = np.full(len(kb), -1, np.int32)
    known = np.flatnonzero(rows >= 0)[::-1]  # the first number of a concept counts
    numbers[rows[known]] = known
    own = np.flatnonzero(numbers >= 0)
    learned_types = priors.types[numbers[own]]
    types[own] = np.where(learned_types >= 0, learned_types, types[own])
    name_keys = np.zeros(arrays["name_concepts"].size, np.uint32)
    offsets = arrays["key_names_offsets"]
    name_keys[arrays["key_names_values"]] = np.repeat(
        np.arange(offsets.size - 1, dtype=np.uint32), np.diff(offsets)
    )
    base = BaseArrays(
        arrays["key_table"],
        arrays["key_offsets"],
        arrays["key_bytes"],
        offsets,
        arrays["key_names_values"],
        arrays["name_concepts"],
        arrays["name_kinds"],
        name_keys,
        arrays["concept_names"],
        numbers,
        types,
    )
    totals = priors.type_totals + 0.5
    shares = totals / totals.sum() if totals.size else totals
    counted = priors.totals if priors.ids else np.zeros(1, np.uint32)
    commonest = np.array(priors.commonest[:common], np.int64)
    tables: list[Any] = [Table._make(map(plain_array, table)) for table in priors.tables]
    others = map(plain_array, (counted, rows, commonest, priors.type_totals, shares))
    learned = PriorArrays._make([*tables, *others])
    return BaseArrays._make(map(plain_array, base)), learned


def plain_array(array: Any) -> NDArray[Any]:
    """Returns a plain read-only view: mapped or not, one type for the compiler."""
    view: NDArray[Any] = np.asarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


@njit(cache=True, nogil=True)
def _find(data, begin, end, column, offsets):  # type: ignore[no-untyped-def]
    """Returns the row of a string in a sorted column, or -1."""
    low, high = 0, offsets.size - 1
    while low < high:
        middle = (low + high) >> 1
        at, stop, i = offsets[middle], offsets[middle + 1], begin
        while at < stop and i < end and column[at] == data[i]:
            at += 1
            i += 1
        if i < end and (at == stop or column[at] < data[i]):
            low = middle + 1
        elif i == end and at == stop:
            return middle
        else:
            high = middle
    return -1


@njit(cache=True, nogil=True)
def _find_rows(data, begins, ids, id_begins, others, other_begins, other_rows, rows):  # type: ignore[no-untyped-def]
    for i in range(begins.size - 1):
        row = _find(data, begins[i], begins[i + 1], ids, id_begins)
        if row < 0:
            other = _find(data, begins[i], begins[i + 1], others, other_begins)
            row = np.int64(other_rows[other]) if other >= 0 else -1
        rows[i] = row
