"""The hybrid detector's candidate spans and their features, from network, names and memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.gazetteer import UNKNOWN, shares
from concept_linker.detection.ner.decoding import LONGEST
from concept_linker.detection.ner.model import NetworkOutput
from concept_linker.runtime.compiling import njit

__all__ = ["MIN_PROBABILITY", "SPAN_FEATURES", "CandidateSpans", "candidate_spans"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

#: Spans with a lower probability are candidates only if they are names or in the memory.
MIN_PROBABILITY = 0.02

#: The features of a candidate, in the order of the columns (which the trees were fitted on).
SPAN_FEATURES = (
    "probability",  # the probability of the span, by the network
    "rival",  # the largest probability of a span that overlaps it
    "starts",  # the probability that any mention starts with its first word
    "ends",  # the probability that any mention ends with its last word
    "covered",  # the least probability of its words to be in any mention
    "starts_inside",  # the largest probability that a mention starts with another of its words
    "ends_inside",
    "covered_before",  # of the word before it to be in a mention
    "covered_after",
    "group",  # the most probable group, by the network
    "name",  # whether it is a name
    "name_group",  # its group, -1 if it has none
    "name_fits",  # whether that is the network's, -1 if it has none
    "name_kind",
    "name_concepts",
    "name_everyday",
    "name_longest",  # whether it is among the longest names
    "within_name",  # how many words longer the longest name around it is
    "memory",  # the group in the memory, -1 if it is not there
    "memory_share",
    "memory_occurred",
    "memory_documents",
    "memory_chosen",
    "within_memory",
    "words",
    "characters",
    "capitals",
    "digits",
    "mark_before",  # the character before it: 1 space, 2 hyphen, 3 bracket, 0 other
    "mark_after",
)


class CandidateSpans(NamedTuple):
    """Spans that may be mentions, ordered by their last word; one row each.

    Args:
        first, last: their words.
        features: float32 of shape (spans, features).
    """

    first: Ints
    last: Ints
    features: Floats


def candidate_spans(output: NetworkOutput) -> CandidateSpans:
    """All candidates of some texts, with their features."""
    likely = output.likely_spans(MIN_PROBABILITY)
    runs = output.features.runs
    tokens = output.features.tokens
    size = tokens.word_starts.size
    usable = np.flatnonzero((runs.names.group >= 0) | (runs.memory.groups >= 0))
    ids = np.concatenate(
        [_id(likely.first, likely.last, size), _id(runs.first[usable], runs.last[usable], size)]
    )
    ids, places = np.unique(ids, return_inverse=True)
    of_network, of_runs = places[: likely.first.size], places[likely.first.size :]
    last, first = np.divmod(ids, max(size, 1))
    e = np.zeros((ids.size, len(SPAN_FEATURES)), np.float32)
    column = {name: e[:, i] for i, name in enumerate(SPAN_FEATURES)}
    column["probability"][of_network] = likely.probabilities
    column["group"][:] = -1
    column["group"][of_network] = likely.groups
    for name in ("name_group", "name_fits", "memory"):
        column[name][:] = -1
    names, memory = runs.names, runs.memory
    for name, values in (
        ("name", names.group >= 0),
        ("name_group", np.where(names.group == UNKNOWN, -1, names.group)),
        ("name_kind", names.kind),
        ("name_concepts", names.concepts),
        ("name_everyday", names.everyday),
        ("name_longest", output.features.name_taken),
        ("memory", memory.groups),
        ("memory_share", shares(memory)),
        ("memory_occurred", memory.occurred),
        ("memory_documents", memory.documents),
        ("memory_chosen", output.features.memory_taken),
    ):
        column[name][of_runs] = values[usable]
    has_group = column["name_group"] >= 0
    column["name_fits"][has_group] = (column["name_group"] == column["group"])[has_group]
    column["words"][:] = last - first + 1
    starts, ends = tokens.word_starts[first], tokens.word_ends[last]
    column["characters"][:] = ends - starts
    for name, taken in (
        ("within_name", output.features.name_taken),
        ("within_memory", output.features.memory_taken),
    ):
        _fill_within(runs.first[taken], runs.last[taken], size, first, last, column[name])
    _fill_probabilities(
        likely.first, likely.last, likely.probabilities, tokens.word_texts, first, last, e
    )
    _fill_letters(tokens.points, starts, ends, e)
    return CandidateSpans(first, last, e)


def _id(first: Ints, last: Ints, size: int) -> Ints:
    """The number of a span, which sorts by the last word, then by the first."""
    return last * size + first


_PROBABILITY, _RIVAL, _STARTS, _ENDS, _COVERED = map(
    SPAN_FEATURES.index, ("probability", "rival", "starts", "ends", "covered")
)
_STARTS_INSIDE, _ENDS_INSIDE = map(SPAN_FEATURES.index, ("starts_inside", "ends_inside"))
_BEFORE, _AFTER = map(SPAN_FEATURES.index, ("covered_before", "covered_after"))
_CAPITALS, _DIGITS = map(SPAN_FEATURES.index, ("capitals", "digits"))
_MARK_BEFORE, _MARK_AFTER = map(SPAN_FEATURES.index, ("mark_before", "mark_after"))


@njit(cache=True, nogil=True)
def _fill_probabilities(found_first, found_last, probabilities, texts, first, last, e):  # type: ignore[no-untyped-def]
    """Fills features from the probabilities of all spans at and around each candidate."""
    starts, ends, covered = (
        np.zeros(texts.size, np.float32),
        np.zeros(texts.size, np.float32),
        np.zeros(texts.size, np.float32),
    )
    for i in range(probabilities.size):
        starts[found_first[i]] += probabilities[i]
        ends[found_last[i]] += probabilities[i]
        for word in range(found_first[i], found_last[i] + 1):
            covered[word] += probabilities[i]
    longest = 0
    for i in range(first.size):
        longest = max(longest, last[i] - first[i])
    low, high = 0, 0
    for i in range(first.size):
        a, b = first[i], last[i]
        e[i, _STARTS], e[i, _ENDS] = starts[a], ends[b]
        if a > 0 and texts[a - 1] == texts[a]:
            e[i, _BEFORE] = covered[a - 1]
        if b + 1 < texts.size and texts[b + 1] == texts[b]:
            e[i, _AFTER] = covered[b + 1]
        least = covered[a]
        for word in range(a, b + 1):
            least = min(least, covered[word])
            if word > a:
                e[i, _STARTS_INSIDE] = max(e[i, _STARTS_INSIDE], starts[word])
            if word < b:
                e[i, _ENDS_INSIDE] = max(e[i, _ENDS_INSIDE], ends[word])
        e[i, _COVERED] = least
        # Spans are ordered by their last word: those that can overlap lie in a window.
        while low < probabilities.size and found_last[low] < last[i] - longest:
            low += 1
        rival = np.float32(0)
        high = low
        while high < probabilities.size and found_last[high] < last[i] + LONGEST:
            if (
                found_last[high] >= first[i]
                and found_first[high] <= last[i]
                and (found_first[high] != first[i] or found_last[high] != last[i])
            ):
                rival = max(rival, probabilities[high])
            high += 1
        e[i, _RIVAL] = rival


@njit(cache=True, nogil=True)
def _fill_within(run_first, run_last, size, first, last, out):  # type: ignore[no-untyped-def]
    """Fills in how many words longer the run around a candidate is; runs do not overlap."""
    around = np.full(size, -1, np.int64)
    for i in range(run_first.size):
        around[run_first[i] : run_last[i] + 1] = i
    for i in range(first.size):
        run = around[first[i]]
        if run >= 0 and run_last[run] >= last[i]:
            out[i] = run_last[run] - run_first[run] - last[i] + first[i]


@njit(cache=True, nogil=True)
def _fill_letters(points, starts, ends, e):  # type: ignore[no-untyped-def]
    """Fills features from the characters in and around each candidate."""
    for i in range(starts.size):
        for at in range(starts[i], ends[i]):
            point = points[at]
            if 65 <= point <= 90:
                e[i, _CAPITALS] += 1
            elif 48 <= point <= 57:
                e[i, _DIGITS] += 1
        e[i, _MARK_BEFORE] = _kind(points[starts[i] - 1]) if starts[i] > 0 else 1
        e[i, _MARK_AFTER] = _kind(points[ends[i]]) if ends[i] < points.size else 1


@njit(cache=True, nogil=True)
def _kind(point):  # type: ignore[no-untyped-def]
    # Quotation marks count as spaces.
    if point == 32 or point == 10 or point == 34 or 0x2018 <= point <= 0x201F:
        return 1
    if point == 45 or point == 0x2013:
        return 2
    if point == 40 or point == 41:
        return 3
    return 0
