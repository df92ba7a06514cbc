"""What a string alone says of each of its candidates, compiled."""

from __future__ import annotations

import numpy as np

from concept_linker.ranking.candidates import MOST_WORDS, pairs_of, stem_end
from concept_linker.ranking.encoder import nearness
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes

__all__ = ["FEATURES", "describe", "likeness", "speaks"]

#: What is said, column by column.
FEATURES = (
    "similarity", "equal", "kind", "case_agrees", "equals", "place", "behind_first",
    "alias_ratio", "name_ratio", "common_words", "mention_words", "alias_words", "mention_length",
    "pair_count", "string_count", "pair_share", "commonest_of_string", "concept_count",
    "run_share", "run_is_last", "run_pair_count", "run_pair_share", "run_pair_length",
    "word_most", "word_mean", "word_last", "stem_most", "symbol", "small_letters", "names",
    "candidates", "type_count", "in_it", "last_word", "meaning", "meaning_behind",
)  # fmt: skip

# As many counts at a type's own rate as weigh as much as what was counted.
_SMOOTH = 5.0
_START = np.uint64(0)
_IN = np.frombuffer(b"in ", np.uint8)
_LAST = np.frombuffer(b"last ", np.uint8)


@njit(cache=True, nogil=True)
def likeness(a, a_begin, a_end, b, b_begin, b_end, row):  # type: ignore[no-untyped-def]
    """Twice the longest common subsequence of two stretches of bytes, by the length of both.

    It is 1 − InDel distance / both lengths, bit-parallel up to 64 bytes of ``a`` (Hyyrö, 2004).

    Args:
        a, a_begin, a_end, b, b_begin, b_end: the stretches.
        row: uint64 of size 256, all 0, and left so.
    """
    m, n = a_end - a_begin, b_end - b_begin
    if m + n == 0:
        return 1.0
    common = 0
    # A longer one is cut: what is common to the first 64 bytes, then to the rest.
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
def speaks(learned, state, kind):  # type: ignore[no-untyped-def]
    """How much a sign, known by its hash, speaks for a type.

    The logarithm of how many times as often the type comes with it as without, smoothed.
    """
    if kind < 0:
        return 0.0
    begin, end = pairs_of(learned.surroundings, state)
    own, whole = 0.0, _SMOOTH
    for at in range(begin, end):
        count = learned.surroundings.counts[at]
        whole += count
        if learned.surroundings.numbers[at] == kind:
            own = count
    share = learned.type_shares[kind]
    return np.log((own + _SMOOTH * share) / whole / share)


@njit(cache=True, nogil=True)
def _lay_out(table, begin, end, counts):  # type: ignore[no-untyped-def]
    """Writes the counts of pairs to the places of their numbers; returns the sum."""
    whole = 0.0
    for at in range(begin, end):
        counts[table.numbers[at]] = table.counts[at]
        whole += table.counts[at]
    return whole


@njit(cache=True, nogil=True)
def _take_up(table, begin, end, counts):  # type: ignore[no-untyped-def]
    for at in range(begin, end):
        counts[table.numbers[at]] = 0


@njit(cache=True, nogil=True)
def _count_string(state, numbers, learned, counts, out):  # type: ignore[no-untyped-def]
    """Columns 13 to 17: how often the string, and each concept at all, was seen."""
    begin, end = pairs_of(learned.strings, state)
    whole = _lay_out(learned.strings, begin, end, counts)
    most = 0
    for number in numbers:
        if number >= 0:
            most = max(most, counts[number])
    for i in range(numbers.size):
        own = counts[numbers[i]] if numbers[i] >= 0 else 0
        out[i, 13] = np.log1p(own)
        out[i, 14] = np.log1p(whole)
        out[i, 15] = own / (whole + 0.5) if whole else -1.0
        out[i, 16] = own > 0 and own == most
        out[i, 17] = np.log1p(learned.totals[numbers[i]]) if numbers[i] >= 0 else 0.0
    _take_up(learned.strings, begin, end, counts)


@njit(cache=True, nogil=True)
def _count_runs(data, starts, ends, words, numbers, learned, counts, out):  # type: ignore[no-untyped-def]
    """Columns 20 to 22: of the run of words that says most its count, share and length."""
    out[:, 20:23] = 0.0
    if words > MOST_WORDS:
        return
    for length in range(words - 1, 0, -1):
        for first in range(words - length + 1):
            if ends[first + length - 1] - starts[first] < 2:
                continue
            state = hash_bytes(data, starts[first], ends[first + length - 1], _START)
            begin, end = pairs_of(learned.strings, state)
            if begin == end:
                continue
            whole = _lay_out(learned.strings, begin, end, counts)
            for i in range(numbers.size):
                if numbers[i] >= 0 and counts[numbers[i]] > 0:
                    own, share = counts[numbers[i]], length / words
                    rate = own / (whole + 0.5)
                    if rate * share > out[i, 21] * out[i, 22]:
                        out[i, 20], out[i, 21], out[i, 22] = np.log1p(own), rate, share
            _take_up(learned.strings, begin, end, counts)


@njit(cache=True, nogil=True)
def _count_words(data, starts, ends, words, numbers, learned, counts, out):  # type: ignore[no-untyped-def]
    """Columns 23 to 26: how often each concept is what a word, or its stem, is a part of."""
    out[:, 23:27] = 0.0
    for word in range(words):
        for stem in range(2):
            stop = stem_end(data, starts[word], ends[word]) if stem else ends[word]
            state = hash_bytes(data, starts[word], stop, _START)
            table = learned.stems if stem else learned.words
            begin, end = pairs_of(table, state)
            whole = _lay_out(table, begin, end, counts) + 1.0
            for i in range(numbers.size):
                own = counts[numbers[i]] / whole if numbers[i] >= 0 else 0.0
                if stem:
                    out[i, 26] = max(out[i, 26], own)
                else:
                    out[i, 23] = max(out[i, 23], own)
                    out[i, 24] += own / words
                    out[i, 25] = own
            _take_up(table, begin, end, counts)


