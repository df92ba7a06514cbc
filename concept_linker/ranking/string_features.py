"""The features that a string alone gives each of its candidates."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.arrays import BaseArrays, PriorArrays, find_pairs, plain_array
from concept_linker.ranking.candidates import MAX_RUN_WORDS, Candidates
from concept_linker.ranking.encoder import Encoder, NameVectors, best_cosines
from concept_linker.ranking.features import FIRST_STAGE_FEATURES, Stage, column
from concept_linker.ranking.words import MAX_WORDS, Texts, read_words, stem_end
from concept_linker.runtime.compiling import njit
from concept_linker.runtime.forking import renew_when_forked
from concept_linker.search.grams import hash_bytes
from concept_linker.search.normalise import case_agrees

__all__ = ["StringFeatures", "edit_ratio", "type_log_ratio"]

_column = partial(column, stage=Stage.FIRST)
_SIMILARITY = _column("similarity")
_EXACT = _column("exact")
_NAME_KIND = _column("name_kind")
_CASE_AGREES = _column("case_agrees")
_EXACT_COUNT = _column("exact_count")
_POSITION = _column("position")
_SIMILARITY_GAP = _column("similarity_gap")
_ALIAS_RATIO = _column("alias_ratio")
_NAME_RATIO = _column("name_ratio")
_WORD_OVERLAP = _column("word_overlap")
_MENTION_WORDS = _column("mention_words")
_ALIAS_WORDS = _column("alias_words")
_MENTION_LENGTH = _column("mention_length")
_PAIR_COUNT = _column("pair_count")
_STRING_COUNT = _column("string_count")
_PAIR_SHARE = _column("pair_share")
_MOST_FREQUENT = _column("most_frequent")
_CONCEPT_COUNT = _column("concept_count")
_RUN_SHARE = _column("run_share")
_RUN_IS_LAST = _column("run_is_last")
_RUN_PAIR_COUNT = _column("run_pair_count")
_RUN_PAIR_SHARE = _column("run_pair_share")
_RUN_PAIR_LENGTH = _column("run_pair_length")
_WORD_MAX = _column("word_max")
_WORD_MEAN = _column("word_mean")
_WORD_LAST = _column("word_last")
_STEM_MAX = _column("stem_max")
_SYMBOL = _column("symbol")
_LOWERCASE = _column("lowercase")
_NAME_COUNT = _column("name_count")
_CANDIDATE_COUNT = _column("candidate_count")
_TYPE_COUNT = _column("type_count")
_TYPE_BY_WORDS = _column("type_by_words")
_TYPE_BY_LAST_WORD = _column("type_by_last_word")
_EMBEDDING_SIMILARITY = _column("embedding_similarity")
_EMBEDDING_GAP = _column("embedding_gap")

# A type's own rate counts as much as this many observations.
_SMOOTH = 5.0
_START = np.uint64(0)
_IN = np.frombuffer(b"in ", np.uint8)
_LAST = np.frombuffer(b"last ", np.uint8)


class StringFeatures:
    """Computes the features of strings' candidates.  Threads may share it.

    Args:
        kb: the knowledge base.
        base, priors: its arrays and those of the priors.
        encoder: the vectors of words.
    """

    def __init__(
        self, kb: KnowledgeBase, base: BaseArrays, priors: PriorArrays, encoder: Encoder
    ) -> None:
        self._kb, self._base, self._priors = kb, base, priors
        self._encoder = Encoder._make(map(plain_array, encoder))
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        """Makes new scratch memory for the kernel, and the lock that guards it."""
        self._lock = threading.Lock()
        self._vectors = NameVectors.empty(len(self._base.key_begins) - 1)
        self._counts = np.zeros(self._priors.totals.size, np.uint32)

    def compute(
        self, strings: Sequence[str], keys: Texts, candidates: Candidates
    ) -> NDArray[np.float32]:
        """Returns the features, of shape (candidates, :data:`~.features.FIRST_STAGE_FEATURES`).

        Args:
            strings: the strings.
            keys: their keys.
            candidates: their candidates.
        """
        shape = [
            (len(text), len(text) < 8 and sum(map(str.isupper, text)) > 1, text.islower())
            for text in strings
        ]
        features = np.empty((len(candidates.concepts), len(FIRST_STAGE_FEATURES)), np.float32)
        agrees = self._compare_case(strings, candidates)
        with self._lock:
            _compute(
                *keys,
                np.array(shape, np.float32).reshape(-1, 3),
                candidates,
                agrees,
                self._base,
                self._priors,
                self._encoder,
                self._vectors,
                self._counts,
                features,
            )
        return features

    def _compare_case(self, strings: Sequence[str], candidates: Candidates) -> NDArray[np.uint8]:
        """Returns whether the string's case agrees with each equal name; 1 for other names."""
        agrees = np.ones(len(candidates.concepts), np.uint8)
        ends = np.cumsum(candidates.sizes)
        exact = np.flatnonzero(candidates.similarities == 1.0)
        owners = np.searchsorted(ends, exact, side="right").tolist()
        names = candidates.names[exact].tolist()
        kinds = self._base.name_kinds
        for at, owner, name in zip(exact.tolist(), owners, names, strict=True):
            symbol = kinds[name] == NameKind.ABBREVIATION
            agrees[at] = case_agrees(strings[owner], self._kb.rows.name(name), symbol=symbol)
        return agrees


