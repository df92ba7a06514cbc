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
``key_common``    uint32          a bit for each of the commonest grams, where there are few keys
``gram_codes``    uint64          the distinct 3-grams, ascending
``gram_ids``      int32           the number of each of them
``gram_weights``  int32           by number: inverse document frequency in steps of 1/64
``gram_begins``   int64           where each class of the postings of each gram begins
``postings``      uint32, uint16  the keys that have the gram, ascending in each class
================  ==============  ================================================================

The classes of a gram's postings are shares of what the key's grams from this one on weigh
(:mod:`~concept_linker.search.probe`); where there are few keys, they are ranges of keys
(:mod:`~concept_linker.search.scan`), the postings uint16, counted in the range, and the
commonest grams have none; ``key_common`` is empty where there are many.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARRAYS", "KeyIndex", "build"]

# The arrays of a folder, and what the compiled search calls them.
_FIELDS = {
    "key_bytes": "bytes",
    "key_offsets": "offsets",
    "key_norms": "norms",
    "key_table": "table",
    "key_begins": "key_begins",
    "key_grams": "key_grams",
    "key_signatures": "signatures",
    "key_common": "common",
    "gram_codes": "codes",
    "gram_ids": "code_ids",
    "gram_weights": "weights",
    "gram_begins": "begins",
    "postings": "postings",
}

#: The arrays of a folder.
ARRAYS = tuple(_FIELDS)

# A 32-bit number for each of so many keys fits into a megabyte, a core's own cache.
FEW_KEYS = 1 << 18


