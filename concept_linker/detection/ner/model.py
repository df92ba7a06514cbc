"""Mentions by the network: which words a reader of MedMentions would mark, and as what."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS, READ_TOGETHER, Read, Span, SpansOfTexts
from concept_linker.detection.gazetteer import Features, Gazetteer, Memory
from concept_linker.detection.ner.decoding import (
    are_sound,
    choose,
    group_chances,
    presence,
    spans_of_texts,
)
from concept_linker.detection.ner.network import Network
from concept_linker.detection.tokens import Tokens
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.runtime.resources import model_path

__all__ = ["NerDetector", "Reader", "Reading", "groups_of", "read"]

Ints = NDArray[np.int64]
# Characters of a mention; what is longer is no language.
_LONGEST = 300


class Reading(NamedTuple):
    """Texts as the network sees them.

    Args:
        features: the texts, cut, and what names and memory say.
        scores: of the tags.
        places: the row of each word in ``scores``.
        first, last: first and last word of the spans that may be mentions, ordered by ``last``.
        chances: the probability of each.
        groups: the likeliest group of each.
    """

    features: Features
    scores: NDArray[np.float32]
    places: Ints
    first: Ints
    last: Ints
    chances: NDArray[np.float32]
    groups: Ints


class Reader:
    """The network with all that it needs.  Threads may share it.

    Args:
        kb: the base that gives the names.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        folder = model_path("mention_ner") / "weights"
        self.gazetteer = Gazetteer(kb, Memory.open(folder))
        self.network = Network.open(folder)
        self.options = json.loads((folder / "decoding.json").read_text(encoding="utf-8"))

    def read(self, texts: Sequence[str], least: float) -> Reading:
        """Reads texts.

        Args:
            texts: the texts.
            least: the least probability of a span that is worth a thought.
        """
        return read(self.gazetteer.find(texts), self.network, least)

    def groups(self, texts: Sequence[str], spans: SpansOfTexts) -> list[NDArray[np.float64]]:
        """See :meth:`NerDetector.groups_many`."""
        return groups_of(self.read(texts, 1.0), spans)


def groups_of(reading: Reading, spans: SpansOfTexts) -> list[NDArray[np.float64]]:
    """The probabilities of the groups of spans of texts that were read; see ``groups_many``."""
    tokens = reading.features.tokens
    bounds = np.array(
        [
            (start + begin, end + begin)
            for begin, some in zip(tokens.text_starts.tolist(), spans, strict=False)
            for start, end in some
        ],
        np.int64,
    ).reshape(-1, 2)
    first = np.searchsorted(tokens.word_ends, bounds[:, 0], side="right")
    last = np.searchsorted(tokens.word_starts, bounds[:, 1], side="left") - 1
    chances = np.full((len(bounds), len(GROUPS)), 1 / len(GROUPS))
    some = first <= last
    chances[some] = _group_chances(reading, first[some], last[some])
    ends = np.cumsum([len(some) for some in spans])
    return np.split(chances, ends[:-1]) if len(spans) else []


def read(features: Features, network: Network, least: float) -> Reading:
    """Reads texts whose features are known; see :class:`Reading`."""
    scores, places = network.scores(features)
    numbers = features.tokens.word_texts
    heads = np.flatnonzero(np.diff(numbers, prepend=-1))
    sizes = np.diff(heads, append=numbers.size)
    room = numbers.size + 16
    while heads.size:
        spans = np.empty((room, 2), np.int64)
        chances, best = np.empty(room, np.float32), np.empty(room, np.int64)
        count = spans_of_texts(
            scores, places[heads], sizes, len(GROUPS), np.float32(least), spans, chances, best
        )
        if count <= room:
            order = np.lexsort((spans[:count, 0], spans[:count, 1]))
            order = order[are_sound(spans[order], features.tokens.marks)]
            first, last = spans[order].T
            return Reading(features, scores, places, first, last, chances[order], best[order])
        room = count
    none = np.zeros(0, np.int64)
    return Reading(features, scores, places, none, none, np.zeros(0, np.float32), none)


class NerDetector:
    """Finds mentions with the network.

    Args:
        kb: the base whose names the network is told of.
        threshold: the least probability of a mention; that of the model, if not given.
    """

    def __init__(self, kb: KnowledgeBase, *, threshold: float | None = None) -> None:
        self._kb = kb
        self._reader = Reader(kb)
        self._given = threshold
        self.threshold = self._reader.options["ner_threshold"] if threshold is None else threshold

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(NerDetector, threshold=self._given), (self._kb,)

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """See :class:`~concept_linker.detection.detector.MentionDetector`."""
        stream = iter(texts)
        while batch := list(itertools.islice(stream, READ_TOGETHER)):
            yield from self.read(batch).spans

    def read(self, texts: Sequence[str]) -> Read:
        """See :class:`~concept_linker.detection.detector.ReadsOnce`."""
        reading = self._reader.read(texts, self.threshold)
        gains = reading.chances - (self.threshold - 1e-3)
        size = reading.places.size
        chosen = choose(reading.first, reading.last, gains.astype(np.float64), size)
        found = spans_of(
            reading.features.tokens,
            reading.first[chosen],
            reading.last[chosen],
            reading.groups[chosen],
            presence(reading.first, reading.last, reading.chances, chosen),
        )
        return Read(found, partial(groups_of, reading))

    def groups(self, text: str, spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """:meth:`groups_many` for one text."""
        return self._reader.groups([text], [spans])[0]

    def groups_many(self, texts: Sequence[str], spans: SpansOfTexts) -> list[NDArray[np.float64]]:
        """The probabilities of the groups of given spans, if they are mentions.

        Args:
            texts: the texts.
            spans: for each text start and end of its spans, in code points; they may overlap.  A
                span that begins or ends inside a word stands for the whole word; of one without
                any word nothing is known: all groups are alike.

        Returns:
            For each text an array of shape (spans, groups), in the order of
            :data:`~concept_linker.detection.detector.GROUPS`; each row adds up to 1.
        """
        return self._reader.groups(texts, spans)


def likeliest_groups(reading: Reading, first: Ints, last: Ints) -> Ints:
    """The likeliest group of each span, given by its words."""
    groups: Ints = _group_chances(reading, first, last).argmax(1)
    return groups


def _group_chances(reading: Reading, first: Ints, last: Ints) -> NDArray[np.float64]:
    chances = np.empty((first.size, len(GROUPS)))
    group_chances(reading.scores, reading.places[first], reading.places[last], len(GROUPS), chances)
    return chances


def spans_of(
    tokens: Tokens, first: Ints, last: Ints, groups: Ints, chances: NDArray[Any]
) -> list[list[Span]]:
    """The spans of each text, in reading order, from words."""
    spans: list[list[Span]] = [[] for _ in range(tokens.text_starts.size - 1)]
    short = tokens.word_ends[last] - tokens.word_starts[first] <= _LONGEST
    first, last, groups, chances = first[short], last[short], groups[short], chances[short]
    order = np.argsort(first, kind="stable")
    first, last, groups, chances = first[order], last[order], groups[order], chances[order]
    numbers = tokens.word_texts[first]
    begins = tokens.text_starts[numbers]
    for number, start, end, group, chance in zip(
        numbers.tolist(),
        (tokens.word_starts[first] - begins).tolist(),
        (tokens.word_ends[last] - begins).tolist(),
        groups.tolist(),
        chances.tolist(),
        strict=True,
    ):
        spans[number].append(Span(start, end, GROUPS[group], chance))
    return spans