@njit(cache=True, nogil=True)
def edit_ratio(a, a_begin, a_end, b, b_begin, b_end, row):  # type: ignore[no-untyped-def]
    """Returns twice the longest common subsequence of two byte strings, over their joint length.

    That is 1 − InDel distance / joint length; bit-parallel up to 64 bytes of ``a`` (Hyyrö, 2004).

    Args:
        a, a_begin, a_end, b, b_begin, b_end: the byte strings.
        row: scratch, uint64 of size 256, all 0; all 0 again afterwards.
    """
    m, n = a_end - a_begin, b_end - b_begin
    if m + n == 0:
        return 1.0
    common = 0
    # A longer one is compared in parts of 64 bytes.
    for part in range(a_begin, a_end, 64):
        stop = min(part + 64, a_end)
        for i in range(part, stop):
            row[a[i]] |= np.uint64(1) << np.uint64(i - part)
        state = ~np.uint64(0)
        for j in range(b_begin, b_end):
            matched = state & row[b[j]]
            state = (state + matched) | (state - matched)
        for i in range(part, stop):
            row[a[i]] = 0
            common += (state >> np.uint64(i - part)) & np.uint64(1) == 0
    return 2.0 * min(common, n) / (m + n)


@njit(cache=True, nogil=True)
def type_log_ratio(priors, state, kind):  # type: ignore[no-untyped-def]
    """Returns the smoothed log ratio of a type's frequency with a sign to that without.

    Args:
        priors: the arrays of the priors.
        state: the hash of the sign (see :mod:`~concept_linker.ranking.neighbours`).
        kind: the number of the type; below 0 there is none, and the ratio is 0.
    """
    if kind < 0:
        return 0.0
    begin, end = find_pairs(priors.surroundings, state)
    own, total = 0.0, _SMOOTH
    for at in range(begin, end):
        count = priors.surroundings.counts[at]
        total += count
        if priors.surroundings.numbers[at] == kind:
            own = count
    share = priors.type_shares[kind]
    return np.log((own + _SMOOTH * share) / total / share)


@njit(cache=True, nogil=True)
def _spread_counts(table, begin, end, counts):  # type: ignore[no-untyped-def]
    """Writes the counts of a string's concepts to their numbers; returns the sum."""
    total = 0.0
    for at in range(begin, end):
        counts[table.numbers[at]] = table.counts[at]
        total += table.counts[at]
    return total


@njit(cache=True, nogil=True)
def _clear_counts(table, begin, end, counts):  # type: ignore[no-untyped-def]
    """Sets what :func:`_spread_counts` wrote to 0 again."""
    for at in range(begin, end):
        counts[table.numbers[at]] = 0


@njit(cache=True, nogil=True)
def _fill_string_counts(state, numbers, priors, counts, out):  # type: ignore[no-untyped-def]
    """Fills in how often the string meant each concept, and how often any string did."""
    begin, end = find_pairs(priors.strings, state)
    total = _spread_counts(priors.strings, begin, end, counts)
    most = 0
    for number in numbers:
        if number >= 0:
            most = max(most, counts[number])
    for i in range(numbers.size):
        own = counts[numbers[i]] if numbers[i] >= 0 else 0
        out[i, _PAIR_COUNT] = np.log1p(own)
        out[i, _STRING_COUNT] = np.log1p(total)
        out[i, _PAIR_SHARE] = own / (total + 0.5) if total else -1.0
        out[i, _MOST_FREQUENT] = own > 0 and own == most
        out[i, _CONCEPT_COUNT] = np.log1p(priors.totals[numbers[i]]) if numbers[i] >= 0 else 0.0
    _clear_counts(priors.strings, begin, end, counts)


