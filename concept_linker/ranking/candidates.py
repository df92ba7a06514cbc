"""Which concepts a string may mean, compiled.

Candidates come from five places, in this order: names equal after normalisation and the nearest
names, both given; names and trained strings equal to a run of the string's words (``hepatic
dysfunction`` → dysfunction); concepts that the string, its words or stems are often a part of;
the commonest concepts of all.  The last three are learned: annotators mean a known concept where a
base has no name for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.priors import STEM, Table
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes, table_find

__all__ = [
    "MOST_MORE",
    "WORDS",
    "Base",
    "Found",
    "Learned",
    "gather",
    "pairs_of",
    "read_words",
    "stem_end",
    "word_hashes",
]

#: So many words of a string are compared with those of other strings of its text.
WORDS = 8
#: Of longer strings runs of words are not looked up.
MOST_WORDS = 12
_MOST_FROM_RUNS = 12
_MOST_FROM_WORDS = 16
# Of what one run, or one word, is known to mean the most frequent ones.
_PER_RUN = 3
_PER_WORD = 8
#: How many candidates are added to the nearest names, besides the commonest concepts.
MOST_MORE = _MOST_FROM_RUNS + _MOST_FROM_WORDS

_BLANK = np.uint8(32)
_START = np.uint64(0)


class Base(NamedTuple):
    """The columns of a knowledge base that compiled code reads.

    Args:
        table, key_begins, keys: the exact lookup of keys.
        name_begins, key_names: where the names of each key begin in ``key_names``.
        name_concepts, name_kinds, name_keys: of each name.
        concept_names: where the names of each concept begin; the first is the preferred one.
        numbers: of each concept its number in the priors, or -1 (int32).
        types: of each concept the number of its semantic type in the priors, or -1 (int16).
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


