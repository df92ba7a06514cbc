"""What the other mentions of a text say of a mention's candidates, compiled.

A text keeps to its subject, and calls one thing by several names.  So a concept that another string
of the text means is likelier here too, the more so if the strings share a word; and it becomes a
candidate where the string's own search has not found it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.candidates import Learned
from concept_linker.ranking.contextual_features import COMPANY, IN_PLACE, KEPT, Shelf, see
from concept_linker.runtime.compiling import njit

__all__ = ["Meeting", "encoded", "gathered", "passages", "seen"]

# So many mentions of a text, one after the other, are each other's company.
_TOGETHER = 128
# How many of a string's best candidates the others hear, and how many of these as new candidates.
_VOICES = 5
_OFFERED = 2
# What a string says counts so much more where it shares a word.
_RELATED = 3.0

_NUMBER, _SHARE, _BEHIND, _RANK = range(4)
_OF_CONCEPT = np.array([KEPT.index(name) for name in ("concept_count", "names", "type_count")])
_OF_STRING = np.array(
    [KEPT.index(name) for name in ("mention_words", "string_count", "symbol", "candidates")]
)
_KEPT, _COMPANY = len(KEPT), len(COMPANY)


class Meeting(NamedTuple):
    """The candidates of strings in their texts: their own, and those that the company brings.

    Args:
        concepts, types: as on a :class:`~.context.Shelf`, one string of one text after the other.
        features: float32; the columns are :data:`~.context.KEPT` and :data:`~.context.COMPANY`.
        rows: the row of each on the shelf it comes from; of one brought along ``~row``, where row
            is another string's.
        begins, sizes: where those of each string of a text are.
        of: for each mention that was asked for the number of its string of a text.
    """

    concepts: NDArray[np.int64]
    types: NDArray[np.int16]
    features: NDArray[np.float32]
    rows: NDArray[np.int64]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]
    of: NDArray[np.int64]


def passages(texts: Sequence[int | None]) -> NDArray[np.int64]:
    """Where the mentions that are each other's company begin, and the last ends.

    Args:
        texts: of each mention the number of its text; ``None`` where it is alone.

    >>> passages([0, 0, None, None, 3]).tolist()
    [0, 2, 3, 4, 5]
    """
    begins: list[int] = []
    for at, text in enumerate(texts):
        begun = begins[-1] if begins else 0
        if at == 0 or text is None or text != texts[at - 1] or at - begun == _TOGETHER:
            begins.append(at)
    return np.array([*begins, len(texts)], np.int64)


def gathered(
    strings: NDArray[np.int64],
    bounds: NDArray[np.int64],
    asked: NDArray[np.bool_],
    begins: NDArray[np.int64],
    sizes: NDArray[np.int64],
    words: NDArray[np.uint64],
    shelf: Shelf,
    most: int,
) -> Meeting:
    """The candidates of mentions, with what the company says of them, and those that it brings.

    Args:
        strings: the number of each mention's string.
        bounds: as :func:`passages` tells.
        asked: for which mentions an answer is wanted.
        begins, sizes: of each string, where its candidates are on the shelf.
        words: of each string, see :func:`~.gathering.word_hashes`.
        shelf: the candidates of strings, the best first.
        most: how many candidates a mention keeps; the company brings two thirds as many.
    """
    wanted = strings[asked]
    more = 2 * most // 3
    room = int(sizes[wanted].sum()) + more * len(wanted)
    met = Meeting(
        np.empty(room, np.int64),
        np.empty(room, np.int16),
        np.empty((room, _KEPT + _COMPANY), np.float32),
        np.empty(room, np.int64),
        np.empty(len(wanted), np.int64),
        np.empty(len(wanted), np.int64),
        np.empty(len(strings), np.int64),
    )
    count, used = _meet(strings, bounds, asked, begins, sizes, words, shelf, more, met)
    return Meeting(
        met.concepts[:used],
        met.types[:used],
        met.features[:used],
        met.rows[:used],
        met.begins[:count],
        met.sizes[:count],
        met.of[asked],
    )


def seen(
    met: Meeting,
    learned: Learned,
    lefts: Sequence[str],
    rights: Sequence[str],
    groups: NDArray[np.float32],
    group_of: NDArray[np.int64],
) -> NDArray[np.float32]:
    """What the second stage sees: the candidates of each mention that was asked for, in order.

    Args:
        met: their company.
        learned: the priors.
        lefts, rights: what stands beside each.
        groups, group_of: as :func:`~.context.see` takes them.

    Returns:
        float32 of shape (candidates, :data:`~.context.IN_PLACE`).
    """
    begins, sizes = met.begins[met.of], met.sizes[met.of]
    features = np.empty((int(sizes.sum()), len(IN_PLACE)), np.float32)
    see(met, begins, sizes, learned, *encoded(lefts), *encoded(rights), groups, group_of, features)
    return features


def encoded(texts: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as compiled code takes them: their bytes, and where each begins and the last ends."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum([0, *map(len, parts)])


@njit(cache=True, nogil=True)
def _shares_any(one, other):  # type: ignore[no-untyped-def]
    for a in one[1:]:
        if a == 0:
            break
        for b in other[1:]:
            if b == a:
                return True
    return False


@njit(cache=True, nogil=True)
def _has_all(one, other):  # type: ignore[no-untyped-def]
    """Whether every word of one string is in the other."""
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
def _relate(own, other):  # type: ignore[no-untyped-def]
    """Whether two strings share a stem, their last word, all words of one of them: as bits."""
    bits = 0
    if _shares_any(own[1], other[1]):
        bits |= 1
        if own[0, 0] == other[0, 0]:
            bits |= 2
        if _has_all(own[0], other[0]) or _has_all(other[0], own[0]):
            bits |= 4
    return bits


@njit(cache=True, nogil=True)
def _hear(begin, end, own, speakers, shares, related, times, out):  # type: ignore[no-untyped-def]
    """Fills in the columns of one concept from the voices for it.

    Args:
        begin, end: its voices.
        own: the string that listens; what it says itself does not count.
        speakers, shares: of each voice.
        related: what the strings of the text share with it.
        times: how often each string of the text stands in it.
        out: the columns.
    """
    out[:] = 0.0
    for at in range(begin, end):
        speaker, share = speakers[at], shares[at]
        if speaker == own:
            continue
        out[0] = max(out[0], share)
        out[1] += share
        out[2] += share * times[speaker]
        if related[speaker] & 1:
            out[3] = max(out[3], share)
        if related[speaker] & 2:
            out[4] = max(out[4], share)
        if related[speaker] & 4:
            out[5] = max(out[5], share)


@njit(cache=True, nogil=True)
def _bring(shelf, source, met, first, last, at):  # type: ignore[no-untyped-def]
    """Copies a candidate of another string; what its own string says of it does not hold here.

    Args:
        shelf, source: where it is.
        met: where it goes.
        first, last: where the string's own candidates are.
        at: its place.
    """
    met.concepts[at], met.types[at] = shelf.concepts[source], shelf.types[source]
    met.rows[at] = ~source
    row = met.features[at]
    row[:_KEPT] = -1.0
    row[_NUMBER], row[_SHARE], row[_BEHIND], row[_RANK] = -2.0, 0.0, 2.0, 99.0
    if last > first:
        lowest = met.features[last - 1]
        row[_NUMBER] = min(row[_NUMBER], lowest[_NUMBER] - 2.0)
        row[_BEHIND] = lowest[_BEHIND] + 2.0
        for column in _OF_STRING:
            row[column] = lowest[column]
    for column in _OF_CONCEPT:
        row[column] = shelf.features[source, column]


@njit(cache=True, nogil=True)
def _meet(strings, bounds, asked, begins, sizes, words, shelf, more, met):  # type: ignore[no-untyped-def]
    """Fills in a :class:`Meeting`; returns how many strings of texts and candidates it has."""
    count, at = 0, 0
    # Of each string of a text: its number, how often it stands there, whether it is asked for.
    here, times = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.int64)
    place, wanted = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.bool_)
    related = np.empty(_TOGETHER, np.int64)
    # Of each voice: whose it is, as which of that string's best, and where on the shelf.
    room = _TOGETHER * _VOICES
    concepts, speakers = np.empty(room, np.int64), np.empty(room, np.int64)
    ranks, sources = np.empty(room, np.int64), np.empty(room, np.int64)
    shares, known = np.empty(room), np.empty(room, np.int64)
    columns = np.empty(_COMPANY)
    brought = np.empty((room, _COMPANY), np.float32)
    weights, offered = np.empty(room), np.empty(room, np.int64)
    for text in range(bounds.size - 1):
        first, last = bounds[text], bounds[text + 1]
        distinct = 0
        for mention in range(first, last):
            i = 0
            while i < distinct and here[i] != strings[mention]:
                i += 1
            if i == distinct:
                here[i], times[i], wanted[i] = strings[mention], 0, False
                distinct += 1
            times[i] += 1
            wanted[i] |= asked[mention]
            place[mention - first] = i
        voices = 0
        for i in range(distinct if distinct > 1 else 0):
            for rank in range(min(sizes[here[i]], _VOICES)):
                row = begins[here[i]] + rank
                concepts[voices], shares[voices] = shelf.concepts[row], shelf.features[row, _SHARE]
                speakers[voices], ranks[voices], sources[voices] = i, rank, row
                voices += 1
        order = np.argsort(concepts[:voices], kind="mergesort")
        concepts[:voices], shares[:voices] = concepts[:voices][order], shares[:voices][order]
        speakers[:voices], ranks[:voices] = speakers[:voices][order], ranks[:voices][order]
        sources[:voices], known[:voices] = sources[:voices][order], -1
        for i in range(distinct):
            if not wanted[i]:
                continue
            string = here[i]
            for j in range(distinct):
                related[j] = _relate(words[string], words[here[j]])
            met.begins[count] = at
            for row in range(begins[string], begins[string] + sizes[string]):
                concept = shelf.concepts[row]
                begin = np.searchsorted(concepts[:voices], concept)
                end = begin
                while end < voices and concepts[end] == concept:
                    end += 1
                if end > begin:
                    known[begin] = i
                _hear(begin, end, i, speakers, shares, related, times, columns)
                met.concepts[at], met.types[at], met.rows[at] = concept, shelf.types[row], row
                met.features[at, :_KEPT] = shelf.features[row]
                met.features[at, _KEPT:] = columns
                at += 1
            own, offers, end = at, 0, 0
            while end < voices:
                begin = end
                source = -1
                while end < voices and concepts[end] == concepts[begin]:
                    is_offered = speakers[end] != i and ranks[end] < _OFFERED
                    if is_offered and (source < 0 or shares[end] > shares[source]):
                        source = end
                    end += 1
                if source < 0 or known[begin] == i:
                    continue
                _hear(begin, end, i, speakers, shares, related, times, columns)
                brought[offers] = columns
                weights[offers] = columns[0] + _RELATED * columns[3]
                offered[offers] = sources[source]
                offers += 1
            best = np.argsort(-weights[:offers], kind="mergesort")
            for offer in best[:more]:
                _bring(shelf, offered[offer], met, met.begins[count], own, at)
                met.features[at, _KEPT:] = brought[offer]
                at += 1
            met.sizes[count] = at - met.begins[count]
            for mention in range(first, last):
                if asked[mention] and place[mention - first] == i:
                    met.of[mention] = count
            count += 1
    return count, at