@njit(cache=True, nogil=True)
def _fill_run_counts(data, starts, ends, words, numbers, priors, counts, out):  # type: ignore[no-untyped-def]
    """Fills in count, share and length of the run of words that says most for each concept."""
    out[:, _RUN_PAIR_COUNT] = 0.0
    out[:, _RUN_PAIR_SHARE] = 0.0
    out[:, _RUN_PAIR_LENGTH] = 0.0
    if words > MAX_RUN_WORDS:
        return
    for length in range(words - 1, 0, -1):
        for first in range(words - length + 1):
            if ends[first + length - 1] - starts[first] < 2:
                continue
            state = hash_bytes(data, starts[first], ends[first + length - 1], _START)
            begin, end = find_pairs(priors.strings, state)
            if begin == end:
                continue
            total = _spread_counts(priors.strings, begin, end, counts)
            for i in range(numbers.size):
                if numbers[i] >= 0 and counts[numbers[i]] > 0:
                    own, share = counts[numbers[i]], length / words
                    rate = own / (total + 0.5)
                    if rate * share > out[i, _RUN_PAIR_SHARE] * out[i, _RUN_PAIR_LENGTH]:
                        out[i, _RUN_PAIR_COUNT] = np.log1p(own)
                        out[i, _RUN_PAIR_SHARE] = rate
                        out[i, _RUN_PAIR_LENGTH] = share
            _clear_counts(priors.strings, begin, end, counts)


@njit(cache=True, nogil=True)
def _fill_word_counts(data, starts, ends, words, numbers, priors, counts, out):  # type: ignore[no-untyped-def]
    """Fills in how often a string with one of the words, or stems, meant each concept."""
    out[:, _WORD_MAX] = 0.0
    out[:, _WORD_MEAN] = 0.0
    out[:, _WORD_LAST] = 0.0
    out[:, _STEM_MAX] = 0.0
    for word in range(words):
        for is_stem in range(2):
            stop = stem_end(data, starts[word], ends[word]) if is_stem else ends[word]
            state = hash_bytes(data, starts[word], stop, _START)
            table = priors.stems if is_stem else priors.words
            begin, end = find_pairs(table, state)
            total = _spread_counts(table, begin, end, counts) + 1.0
            for i in range(numbers.size):
                own = counts[numbers[i]] / total if numbers[i] >= 0 else 0.0
                if is_stem:
                    out[i, _STEM_MAX] = max(out[i, _STEM_MAX], own)
                else:
                    out[i, _WORD_MAX] = max(out[i, _WORD_MAX], own)
                    out[i, _WORD_MEAN] += own / words
                    out[i, _WORD_LAST] = own
            _clear_counts(table, begin, end, counts)


@njit(cache=True, nogil=True)
def _fill_types(data, starts, ends, words, types, priors, out):  # type: ignore[no-untyped-def]
    """Fills in what the string's words say for each candidate's semantic type."""
    inside = hash_bytes(_IN, 0, _IN.size, _START)
    last = hash_bytes(_LAST, 0, _LAST.size, _START)
    for i in range(types.size):
        kind = types[i]
        out[i, _TYPE_COUNT] = np.log1p(priors.type_totals[kind]) if kind >= 0 else 0.0
        total = 0.0
        for word in range(words):
            state = hash_bytes(data, starts[word], ends[word], inside)
            total += type_log_ratio(priors, state, kind)
        out[i, _TYPE_BY_WORDS] = total / words if words else 0.0
        out[i, _TYPE_BY_LAST_WORD] = 0.0
        if words:
            state = hash_bytes(data, starts[words - 1], ends[words - 1], last)
            out[i, _TYPE_BY_LAST_WORD] = type_log_ratio(priors, state, kind)


@njit(cache=True, nogil=True)
def _fill_name_comparisons(  # type: ignore[no-untyped-def]
    data, begin, end, starts, ends, words, base, concepts, names, row, out
):
    """Fills in how similar the string's key is to those of the candidates' names."""
    distinct_words = np.empty(words, np.uint64)
    distinct = 0
    for i in range(words):
        state = hash_bytes(data, starts[i], ends[i], _START)
        known = False
        for j in range(distinct):
            known = known or distinct_words[j] == state
        if not known:
            distinct_words[distinct] = state
            distinct += 1
    for i in range(concepts.size):
        key = base.name_keys[names[i]]
        first, stop = base.key_begins[key], base.key_begins[key + 1]
        out[i, _ALIAS_RATIO] = edit_ratio(data, begin, end, base.keys, first, stop, row)
        preferred = base.name_keys[base.concept_names[concepts[i]]]
        out[i, _NAME_RATIO] = out[i, _ALIAS_RATIO]
        if preferred != key:
            out[i, _NAME_RATIO] = edit_ratio(
                data, begin, end,
                base.keys, base.key_begins[preferred], base.key_begins[preferred + 1], row,
            )  # fmt: skip
        alias_words, common, at = 0, 0, first
        while at < stop:
            word = at
            while at < stop and base.keys[at] != 32:
                at += 1
            state = hash_bytes(base.keys, word, at, _START)
            alias_words += 1
            for j in range(distinct):
                common += distinct_words[j] == state
            at += 1
        out[i, _WORD_OVERLAP] = common / max(distinct + alias_words - common, 1)
        out[i, _MENTION_WORDS] = words
        out[i, _ALIAS_WORDS] = alias_words