class Learned(NamedTuple):
    """The priors as compiled code reads them (see :class:`~concept_linker.ranking.priors.Priors`).

    Args:
        strings, words, stems, surroundings: the tables.
        totals: how often each concept was meant.
        rows: the row of each concept in the base, or -1 (int32).
        commonest: the concepts meant most often, the most frequent first.
        type_totals: how often each type came.
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


class Found(NamedTuple):
    """The candidates of one string, as far as they are found.

    Args:
        concepts, names: rows of the base.
        similarities: 0.0 where the string is not near the name.
        run_shares: the share of the words in the longest run that names the concept, or 0.
        run_lasts: whether that run ends the string.
    """

    concepts: NDArray[Any]
    names: NDArray[Any]
    similarities: NDArray[Any]
    run_shares: NDArray[Any]
    run_lasts: NDArray[Any]


@njit(cache=True, nogil=True)
def read_words(data, begin, end, starts, ends):  # type: ignore[no-untyped-def]
    """Where the words of a key are; at most as many as there is room for.  Returns how many."""
    count, at = 0, begin
    while at < end and count < starts.size:
        starts[count] = at
        while at < end and data[at] != _BLANK:
            at += 1
        ends[count] = at
        count += 1
        at += 1
    return count


@njit(cache=True, nogil=True)
def pairs_of(table, state):  # type: ignore[no-untyped-def]
    """Where the pairs of a string, known by its hash, begin and end in a table."""
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


@njit(cache=True, nogil=True)
def stem_end(data, start, end):  # type: ignore[no-untyped-def]
    """Where the stem of a word ends: so many letters, not bytes."""
    letters = 0
    for at in range(start, end):
        if data[at] & 0xC0 != 0x80:
            if letters == STEM:
                return at
            letters += 1
    return end


@njit(cache=True, nogil=True)
def word_hashes(data, begins, out):  # type: ignore[no-untyped-def]
    """The words of strings, and their stems, as hashes.

    Args:
        data, begins: the keys of the strings, one after the other.
        out: uint64 of shape (strings, 2, WORDS + 1), all 0: the words, the stems.  The last word
            comes first (of more than 64 words the 64th), and after it the first :data:`WORDS`.
    """
    starts, ends = np.empty(64, np.int64), np.empty(64, np.int64)
    for string in range(begins.size - 1):
        words = read_words(data, begins[string], begins[string + 1], starts, ends)
        for place in range(min(words, WORDS) + 1 if words else 0):
            word = place - 1 if place else words - 1
            out[string, 0, place] = hash_bytes(data, starts[word], ends[word], _START)
            stop = stem_end(data, starts[word], ends[word])
            out[string, 1, place] = hash_bytes(data, starts[word], stop, _START)


@njit(cache=True, nogil=True)
def _place(concepts, count, concept):  # type: ignore[no-untyped-def]
    for i in range(count):
        if concepts[i] == concept:
            return i
    return -1


@njit(cache=True, nogil=True)
def _add(found, count, base, concept, name):  # type: ignore[no-untyped-def]
    """Adds a candidate unless it is there, or nothing more shall be; returns how many there are."""
    if _place(found.concepts, count, concept) >= 0:
        return count
    found.concepts[count] = concept
    found.names[count] = name if name >= 0 else base.concept_names[concept]
    found.similarities[count] = 0.0
    return count + 1


@njit(cache=True, nogil=True)
def _from_runs(data, starts, ends, words, base, learned, found, count):  # type: ignore[no-untyped-def]
    most = count + _MOST_FROM_RUNS
    if words > MOST_WORDS:
        return count
    for length in range(words - 1, 0, -1):
        for first in range(words - length + 1):
            begin, end = starts[first], ends[first + length - 1]
            if end - begin < 2:
                continue
            share, is_last = length / words, first + length == words
            state = hash_bytes(data, begin, end, _START)
            key = table_find(base.table, base.key_begins, base.keys, data, begin, end, state)[1]
            if key >= 0:
                for at in range(base.name_begins[key], base.name_begins[key + 1]):
                    name = base.key_names[at]
                    concept = base.name_concepts[name]
                    if count < most:
                        count = _add(found, count, base, concept, np.int64(name))
                    i = _place(found.concepts, count, concept)
                    if i >= 0 and found.run_shares[i] == 0.0:
                        found.run_shares[i] = share
                        found.run_lasts[i] = is_last
            begin, end = pairs_of(learned.strings, state)
            for at in range(begin, min(begin + _PER_RUN, end)):
                row = learned.rows[learned.strings.numbers[at]]
                if row >= 0 and count < most:
                    count = _add(found, count, base, row, -1)
    return count


@njit(cache=True, nogil=True)
def _note(table, state, numbers, rates, known):  # type: ignore[no-untyped-def]
    """Notes what a word most often means, with the share of its uses."""
    begin, end = pairs_of(table, state)
    whole = 1.0
    for at in range(begin, end):
        whole += table.counts[at]
    for at in range(begin, min(begin + _PER_WORD, end)):
        number, rate = table.numbers[at], table.counts[at] / whole
        i = _place(numbers, known, number)
        if i < 0:
            if known == numbers.size:
                return known
            i = known
            numbers[i] = number
            rates[i] = 0.0
            known += 1
        rates[i] = max(rates[i], rate)
    return known


@njit(cache=True, nogil=True)
def _from_words(  # type: ignore[no-untyped-def]
    data, begin, end, starts, ends, words, base, learned, found, count, numbers, rates
):
    most = count + _MOST_FROM_WORDS
    state = hash_bytes(data, begin, end, _START)
    known = _note(learned.strings, state, numbers, rates, 0)
    for i in range(words):
        state = hash_bytes(data, starts[i], ends[i], _START)
        known = _note(learned.words, state, numbers, rates, known)
    for i in range(words):
        state = hash_bytes(data, starts[i], stem_end(data, starts[i], ends[i]), _START)
        known = _note(learned.stems, state, numbers, rates, known)
    while count < most:
        best = -1
        for i in range(known):
            if rates[i] > 0.0 and (
                best < 0
                or rates[i] > rates[best]
                or (rates[i] == rates[best] and numbers[i] < numbers[best])
            ):
                best = i
        if best < 0:
            break
        rates[best] = 0.0
        row = learned.rows[numbers[best]]
        if row >= 0:
            count = _add(found, count, base, row, -1)
    return count


@njit(cache=True, nogil=True)
def gather(data, begin, end, starts, ends, words, near, base, learned, found, numbers, rates):  # type: ignore[no-untyped-def]
    """Adds to the nearest names of a string what else it may mean.

    Args:
        data, begin, end: the string's key.
        starts, ends, words: its words.
        near: how many nearest names stand in ``found`` already.
        base, learned: where to look.
        found: room for all; ``run_shares`` and ``run_lasts`` all 0.
        numbers, rates: room for what is noted meanwhile.

    Returns:
        How many candidates the string itself has; how many there are with the commonest concepts.
    """
    count = _from_runs(data, starts, ends, words, base, learned, found, near)
    own = _from_words(
        data, begin, end, starts, ends, words, base, learned, found, count, numbers, rates
    )
    count = own
    for number in learned.commonest:
        row = learned.rows[number]
        if row >= 0:
            count = _add(found, count, base, row, -1)
    return own, count
