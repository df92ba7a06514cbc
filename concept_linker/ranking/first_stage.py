"""The candidates of strings, and what each string alone says of its own.

Where they come from is in :mod:`~concept_linker.ranking.candidates`, what is said of them in
:mod:`~concept_linker.ranking.string_features`; many strings are worked on in one compiled call.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.rows import Nearest
from concept_linker.ranking.candidates import (
    MOST_MORE,
    WORDS,
    Base,
    Found,
    Learned,
    gather,
    read_words,
    word_hashes,
)
from concept_linker.ranking.encoder import Encoder, Meanings
from concept_linker.ranking.priors import Priors, Table
from concept_linker.ranking.string_features import FEATURES, describe
from concept_linker.runtime.compiling import njit
from concept_linker.runtime.forking import renew_when_forked
from concept_linker.search.normalise import key

__all__ = ["Pooling", "Pools"]

#: From so many wanted candidates on the search goes far.
_MANY = 30
# The least similarity of the nearest names; of others where one is equal; of all if it goes far.
_NEAR, _ALIKE, _FAR = 0.5, 0.7, 0.3
# So many of the commonest concepts are candidates of every string; if it goes far, all.
_COMMON = 10
# Strings of more words than this are cut for what is said of their words.
_MOST_WORDS = 64
_MOST_NOTED = 256


class Pools(NamedTuple):
    """The candidates of some strings, one string after the other.

    Args:
        sizes: how many each string has (int64).
        concepts, names: rows of the base (int64).
        similarities: 0.0 where the string is not near the name (float64).
        types: the number of each concept's semantic type in the priors, or -1 (int16).
        features: float32 of shape (candidates, :data:`~.describing.FEATURES`).
        words: of each string the hashes of its words (see :func:`~.gathering.word_hashes`).
    """

    sizes: NDArray[np.int64]
    concepts: NDArray[np.int64]
    names: NDArray[np.int64]
    similarities: NDArray[np.float64]
    types: NDArray[np.int16]
    features: NDArray[np.float32]
    words: NDArray[np.uint64]


class Pooling:
    """Makes the pools of strings.  Threads may share it.

    Args:
        kb: where the candidates are.
        priors: what was learned.
        encoder: the vectors of words.
        most: how many candidates are wanted; for thirty and more farther names are looked at, and
            more of the commonest concepts.
    """

    def __init__(self, kb: KnowledgeBase, priors: Priors, encoder: Encoder, *, most: int) -> None:
        self._kb = kb
        self._nearest = max(most, _MANY)
        self.far = most >= _MANY
        self.thresholds = (_FAR, _FAR) if self.far else (_NEAR, _ALIKE)
        self.base, self.learned = columns(kb, priors, common=None if self.far else _COMMON)
        self._more = MOST_MORE + self.learned.commonest.size
        self._encoder = Encoder._make(map(_plain, encoder))
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        """Makes what compiled code writes into, and the lock that lets one thread do so."""
        self._lock = threading.Lock()
        self._meanings = Meanings.empty(len(self.base.key_begins) - 1)
        self._counts = np.zeros(self.learned.totals.size, np.uint32)

    def pools(self, strings: Sequence[str]) -> Pools:
        """The pool of each string, which are distinct."""
        near = self._near(strings)
        keyed = [key(text).encode() for text in strings]
        seen = np.array(
            [
                (len(text), len(text) < 8 and sum(map(str.isupper, text)) > 1, text.islower())
                for text in strings
            ],
            np.float32,
        ).reshape(-1, 3)
        room = len(near.concepts) + len(strings) * self._more
        pools = Pools(
            np.empty(len(strings), np.int64),
            np.empty(room, np.int64),
            np.empty(room, np.int64),
            np.empty(room),
            np.empty(room, np.int16),
            np.empty((room, len(FEATURES)), np.float32),
            np.zeros((len(strings), 2, WORDS + 1), np.uint64),
        )
        data, begins = np.frombuffer(b"".join(keyed), np.uint8), np.cumsum([0, *map(len, keyed)])
        word_hashes(data, begins, pools.words)
        agreeing = self._agreeing(strings, near)
        with self._lock:
            count = _pool_many(
                data,
                begins,
                near.counts,
                np.array(near.concepts, np.int64),
                np.array(near.names, np.int64),
                np.array(near.similarities, np.float64),
                agreeing,
                seen,
                self.base,
                self.learned,
                self._encoder,
                self._meanings,
                self._counts,
                pools,
            )
        return Pools._make([pools.sizes, *(column[:count] for column in pools[1:-1]), pools.words])

    def _near(self, strings: Sequence[str]) -> Nearest:
        """The nearest names; where one is equal, only such as are hardly different."""
        least, alike = self.thresholds
        near = self._kb.rows.nearest(strings, k=self._nearest, min_similarity=alike)
        ends = list(itertools.accumulate(near.counts.tolist(), initial=0))
        far = [
            i
            for i, (begin, end) in enumerate(itertools.pairwise(ends))
            if begin == end or near.similarities[begin] < 1.0
        ]
        if not far or least == alike:
            return near
        wider = self._kb.rows.nearest(
            [strings[i] for i in far], k=self._nearest, min_similarity=least
        )
        stops = list(itertools.accumulate(wider.counts.tolist(), initial=0))
        merged = Nearest(near.counts.copy(), [], [], [])
        at = 0
        for i, (begin, end) in enumerate(itertools.pairwise(ends)):
            source = near
            if at < len(far) and far[at] == i:
                source, begin, end = wider, stops[at], stops[at + 1]
                merged.counts[i] = end - begin
                at += 1
            merged.concepts.extend(source.concepts[begin:end])
            merged.names.extend(source.names[begin:end])
            merged.similarities.extend(source.similarities[begin:end])
        return merged

    def _agreeing(self, strings: Sequence[str], near: Nearest) -> NDArray[np.uint8]:
        """Whether the case of the string agrees with the name, where they are equal."""
        agrees = np.ones(len(near.concepts), np.uint8)
        ends = list(itertools.accumulate(near.counts.tolist(), initial=0))
        for text, begin, end in zip(strings, ends, ends[1:], strict=False):
            for at in range(begin, end):
                if near.similarities[at] < 1.0:
                    break
                agrees[at] = self._kb.rows.case_agrees(text, near.names[at])
        return agrees


def columns(kb: KnowledgeBase, priors: Priors, *, common: int | None) -> tuple[Base, Learned]:
    """A base and priors as compiled code reads them, each numbered by the other.

    Args:
        kb: the base.
        priors: what was learned.
        common: how many of the commonest concepts are wanted, or ``None`` for all that are known.
    """
    arrays = {name: _plain(array) for name, array in kb.rows.arrays.items()}
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
    known = np.flatnonzero(rows >= 0)[::-1]  # of several numbers of one concept the first counts
    numbers[rows[known]] = known
    own = np.flatnonzero(numbers >= 0)
    learned_types = priors.types[numbers[own]]
    types[own] = np.where(learned_types >= 0, learned_types, types[own])
    name_keys = np.zeros(arrays["name_concepts"].size, np.uint32)
    offsets = arrays["key_names_offsets"]
    name_keys[arrays["key_names_values"]] = np.repeat(
        np.arange(offsets.size - 1, dtype=np.uint32), np.diff(offsets)
    )
    base = Base(
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
    tables: list[Any] = [Table._make(map(_plain, table)) for table in priors.tables]
    plain = map(_plain, (counted, rows, commonest, priors.type_totals, shares))
    learned = Learned._make([*tables, *plain])
    return Base._make(map(_plain, base)), learned


def _plain(array: Any) -> NDArray[Any]:
    """The same memory as a plain read-only array: one type for the compiler, mapped or not."""
    view: NDArray[Any] = np.asarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


@njit(cache=True, nogil=True)
def _find(data, begin, end, column, offsets):  # type: ignore[no-untyped-def]
    """The row of a string in a column that ascends, or -1."""
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


@njit(cache=True, nogil=True)
def _pool_many(  # type: ignore[no-untyped-def]
    data, begins, near, concepts, names, similarities, agrees, seen, base, learned, encoder,
    meanings, counts, pools,
):  # fmt: skip
    starts, ends = np.empty(_MOST_WORDS, np.int64), np.empty(_MOST_WORDS, np.int64)
    noted, rates = np.empty(_MOST_NOTED, np.int64), np.empty(_MOST_NOTED)
    row = np.zeros(256, np.uint64)
    more = MOST_MORE + learned.commonest.size
    largest = more
    for one in near:
        largest = max(largest, one + more)
    run_shares, run_lasts = np.empty(largest, np.float32), np.empty(largest, np.bool_)
    numbers = np.empty(largest, np.int64)
    first, at = 0, 0
    for text in range(near.size):
        begin, end, size = begins[text], begins[text + 1], near[text]
        room = size + more
        found = Found(
            pools.concepts[at : at + room],
            pools.names[at : at + room],
            pools.similarities[at : at + room],
            run_shares,
            run_lasts,
        )
        for i in range(size):
            found.concepts[i] = concepts[first + i]
            found.names[i] = names[first + i]
            found.similarities[i] = similarities[first + i]
        run_shares[:room] = 0.0
        run_lasts[:room] = False
        words = read_words(data, begin, end, starts, ends)
        own, count = gather(
            data, begin, end, starts, ends, words, size, base, learned, found, noted, rates
        )
        describe(
            data, begin, end, starts, ends, words, size, agrees[first : first + size],
            seen[text], base, learned, encoder, meanings, found, own, count, counts, row, numbers,
            pools.types[at : at + count], pools.features[at : at + count],
        )  # fmt: skip
        pools.sizes[text] = count
        first += size
        at += count
    return at