@njit(cache=True, nogil=True)
def _hear_words(data, starts, ends, words, types, learned, out):  # type: ignore[no-untyped-def]
    """Columns 31 to 33: what the string's words say of the candidate's type."""
    inside = hash_bytes(_IN, 0, _IN.size, _START)
    last = hash_bytes(_LAST, 0, _LAST.size, _START)
    for i in range(types.size):
        kind = types[i]
        out[i, 31] = np.log1p(learned.type_totals[kind]) if kind >= 0 else 0.0
        total = 0.0
        for word in range(words):
            total += speaks(learned, hash_bytes(data, starts[word], ends[word], inside), kind)
        out[i, 32] = total / words if words else 0.0
        out[i, 33] = 0.0
        if words:
            state = hash_bytes(data, starts[words - 1], ends[words - 1], last)
            out[i, 33] = speaks(learned, state, kind)


@njit(cache=True, nogil=True)
def _compare_names(data, begin, end, starts, ends, words, base, found, count, row, out):  # type: ignore[no-untyped-def]
    """Columns 7 to 11: the key of the string beside those of the candidate's names."""
    own = np.empty(words, np.uint64)
    distinct = 0
    for i in range(words):
        state = hash_bytes(data, starts[i], ends[i], _START)
        known = False
        for j in range(distinct):
            known = known or own[j] == state
        if not known:
            own[distinct] = state
            distinct += 1
    for i in range(count):
        key = base.name_keys[found.names[i]]
        first, stop = base.key_begins[key], base.key_begins[key + 1]
        out[i, 7] = likeness(data, begin, end, base.keys, first, stop, row)
        preferred = base.name_keys[base.concept_names[found.concepts[i]]]
        out[i, 8] = out[i, 7]
        if preferred != key:
            out[i, 8] = likeness(
                data, begin, end,
                base.keys, base.key_begins[preferred], base.key_begins[preferred + 1], row,
            )  # fmt: skip
        theirs, common, at = 0, 0, first
        while at < stop:
            word = at
            while at < stop and base.keys[at] != 32:
                at += 1
            state = hash_bytes(base.keys, word, at, _START)
            theirs += 1
            for j in range(distinct):
                common += own[j] == state
            at += 1
        out[i, 9] = common / max(distinct + theirs - common, 1)
        out[i, 10] = words
        out[i, 11] = theirs


@njit(cache=True, nogil=True)
def _compare_meanings(data, begin, end, base, concepts, encoder, meanings, out):  # type: ignore[no-untyped-def]
    """Columns 34 and 35: how near a name is in meaning, and how far behind the nearest."""
    nearness(data, begin, end, base, concepts, encoder, meanings, out[:, 34])
    nearest = np.float32(-1.0)
    for i in range(concepts.size):
        nearest = max(nearest, out[i, 34])
    out[:, 35] = nearest - out[:, 34]


@njit(cache=True, nogil=True)
def describe(  # type: ignore[no-untyped-def]
    data, begin, end, starts, ends, words, near, agrees, seen, base, learned, encoder, meanings,
    found, own, count, counts, row, numbers, types, out,
):  # fmt: skip
    """Fills in the features of one string's candidates.

    Args:
        data, begin, end: the string's key.
        starts, ends, words: its words.
        near: how many of the candidates are near names; they come first, in order.
        agrees: of these, whether the case agrees (uint8).
        seen: length of the string, is it a symbol, is it in small letters.
        base, learned: where to look.
        encoder, meanings: the vectors of words, and of names.
        found, own, count: the candidates; the string's own ones come before the commonest.
        counts: uint32, one a concept of the priors, all 0, and left so.
        row: see :func:`likeness`.
        numbers, types: of each candidate, filled in here.
        out: float32 of shape (count, :data:`FEATURES`).
    """
    equals = 0
    for i in range(near):
        equals += found.similarities[i] == 1.0
    for i in range(count):
        concept = found.concepts[i]
        numbers[i] = base.numbers[concept]
        types[i] = base.types[concept]
        similarity = found.similarities[i]
        out[i, 0] = similarity
        out[i, 1] = similarity == 1.0
        out[i, 2] = base.name_kinds[found.names[i]]
        out[i, 3] = agrees[i] if i < near else 1
        out[i, 4] = equals
        out[i, 5] = i
        out[i, 6] = found.similarities[0] - similarity
        out[i, 12], out[i, 27], out[i, 28] = seen[0], seen[1], seen[2]
        out[i, 18] = found.run_shares[i]
        out[i, 19] = found.run_lasts[i]
        out[i, 29] = np.log1p(base.concept_names[concept + 1] - base.concept_names[concept])
        out[i, 30] = own
    _compare_names(data, begin, end, starts, ends, words, base, found, count, row, out)
    numbers, types = numbers[:count], types[:count]
    _count_string(hash_bytes(data, begin, end, _START), numbers, learned, counts, out)
    _count_runs(data, starts, ends, words, numbers, learned, counts, out)
    _count_words(data, starts, ends, words, numbers, learned, counts, out)
    _hear_words(data, starts, ends, words, types, learned, out)
    concepts = found.concepts[:count]
    _compare_meanings(data, begin, end, base, concepts, encoder, meanings, out)