@njit(cache=True, nogil=True)
def _fill_embedding(data, begin, end, base, concepts, encoder, vectors, out):  # type: ignore[no-untyped-def]
    """Fills in how near a name is in meaning, and how far behind the nearest candidate."""
    best_cosines(data, begin, end, base, concepts, encoder, vectors, out[:, _EMBEDDING_SIMILARITY])
    nearest = np.float32(-1.0)
    for i in range(concepts.size):
        nearest = max(nearest, out[i, _EMBEDDING_SIMILARITY])
    out[:, _EMBEDDING_GAP] = nearest - out[:, _EMBEDDING_SIMILARITY]


@njit(cache=True, nogil=True)
def _compute(  # type: ignore[no-untyped-def]
    data, begins, shapes, candidates, agrees, base, priors, encoder, vectors, counts, features
):
    """Fills in the features of all candidates.

    Args:
        data, begins: the keys of the strings.
        shapes: of each string: its length, is it a symbol, is it in lower case.
        candidates: :class:`~.candidates.Candidates`.
        agrees: whether the case of string and name agrees (uint8).
        base, priors: their arrays.
        encoder, vectors: the vectors of words, and the cache of those of names.
        counts: scratch, uint32, one a concept of the priors, all 0; all 0 again afterwards.
        features: float32 of shape (candidates, :data:`~.features.FIRST_STAGE_FEATURES`).
    """
    starts, ends = np.empty(MAX_WORDS, np.int64), np.empty(MAX_WORDS, np.int64)
    row = np.zeros(256, np.uint64)
    at = 0
    for string in range(candidates.sizes.size):
        begin, end, count = begins[string], begins[string + 1], candidates.sizes[string]
        concepts, names = candidates.concepts[at : at + count], candidates.names[at : at + count]
        similarities = candidates.similarities[at : at + count]
        out = features[at : at + count]
        numbers, types = np.empty(count, np.int64), np.empty(count, np.int16)
        exact_count = 0
        for i in range(count):
            exact_count += similarities[i] == 1.0
        for i in range(count):
            numbers[i], types[i] = base.numbers[concepts[i]], base.types[concepts[i]]
            out[i, _SIMILARITY] = similarities[i]
            out[i, _EXACT] = similarities[i] == 1.0
            out[i, _NAME_KIND] = base.name_kinds[names[i]]
            out[i, _CASE_AGREES] = agrees[at + i]
            out[i, _EXACT_COUNT] = exact_count
            out[i, _POSITION] = i
            out[i, _SIMILARITY_GAP] = similarities[0] - similarities[i]
            out[i, _MENTION_LENGTH] = shapes[string, 0]
            out[i, _SYMBOL] = shapes[string, 1]
            out[i, _LOWERCASE] = shapes[string, 2]
            out[i, _RUN_SHARE] = candidates.run_shares[at + i]
            out[i, _RUN_IS_LAST] = candidates.run_lasts[at + i]
            name_count = base.concept_names[concepts[i] + 1] - base.concept_names[concepts[i]]
            out[i, _NAME_COUNT] = np.log1p(name_count)
            out[i, _CANDIDATE_COUNT] = candidates.specific[string]
        words = read_words(data, begin, end, starts, ends)
        _fill_name_comparisons(
            data, begin, end, starts, ends, words, base, concepts, names, row, out
        )
        state = hash_bytes(data, begin, end, _START)
        _fill_string_counts(state, numbers, priors, counts, out)
        _fill_run_counts(data, starts, ends, words, numbers, priors, counts, out)
        _fill_word_counts(data, starts, ends, words, numbers, priors, counts, out)
        _fill_types(data, starts, ends, words, types, priors, out)
        _fill_embedding(data, begin, end, base, concepts, encoder, vectors, out)
        at += count