def build(
    keys: NDArray[np.uint8], offsets: NDArray[np.int64], *, few_keys: int = FEW_KEYS
) -> tuple[dict[str, Any], Any]:
    """The arrays of an index over distinct, non-empty keys in ascending order of their bytes.

    Args:
        keys: the keys' UTF-8 bytes, one behind the other.
        offsets: where each begins; one more than keys.
        few_keys: up to so many keys the postings are kept by ranges of keys, for
            :mod:`~concept_linker.search.scan`, not by the share of the rest.

    Returns:
        The arrays by name, and for each key given its id in the index (int64).
    """
    from concept_linker.search import build as building
    from concept_linker.search.probe import CLASSES, SIGNATURE
    from concept_linker.search.scan import COMMON, RANGE

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
    # Dot products of few keys are added up in 32 bits.
    few = order.size <= few_keys and (order.size == 0 or norms[-1] < 2**31)
    if few:
        ranges = -(-order.size // RANGE)
        rare = max(weights.size - COMMON, 0)
        entries: Any = np.empty(int(counts[heaviest_first[:rare]].sum()), np.uint16)
        begins = building.postings(
            key_begins, key_grams, norms, weights, rare, ranges, RANGE, entries
        )
        common = building.bits_from(key_begins, key_grams, rare)
    else:
        entries = np.empty(total, np.uint32)
        begins = building.postings(
            key_begins, key_grams, norms, weights, weights.size, CLASSES, 0, entries
        )
        common = np.zeros(0, np.uint32)
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
        "key_common": common,
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
    """What a batch of queries found, best first.

    Args:
        counts: int64 of shape (queries,): how many concepts each found.
        exact: int64 of shape (all queries' keys,): the id of the key that equals it, or -1.
        concepts: uint32 of shape (queries, k): row by row, ``counts`` of them.
        places: uint32 of shape (queries, k): the place of each one's name among the keys' names.
        similarities: float64 of shape (queries, k): their cosines.
    """

    counts: NDArray[np.int64]
    exact: NDArray[np.int64]
    concepts: NDArray[np.uint32]
    places: NDArray[np.uint32]
    similarities: NDArray[np.float64]


class KeyIndex:
    """Exact lookup of a key, and the k nearest keys above a threshold, exactly.

    Args:
        arrays: by name, as :data:`ARRAYS` lists them.
        names: whose the keys are; without it every key is a concept of its own.
    """

    def __init__(
        self,
        arrays: dict[str, NDArray[Any]],
        names: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
    ) -> None:
        arrays = {name: _read_only(arrays[name]) for name in ARRAYS}
        self._arrays = arrays
        if names is None:
            rows = np.arange(arrays["key_norms"].size, dtype=np.uint32)
            names = (np.arange(rows.size + 1), rows, rows)
        self._key_names = tuple(_read_only(array) for array in names)
        #: What :func:`~concept_linker.search.grams.table_find` takes: table, offsets, bytes.
        self.table = (arrays["key_table"], arrays["key_offsets"], arrays["key_bytes"])
        self._local = threading.local()

    def __len__(self) -> int:
        return int(self._arrays["key_norms"].size)

    def key(self, key_id: int) -> str:
        """The key with an id."""
        begin, end = self._arrays["key_offsets"][key_id : key_id + 2]
        return bytes(self._arrays["key_bytes"][begin:end]).decode()

    def find(self, key: str) -> int | None:
        """The id of a key, or ``None``."""
        from concept_linker.search.grams import find

        found = int(find(*self.table, np.frombuffer(key.encode(), np.uint8)))
        return None if found < 0 else found

    def search_many(
        self, queries: Sequence[Sequence[str]], *, k: int, min_similarity: float
    ) -> Hits:
        """The k concepts with the nearest keys: cosine at least ``min_similarity`` and above 0.

        Exact: it returns what scoring every key would.  Concepts with a key that equals one of the
        query's come first; then the higher cosine, among equals the key with the lower id, and
        among names of one key the one that comes first in the key's list.

        Args:
            queries: for each the keys of a text (see
                :func:`~concept_linker.search.normalise.keys`); what is near to any counts.
            k: at most so many concepts each, at least 1.
            min_similarity: from 0 to 1.
        """
        from concept_linker.search.best import Best
        from concept_linker.search.probe import search_many

        keys = [key.encode() for query in queries for key in query]
        k = min(k, max(self._key_names[2].size, 1))
        shape = (len(queries), k)
        best = Best(np.empty(shape, np.uint32), np.empty(shape, np.uint32), np.empty(shape))
        counts, exact = np.empty(len(queries), np.int64), np.empty(len(keys), np.int64)
        search_many(
            *self._prepared(),
            _read_only(np.frombuffer(b"".join(keys), np.uint8)),
            _begins([len(key) for key in keys]),
            _begins([len(query) for query in queries]),
            float(min_similarity), best, counts, exact,
        )  # fmt: skip
        return Hits(counts, exact, *best)

    def _prepared(self) -> tuple[Any, ...]:
        """The arrays as the compiled search takes them, and what a thread needs for itself."""
        if not hasattr(self._local, "prepared"):
            from concept_linker.search.best import Names
            from concept_linker.search.probe import MARKS, Scratch
            from concept_linker.search.scan import BLOCK
            from concept_linker.search.vectors import Vectors

            arrays = self._arrays
            norms = arrays["key_norms"]
            # The few keys that are far longer than the others shall not take up all steps.
            longest = math.sqrt(norms[int(norms.size * 0.999)]) if norms.size else 1.0
            edges = (np.arange(MARKS) * (longest / MARKS)) ** 2
            few = arrays["postings"].dtype == np.uint16
            fields = {field: arrays[name] for name, field in _FIELDS.items()}
            fields["range_postings"] = arrays["postings"]
            unused = "postings" if few else "range_postings"
            fields[unused] = _read_only(np.zeros(0, np.uint32 if few else np.uint16))
            vectors = Vectors(
                **fields,
                unknown_weight=round(64 * (math.log(1 + len(self)) + 1)),
                marks=np.searchsorted(norms, edges),
                marks_per_root=MARKS / longest,
            )
            blocks = -(-len(self) // BLOCK)
            scratch = Scratch(
                np.zeros(arrays["gram_weights"].size, np.int32),
                np.zeros(0 if few else len(self), np.uint8),
                np.empty(0 if few else len(self), np.int32),
                np.zeros((blocks if few else 0, BLOCK), np.int32),
            )
            self._local.prepared = (vectors, Names(*self._key_names), scratch)
        prepared: tuple[Any, ...] = self._local.prepared
        return prepared


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory as a plain read-only array: one type for the compiler, mapped or not."""
    plain = np.asarray(array).view()
    plain.flags.writeable = False
    return plain


def _begins(lengths: Sequence[int]) -> NDArray[np.int64]:
    begins = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=begins[1:])
    return begins
