"""The index of keys: exact lookup, and search for the nearest keys.

The index consists of flat arrays, which are memory-mapped.  Keys are numbered by the squared length
of their vectors (their *norm*), grams from the rarest on.

================  ==============  ================================================================
``key_bytes``     uint8           the keys in UTF-8, concatenated
``key_offsets``   int64           where each begins, and the last ends, like all begins here
``key_norms``     int64           the norm of each key, ascending
``key_table``     uint32          exact lookup: open addressing, id + 1, 0 for an empty slot
``key_begins``    int64           where the grams of each key begin
``key_grams``     uint16, uint32  the grams of each key, ascending
``key_signatures``  uint8         128 bits per key, one set for each gram (shape: keys × 16)
``key_common``    uint32          a bit for each of the commonest grams, for few keys only
``gram_codes``    uint64          the distinct 3-grams, ascending
``gram_ids``      int32           the number of each 3-gram
``gram_weights``  int32           by number: inverse document frequency in steps of 1/64
``gram_begins``   int64           where each class of the postings of each gram begins
``postings``      uint32, uint16  the keys with the gram, ascending in each class
================  ==============  ================================================================

For many keys (:mod:`~concept_linker.search.probe`), the classes of a gram's postings are the share
of the key's weight from this gram on, and ``key_common`` is empty.  For few keys
(:mod:`~concept_linker.search.scan`), they are ranges of keys; postings are uint16, relative to the
range, and the commonest grams have none.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARRAYS", "KeyIndex", "begins_of", "build"]

# The names of the arrays, and their names in the compiled search.
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

#: The names of the arrays.
ARRAYS = tuple(_FIELDS)

# Up to this many keys are scanned: a 32-bit number for each fits into a megabyte of CPU cache.
FEW_KEYS = 1 << 18


def build(
    keys: NDArray[np.uint8], offsets: NDArray[np.int64], *, few_keys: int = FEW_KEYS
) -> tuple[dict[str, Any], Any]:
    """Builds the arrays of an index.

    Args:
        keys: the UTF-8 bytes of the keys, which are distinct, not empty and ascending.
        offsets: of shape (keys + 1,): where each key begins.
        few_keys: up to this many keys, the index is for :mod:`~concept_linker.search.scan`, else
            for :mod:`~concept_linker.search.probe`.

    Returns:
        The arrays by name, and the id of each given key in the index (int64).
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
    # Scanning adds up dot products in 32 bits.
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
    """Returns rows of different lengths in a new order, and where each begins."""
    moved = begins_of(np.diff(offsets)[order])
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
    """The results of a batch of queries, best first.

    Args:
        counts: int64 of shape (queries,): the number of concepts found.
        exact: int64 of shape (keys of all queries,): the id of the equal key in the index, or -1.
        concepts: uint32 of shape (queries, k): in each row the first ``counts`` are filled.
        places: uint32 of shape (queries, k): the place of the name in the list of keys' names.
        similarities: float64 of shape (queries, k): their cosines.
    """

    counts: NDArray[np.int64]
    exact: NDArray[np.int64]
    concepts: NDArray[np.uint32]
    places: NDArray[np.uint32]
    similarities: NDArray[np.float64]


class KeyIndex:
    """Looks up keys exactly, and finds the k nearest ones above a threshold.

    Safe to use from several threads.

    Args:
        arrays: the arrays of :data:`ARRAYS` by name.
        names: the arrays of :class:`~concept_linker.search.best.Names`; without them every key is
            a concept.
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
        #: The arguments of :func:`~concept_linker.search.grams.table_find`: table, offsets, bytes.
        self.table = (arrays["key_table"], arrays["key_offsets"], arrays["key_bytes"])
        self._local = threading.local()

    def __len__(self) -> int:
        return int(self._arrays["key_norms"].size)

    def key(self, key_id: int) -> str:
        """Returns the key with an id."""
        begin, end = self._arrays["key_offsets"][key_id : key_id + 2]
        return bytes(self._arrays["key_bytes"][begin:end]).decode()

    def find(self, key: str) -> int | None:
        """Returns the id of a key, or ``None``."""
        from concept_linker.search.grams import find

        found = int(find(*self.table, np.frombuffer(key.encode(), np.uint8)))
        return None if found < 0 else found

    def search_many(
        self, queries: Sequence[Sequence[str]], *, k: int, min_similarity: float
    ) -> Hits:
        """Finds the k concepts with the nearest keys: cosine at least ``min_similarity``, above 0.

        Exact: it returns what scoring every key would.  Concepts with a key that equals one of the
        query's come first; then the higher cosine, among equals the key with the lower id, and
        among names of one key the one that comes first in the key's list.

        Args:
            queries: the keys of each text (see :func:`~concept_linker.search.normalise.keys`);
                the nearest of them counts.
            k: the maximum number of concepts per text, at least 1.
            min_similarity: the lowest cosine, 0 to 1.
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
            begins_of([len(key) for key in keys]),
            begins_of([len(query) for query in queries]),
            float(min_similarity), best, counts, exact,
        )  # fmt: skip
        return Hits(counts, exact, *best)

    def _prepared(self) -> tuple[Any, ...]:
        """Returns the first arguments of the compiled search, with scratch memory per thread."""
        if not hasattr(self._local, "prepared"):
            from concept_linker.search.best import Names
            from concept_linker.search.probe import MARKS, Scratch
            from concept_linker.search.scan import BLOCK
            from concept_linker.search.vectors import Vectors

            arrays = self._arrays
            norms = arrays["key_norms"]
            # The few keys that are far longer than the others must not use up the steps.
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
    """Returns a plain read-only view: one type for the compiler, mapped or not."""
    plain = np.asarray(array).view()
    plain.flags.writeable = False
    return plain


def begins_of(lengths: NDArray[Any] | Sequence[int]) -> NDArray[np.int64]:
    """Returns where rows of these lengths begin, and where the last one ends."""
    begins = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=begins[1:])
    return begins
