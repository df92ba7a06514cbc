"""Candidate generation: which concepts a string may mean.

Candidates come from five sources, in this order: names equal after normalisation, and the nearest
names (both from the index); names and trained strings equal to a run of the string's words
(``hepatic dysfunction`` → dysfunction); concepts that the string, its words or their stems often
mean a part of; the commonest concepts of all.  The last three come from the priors: annotators
mean a well-known concept where a base has no name for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.rows import Nearest
from concept_linker.ranking.arrays import BaseArrays, PriorArrays, find_pairs
from concept_linker.ranking.words import MAX_WORDS, Texts, read_words, stem_end
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes, table_find

__all__ = ["COMMON", "MANY", "MAX_RUN_WORDS", "CandidateGenerator", "Candidates"]

#: From this number of requested candidates on, the search reaches far.
MANY = 30
#: How many of the commonest concepts are candidates of every string, unless the search reaches far.
COMMON = 10
#: Runs of words are not looked up for strings of more words.
MAX_RUN_WORDS = 12

# The minimum similarity of the nearest names; of the others where one is equal; of all if the
# search reaches far.
_MIN_SIMILARITY, _MIN_BESIDES_EXACT, _MIN_FAR = 0.5, 0.7, 0.3
_MAX_FROM_RUNS = 12
_MAX_FROM_WORDS = 16
# Only the most frequent meanings of a run or a word are taken.
_PER_RUN = 3
_PER_WORD = 8
_MAX_NOTED = 256
_START = np.uint64(0)


class Candidates(NamedTuple):
    """The candidates of some strings, one string after the other.

    Args:
        sizes: the number of candidates of each string (int64).
        specific: how many of these are the string's own; the commonest concepts follow (int64).
        concepts, names: rows of the base (int64).
        similarities: of string and name; 0.0 if the index has not found the name (float64).
        run_shares: the share of the words in the longest run that names the concept, or 0.
        run_lasts: whether that run ends the string.
    """

    sizes: NDArray[np.int64]
    specific: NDArray[np.int64]
    concepts: NDArray[np.int64]
    names: NDArray[np.int64]
    similarities: NDArray[np.float64]
    run_shares: NDArray[np.float32]
    run_lasts: NDArray[np.bool_]


class CandidateGenerator:
    """Generates the candidates of strings.  Threads may share it.

    Args:
        kb: the knowledge base.
        base, priors: its arrays and those of the priors.
        k: how many candidates are requested; from :data:`MANY` on, less similar names are searched.
    """

    def __init__(self, kb: KnowledgeBase, base: BaseArrays, priors: PriorArrays, *, k: int) -> None:
        self._kb, self._base, self._priors = kb, base, priors
        self._nearest = max(k, MANY)
        far = k >= MANY
        self._min_similarity = _MIN_FAR if far else _MIN_SIMILARITY
        self._min_besides_exact = _MIN_FAR if far else _MIN_BESIDES_EXACT
        self._added = _MAX_FROM_RUNS + _MAX_FROM_WORDS + priors.commonest.size

    def generate(self, strings: Sequence[str], keys: Texts) -> Candidates:
        """Returns the candidates of distinct strings.

        Args:
            strings: the strings.
            keys: their keys.
        """
        nearest = self._find_nearest(strings)
        room = len(nearest.concepts) + len(strings) * self._added
        found = Candidates(
            np.empty(len(strings), np.int64),
            np.empty(len(strings), np.int64),
            np.empty(room, np.int64),
            np.empty(room, np.int64),
            np.empty(room),
            np.zeros(room, np.float32),
            np.zeros(room, np.bool_),
        )
        count = _generate(
            *keys,
            nearest.counts,
            np.array(nearest.concepts, np.int64),
            np.array(nearest.names, np.int64),
            np.array(nearest.similarities, np.float64),
            self._base,
            self._priors,
            self._added,
            found,
        )
        return Candidates._make([*found[:2], *(values[:count] for values in found[2:])])

    def _find_nearest(self, strings: Sequence[str]) -> Nearest:
        """Returns the nearest names; where one is equal, only very similar ones."""
        least, besides_exact = self._min_similarity, self._min_besides_exact
        near = self._kb.rows.nearest(strings, k=self._nearest, min_similarity=besides_exact)
        ends = list(itertools.accumulate(near.counts.tolist(), initial=0))
        inexact = [
            i
            for i, (begin, end) in enumerate(itertools.pairwise(ends))
            if begin == end or near.similarities[begin] < 1.0
        ]
        if not inexact or least == besides_exact:
            return near
        texts = [strings[i] for i in inexact]
        wider = self._kb.rows.nearest(texts, k=self._nearest, min_similarity=least)
        stops = list(itertools.accumulate(wider.counts.tolist(), initial=0))
        merged = Nearest(near.counts.copy(), [], [], [])
        at = 0
        for i, (begin, end) in enumerate(itertools.pairwise(ends)):
            source = near
            if at < len(inexact) and inexact[at] == i:
                source, begin, end = wider, stops[at], stops[at + 1]
                merged.counts[i] = end - begin
                at += 1
            merged.concepts.extend(source.concepts[begin:end])
            merged.names.extend(source.names[begin:end])
            merged.similarities.extend(source.similarities[begin:end])
        return merged


@njit(cache=True, nogil=True)
def _generate(  # type: ignore[no-untyped-def]
    data, begins, near_counts, near_concepts, near_names, near_similarities, base, priors, added,
    out,
):  # fmt: skip
    """Adds to the nearest names of each string what else it may mean.

    Args:
        data, begins: the keys.
        near_counts, near_concepts, near_names, near_similarities: the nearest names.
        base, priors: where to look.
        added: how many candidates a string may have besides its nearest names.
        out: :class:`Candidates` with room for all; ``run_shares`` and ``run_lasts`` all 0.

    Returns:
        The number of candidates.
    """
    starts, ends = np.empty(MAX_WORDS, np.int64), np.empty(MAX_WORDS, np.int64)
    noted, rates = np.empty(_MAX_NOTED, np.int64), np.empty(_MAX_NOTED)
    first, at = 0, 0
    for string in range(near_counts.size):
        begin, end, count = begins[string], begins[string + 1], near_counts[string]
        stop = at + count + added
        concepts, names = out.concepts[at:stop], out.names[at:stop]
        similarities = out.similarities[at:stop]
        concepts[:count] = near_concepts[first : first + count]
        names[:count] = near_names[first : first + count]
        similarities[:count] = near_similarities[first : first + count]
        first += count
        words = read_words(data, begin, end, starts, ends)
        count = _add_runs(
            data, starts, ends, words, base, priors, concepts, names, similarities,
            out.run_shares[at:stop], out.run_lasts[at:stop], count,
        )  # fmt: skip
        count = _add_words(
            data, begin, end, starts, ends, words, base, priors, concepts, names, similarities,
            count, noted, rates,
        )  # fmt: skip
        out.specific[string] = count
        for number in priors.commonest:
            row = priors.rows[number]
            if row >= 0:
                count = _add(concepts, names, similarities, count, base, row, -1)
        out.sizes[string] = count
        at += count
    return at


@njit(cache=True, nogil=True)
def _position(values, count, value):  # type: ignore[no-untyped-def]
    """Returns where a value is among the first ``count``, or -1."""
    for i in range(count):
        if values[i] == value:
            return i
    return -1


@njit(cache=True, nogil=True)
def _add(concepts, names, similarities, count, base, concept, name):  # type: ignore[no-untyped-def]
    """Adds a concept unless it is a candidate already; returns the number of candidates.

    A name of -1 stands for the concept's preferred name.
    """
    if _position(concepts, count, concept) >= 0:
        return count
    concepts[count] = concept
    names[count] = name if name >= 0 else base.concept_names[concept]
    similarities[count] = 0.0
    return count + 1


@njit(cache=True, nogil=True)
def _add_runs(  # type: ignore[no-untyped-def]
    data, starts, ends, words, base, priors, concepts, names, similarities, run_shares, run_lasts,
    count,
):  # fmt: skip
    """Adds what runs of the string's words name or were used for, the longest runs first."""
    limit = count + _MAX_FROM_RUNS
    if words > MAX_RUN_WORDS:
        return count
    for length in range(words - 1, 0, -1):
        for first in range(words - length + 1):
            begin, end = starts[first], ends[first + length - 1]
            if end - begin < 2:
                continue
            state = hash_bytes(data, begin, end, _START)
            key = table_find(base.table, base.key_begins, base.keys, data, begin, end, state)[1]
            if key >= 0:
                for at in range(base.name_begins[key], base.name_begins[key + 1]):
                    name = np.int64(base.key_names[at])
                    concept = base.name_concepts[name]
                    if count < limit:
                        count = _add(concepts, names, similarities, count, base, concept, name)
                    i = _position(concepts, count, concept)
                    if i >= 0 and run_shares[i] == 0.0:
                        run_shares[i] = length / words
                        run_lasts[i] = first + length == words
            begin, end = find_pairs(priors.strings, state)
            for at in range(begin, min(begin + _PER_RUN, end)):
                row = priors.rows[priors.strings.numbers[at]]
                if row >= 0 and count < limit:
                    count = _add(concepts, names, similarities, count, base, row, -1)
    return count


