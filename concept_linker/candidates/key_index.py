"""The string index: keys in, the nearest keys out; it knows nothing of concepts.

A folder of flat arrays (``.npy``), memory-mapped.  Keys are numbered by the squared length of
their vectors (their *norm*), grams from the rarest on.

================  ==============  ================================================================
``key_bytes``     uint8           the keys, UTF-8, one behind the other
``key_offsets``   int64           where each begins; one more than keys, as all begins here
``key_norms``     int64           the norm of each, ascending
``key_table``     uint32          exact lookup: open addressing, id + 1, 0 for an empty slot
``key_begins``    int64           where the grams of each begin
``key_grams``     uint16, uint32  the grams of each, ascending
``key_signatures``  uint8         128 bits each, one set for each gram (shape: keys × 16)
``gram_codes``    uint64          the distinct 3-grams, ascending
``gram_ids``      int32           the number of each of them
``gram_weights``  int32           by number: inverse document frequency in steps of 1/64
``gram_begins``   int64           where each class of the postings of each gram begins
``postings``      uint32          the keys that have the gram, ascending in each class
================  ==============  ================================================================
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARRAYS", "KeyIndex", "build"]

#: The arrays of a folder.
ARRAYS = (
    "key_bytes",
    "key_offsets",
    "key_norms",
    "key_table",
    "key_begins",
    "key_grams",
    "key_signatures",
    "gram_codes",
    "gram_ids",
    "gram_weights",
    "gram_begins",
    "postings",
)


def build(keys: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[dict[str, Any], Any]:
    """The arrays of an index over distinct, non-empty keys in ascending order of their bytes.

    Args:
        keys: the keys' UTF-8 bytes, one behind the other.
        offsets: where each begins; one more than keys.

    Returns:
        The arrays by name, and for each key given its id in the index (int64).
    """
    from concept_linker.candidates import building
    from concept_linker.candidates.searching import CLASSES, SIGNATURE

    codes, counts = building.count_grams(keys, offsets)
    heaviest_first = np.argsort(counts, kind="stable")
    ids = np.empty(codes.size, np.int32)
    ids[heaviest_first] = np.arange(codes.size, dtype=np.int32)
    weights = building.gram_weights(counts[heaviest_first], offsets.size - 1)
    total = int(counts.sum())
    key_begins = np.zeros(offsets.size, np.int64)
    key_grams = np.empty(total, np.uint16 if codes.size <= 1 << 16 else np.uint32)
    norms = building.forward(keys, offsets, codes, ids, weights, key_begins, key_grams)
    order = np.argsort(norms, kind="stable")
    norms = norms[order]
    key_bytes, key_offsets = _gather(keys, offsets, order)
    key_grams, key_begins = _gather(key_grams, key_begins, order)
    entries = np.empty(total, np.uint32)
    begins = building.postings(key_begins, key_grams, norms, weights, CLASSES, entries)
    new_ids = np.empty(order.size, np.int64)
    new_ids[order] = np.arange(order.size)
    arrays = {
        "key_bytes": key_bytes,
        "key_offsets": key_offsets,
        "key_norms": norms,
        "key_table": building.fill_table(key_bytes, key_offsets),
        "key_begins": key_begins,
        "key_grams": key_grams,
        "key_signatures": building.signatures(key_begins, key_grams, SIGNATURE),
        "gram_codes": codes,
        "gram_ids": ids,
        "gram_weights": weights,
        "gram_begins": begins,
        "postings": entries,
    }
    return arrays, new_ids


def _gather(
    values: NDArray[Any], offsets: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Rows of different lengths in a new order, and where each begins now."""
    moved = np.zeros(offsets.size, np.int64)
    np.cumsum(np.diff(offsets)[order], out=moved[1:])
    gathered = np.empty_like(values)
    step = 1 << 20  # a million rows at a time, so that the index array stays small
    for first in range(0, order.size, step):
        part = order[first : first + step]
        begins = moved[first : first + part.size + 1]
        shift = np.repeat(offsets[part] - begins[:-1], np.diff(begins))
        gathered[begins[0] : begins[-1]] = values[shift + np.arange(begins[0], begins[-1])]
    return gathered, moved


@dataclass(frozen=True, slots=True)
class Hits:
    """What a batch of queries found.

    Args:
        counts: int64 of shape (queries,): how many keys each found.
        ids: int32 of shape (queries, k): their ids, best first.
        similarities: float64 of shape (queries, k): their cosines.
    """

    counts: NDArray[np.int64]
    ids: NDArray[np.int32]
    similarities: NDArray[np.float64]


class KeyIndex:
    """Exact lookup of a key, and the k nearest keys above a threshold, exactly.

    Args:
        arrays: by name, as :data:`ARRAYS` lists them.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._bytes = arrays["key_bytes"]
        self._offsets = arrays["key_offsets"]
        #: What :func:`~concept_linker.candidates.grams.table_find` takes: table, offsets, bytes.
        self.table = (arrays["key_table"], self._offsets, self._bytes)
        self._index = (
            arrays["gram_codes"],
            arrays["gram_ids"],
            arrays["gram_weights"],
            round(64 * (math.log(1 + len(self)) + 1)),
            arrays["gram_begins"],
            arrays["postings"],
            arrays["key_norms"],
            arrays["key_begins"],
            arrays["key_grams"],
            arrays["key_signatures"],
        )
        self._scratch = threading.local()

    @classmethod
    def open(cls, folder: Path) -> KeyIndex:
        """Maps the arrays of a folder."""
        return cls({name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS})

    def __len__(self) -> int:
        return int(self._offsets.size) - 1

    def key(self, key_id: int) -> str:
        """The key with an id."""
        begin, end = self._offsets[key_id], self._offsets[key_id + 1]
        return bytes(self._bytes[begin:end]).decode()

    def find(self, key: str) -> int | None:
        """The id of a key, or ``None``."""
        from concept_linker.candidates.grams import find

        found = int(find(*self.table, _utf8([key])[0]))
        return None if found < 0 else found

    def search_many(self, keys: Sequence[str], *, k: int, threshold: float) -> Hits:
        """The k nearest keys of each, with a cosine of at least ``threshold`` and above 0.

        Exact: what :class:`~concept_linker.candidates.oracle.PlainIndex` finds by scoring every
        key, in the same order: the higher cosine first, of equals the lower id.

        Args:
            keys: normalised texts (see :func:`~concept_linker.candidates.normalise.key`).
            k: at most so many each, at least 1.
            threshold: from 0 to 1.
        """
        from concept_linker.candidates.searching import search_many

        data, offsets = _utf8(keys)
        k = min(k, max(len(self), 1))
        hits = Hits(
            np.zeros(len(keys), np.int64),
            np.empty((len(keys), k), np.int32),
            np.empty((len(keys), k), np.float64),
        )
        search_many(  # type: ignore[call-arg]
            data, offsets, k, float(threshold), *self._index, *self._thread_scratch(),
            hits.ids, hits.similarities, hits.counts,
        )  # fmt: skip
        return hits

    def _thread_scratch(self) -> tuple[NDArray[Any], ...]:
        """What one search needs for itself: each thread has its own."""
        if not hasattr(self._scratch, "arrays"):
            self._scratch.arrays = (
                np.zeros(len(self), np.uint8),
                np.empty(len(self), np.int32),
                np.zeros(self._index[0].size, np.int32),
            )
        arrays: tuple[NDArray[Any], ...] = self._scratch.arrays
        return arrays


def _utf8(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts' bytes, one behind the other, and where each begins."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets
