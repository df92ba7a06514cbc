"""Coherence: what the other mentions of a text say of a mention's candidates.

A text keeps to its subject, and names one thing in several ways.  So a concept that another string
of the text probably means is likelier here too, the more so if the strings share a word; and it
becomes a candidate if the string's own search has not found it.

Each string of a text casts votes for its best candidates, weighted by the first stage's softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.features import FEATURES, Stage, column
from concept_linker.ranking.first_stage import PASSED_ON, StringTable
from concept_linker.runtime.compiling import njit

__all__ = ["COHERENCE", "CoherentCandidates", "add_coherence", "split_texts"]

# This many successive mentions of a text are compared with each other at most.
_TOGETHER = 128
# How many of a string's best candidates are votes, and how many of these are offered to others.
_VOTES = 5
_OFFERED = 2
# The extra weight of an offer by a string that shares a word.
_RELATED = 3.0

#: The features that this stage adds, in the order of their columns.
COHERENCE = tuple(one.name for one in FEATURES if one.name.startswith("coherence_"))
_ADDED = len(COHERENCE)
_MAX, _SUM, _WEIGHTED_SUM, _SHARED_WORD, _LAST_WORD, _PART = range(_ADDED)

_column = partial(column, stage=Stage.SECOND)
_SCORE, _SOFTMAX = _column("first_stage_score"), _column("first_stage_softmax")
_GAP, _RANK = _column("first_stage_gap"), _column("first_stage_rank")
_OF_CONCEPT = np.array([_column(name) for name in ("concept_count", "name_count", "type_count")])
_OF_STRING = np.array(
    [_column(name) for name in ("mention_words", "string_count", "symbol", "candidate_count")]
)


class CoherentCandidates(NamedTuple):
    """The candidates of each distinct string of each text: its own, then those of other strings.

    Args:
        concepts, types: as in :class:`~.first_stage.BestCandidates`.
        features: float32; the first columns of the second stage, up to those of coherence.
        rows: the row of each candidate in the string table; ``~row`` for another string's.
        begins, sizes: where those of each string of a text are.
        of: for each selected mention the number of its string of a text.
    """

    concepts: NDArray[np.int64]
    types: NDArray[np.int16]
    features: NDArray[np.float32]
    rows: NDArray[np.int64]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]
    of: NDArray[np.int64]


def split_texts(texts: Sequence[int | None]) -> NDArray[np.int64]:
    """Returns where the mentions of each text begin, and the last end; long texts are split.

    Args:
        texts: the number of each mention's text; ``None`` for a mention without a text.

    >>> split_texts([0, 0, None, None, 3]).tolist()
    [0, 2, 3, 4, 5]
    """
    begins: list[int] = []
    for at, text in enumerate(texts):
        begun = begins[-1] if begins else 0
        if at == 0 or text is None or text != texts[at - 1] or at - begun == _TOGETHER:
            begins.append(at)
    return np.array([*begins, len(texts)], np.int64)


def add_coherence(
    strings: NDArray[np.int64],
    bounds: NDArray[np.int64],
    selected: NDArray[np.bool_],
    table: StringTable,
    *,
    limit: int,
) -> CoherentCandidates:
    """Returns the candidates of mentions, with coherence features and offers of other mentions.

    Args:
        strings: the row of each mention's string in the table.
        bounds: where the mentions of each text begin (see :func:`split_texts`).
        selected: for which mentions candidates are returned; the others only vote.
        table: the strings.
        limit: how many candidates a string keeps; other strings offer two thirds of this number.
    """
    selected_strings = strings[selected]
    offers = 2 * limit // 3
    room = int(table.sizes[selected_strings].sum()) + offers * len(selected_strings)
    out = CoherentCandidates(
        np.empty(room, np.int64),
        np.empty(room, np.int16),
        np.empty((room, PASSED_ON + _ADDED), np.float32),
        np.empty(room, np.int64),
        np.empty(len(selected_strings), np.int64),
        np.empty(len(selected_strings), np.int64),
        np.empty(len(strings), np.int64),
    )
    count, used = _add_coherence(strings, bounds, selected, *table, offers, out)
    used_rows = (values[:used] for values in out[:4])
    return CoherentCandidates._make(
        [*used_rows, out.begins[:count], out.sizes[:count], out.of[selected]]
    )


@njit(cache=True, nogil=True)
def _shares_any(one, other):  # type: ignore[no-untyped-def]
    """Returns whether two strings share a word, or stem, by their hashes."""
    for a in one[1:]:
        if a == 0:
            break
        for b in other[1:]:
            if b == a:
                return True
    return False


@njit(cache=True, nogil=True)
def _has_all(one, other):  # type: ignore[no-untyped-def]
    """Returns whether every word of one string is in the other."""
    for a in one[1:]:
        if a == 0:
            break
        found = False
        for b in other[1:]:
            found = found or a == b
        if not found:
            return False
    return True


@njit(cache=True, nogil=True)
def _relation(one, other):  # type: ignore[no-untyped-def]
    """Returns as bits: a shared stem (1), the same last word (2), one is part of the other (4)."""
    bits = 0
    if _shares_any(one[1], other[1]):
        bits |= 1
        if one[0, 0] == other[0, 0]:
            bits |= 2
        if _has_all(one[0], other[0]) or _has_all(other[0], one[0]):
            bits |= 4
    return bits


@njit(cache=True, nogil=True)
def _count_votes(begin, end, string, voters, weights, relations, times, out):  # type: ignore[no-untyped-def]
    """Fills in the coherence features of one concept.

    Args:
        begin, end: the votes for the concept.
        string: the string whose candidate it is; its own votes do not count.
        voters, weights: the string and softmax of each vote.
        relations: the relation of each string of the text to this one.
        times: how often each string occurs in the text.
        out: the columns :data:`COHERENCE`.
    """
    out[:] = 0.0
    for at in range(begin, end):
        voter, weight = voters[at], weights[at]
        if voter == string:
            continue
        out[_MAX] = max(out[_MAX], weight)
        out[_SUM] += weight
        out[_WEIGHTED_SUM] += weight * times[voter]
        if relations[voter] & 1:
            out[_SHARED_WORD] = max(out[_SHARED_WORD], weight)
        if relations[voter] & 2:
            out[_LAST_WORD] = max(out[_LAST_WORD], weight)
        if relations[voter] & 4:
            out[_PART] = max(out[_PART], weight)


@njit(cache=True, nogil=True)
def _copy_offer(best, source, out, first, last, at):  # type: ignore[no-untyped-def]
    """Copies a candidate of another string; what that string says of it does not hold here.

    It stands behind the string's own candidates, and has the features of concept and string only.

    Args:
        best, source: the candidates, and which one.
        out: :class:`CoherentCandidates`.
        first, last: where the string's own candidates are in ``out``.
        at: where the copy goes in ``out``.
    """
    out.concepts[at], out.types[at] = best.concepts[source], best.types[source]
    out.rows[at] = ~source
    row = out.features[at]
    row[:PASSED_ON] = -1.0
    row[_SCORE], row[_SOFTMAX], row[_GAP], row[_RANK] = -2.0, 0.0, 2.0, 99.0
    if last > first:
        lowest = out.features[last - 1]
        row[_SCORE] = min(row[_SCORE], lowest[_SCORE] - 2.0)
        row[_GAP] = lowest[_GAP] + 2.0
        for feature in _OF_STRING:
            row[feature] = lowest[feature]
    for feature in _OF_CONCEPT:
        row[feature] = best.features[source, feature]


@njit(cache=True, nogil=True)
def _add_coherence(strings, bounds, selected, best, begins, sizes, words, max_offers, out):  # type: ignore[no-untyped-def]
    """Fills in :class:`CoherentCandidates`, text by text.

    Within a text: (1) find the distinct strings; (2) collect their votes, sorted by concept;
    (3) for each string, count the votes for its own candidates, and (4) add the candidates of
    others with the most votes.

    Returns:
        How many strings of texts there are, and how many candidates.
    """
    count, at = 0, 0
    # Of each distinct string of the text: its row, how often it occurs, whether it is selected.
    distinct, times = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.int64)
    number, is_wanted = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.bool_)
    relations = np.empty(_TOGETHER, np.int64)
    # Of each vote: the concept, the string, its rank there, its row in the table, its weight.
    room = _TOGETHER * _VOTES
    concepts, voters = np.empty(room, np.int64), np.empty(room, np.int64)
    ranks, sources = np.empty(room, np.int64), np.empty(room, np.int64)
    # At the first vote for a concept: the last string that has it as a candidate.
    weights, known = np.empty(room), np.empty(room, np.int64)
    columns = np.empty(_ADDED)
    offer_columns = np.empty((room, _ADDED), np.float32)
    offer_weights, offer_sources = np.empty(room), np.empty(room, np.int64)
    for text in range(bounds.size - 1):
        first, last = bounds[text], bounds[text + 1]
        size = 0
        for mention in range(first, last):
            i = 0
            while i < size and distinct[i] != strings[mention]:
                i += 1
            if i == size:
                distinct[i], times[i], is_wanted[i] = strings[mention], 0, False
                size += 1
            times[i] += 1
            is_wanted[i] |= selected[mention]
            number[mention - first] = i
        votes = 0
        for i in range(size if size > 1 else 0):
            for rank in range(min(sizes[distinct[i]], _VOTES)):
                row = begins[distinct[i]] + rank
                concepts[votes], weights[votes] = best.concepts[row], best.features[row, _SOFTMAX]
                voters[votes], ranks[votes], sources[votes] = i, rank, row
                votes += 1
        order = np.argsort(concepts[:votes], kind="mergesort")
        concepts[:votes], weights[:votes] = concepts[:votes][order], weights[:votes][order]
        voters[:votes], ranks[:votes] = voters[:votes][order], ranks[:votes][order]
        sources[:votes], known[:votes] = sources[:votes][order], -1
        for i in range(size):
            if not is_wanted[i]:
                continue
            string = distinct[i]
            for j in range(size):
                relations[j] = _relation(words[string], words[distinct[j]])
            out.begins[count] = at
            for row in range(begins[string], begins[string] + sizes[string]):
                concept = best.concepts[row]
                begin = np.searchsorted(concepts[:votes], concept)
                end = begin
                while end < votes and concepts[end] == concept:
                    end += 1
                if end > begin:
                    known[begin] = i
                _count_votes(begin, end, i, voters, weights, relations, times, columns)
                out.concepts[at], out.types[at], out.rows[at] = concept, best.types[row], row
                out.features[at, :PASSED_ON] = best.features[row]
                out.features[at, PASSED_ON:] = columns
                at += 1
            own_end, offers, end = at, 0, 0
            while end < votes:
                begin = end
                source = -1
                while end < votes and concepts[end] == concepts[begin]:
                    is_offered = voters[end] != i and ranks[end] < _OFFERED
                    if is_offered and (source < 0 or weights[end] > weights[source]):
                        source = end
                    end += 1
                if source < 0 or known[begin] == i:
                    continue
                _count_votes(begin, end, i, voters, weights, relations, times, columns)
                offer_columns[offers] = columns
                offer_weights[offers] = columns[_MAX] + _RELATED * columns[_SHARED_WORD]
                offer_sources[offers] = sources[source]
                offers += 1
            for offer in np.argsort(-offer_weights[:offers], kind="mergesort")[:max_offers]:
                _copy_offer(best, offer_sources[offer], out, out.begins[count], own_end, at)
                out.features[at, PASSED_ON:] = offer_columns[offer]
                at += 1
            out.sizes[count] = at - out.begins[count]
            for mention in range(first, last):
                if selected[mention] and number[mention - first] == i:
                    out.of[mention] = count
            count += 1
    return count, at