@njit(cache=True, nogil=True)
def _note_meanings(table, state, numbers, rates, known):  # type: ignore[no-untyped-def]
    """Notes the most frequent meanings of a word with their share of its uses.

    Args:
        table: counts by word.
        state: the hash of the word.
        numbers, rates: the concepts noted so far, and the largest share of each.
        known: how many there are.

    Returns:
        How many there are now.
    """
    begin, end = find_pairs(table, state)
    total = 1.0
    for at in range(begin, end):
        total += table.counts[at]
    for at in range(begin, min(begin + _PER_WORD, end)):
        number, rate = table.numbers[at], table.counts[at] / total
        i = _position(numbers, known, number)
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
def _add_words(  # type: ignore[no-untyped-def]
    data, begin, end, starts, ends, words, base, priors, concepts, names, similarities, count,
    noted, rates,
):  # fmt: skip
    """Adds what the string, its words and their stems most often mean, the likeliest first."""
    limit = count + _MAX_FROM_WORDS
    state = hash_bytes(data, begin, end, _START)
    known = _note_meanings(priors.strings, state, noted, rates, 0)
    for i in range(words):
        state = hash_bytes(data, starts[i], ends[i], _START)
        known = _note_meanings(priors.words, state, noted, rates, known)
    for i in range(words):
        state = hash_bytes(data, starts[i], stem_end(data, starts[i], ends[i]), _START)
        known = _note_meanings(priors.stems, state, noted, rates, known)
    while count < limit:
        best = -1
        for i in range(known):
            if rates[i] > 0.0 and (
                best < 0
                or rates[i] > rates[best]
                or (rates[i] == rates[best] and noted[i] < noted[best])
            ):
                best = i
        if best < 0:
            break
        rates[best] = 0.0
        row = priors.rows[noted[best]]
        if row >= 0:
            count = _add(concepts, names, similarities, count, base, row, -1)
    return count
