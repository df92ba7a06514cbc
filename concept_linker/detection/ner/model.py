"""The NER detector: mentions that the network predicts, with their probabilities and groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS, Detected, Span, SpansOfTexts
from concept_linker.detection.gazetteer import Features, Gazetteer, Memory
from concept_linker.detection.ner.decoding import (
    are_well_formed,
    fill_group_probabilities,
    find_likely_spans,
    presence_probabilities,
    select_best,
)
from concept_linker.detection.ner.network import Network
from concept_linker.detection.tokens import Tokens
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.runtime.resources import model_path

__all__ = ["LikelySpans", "NerDetector", "NetworkOutput", "Tagger", "spans_by_text"]

Ints = NDArray[np.int64]
# The most characters of a mention: a longer one is not language.
_LONGEST = 300
# A span whose probability is just the threshold still gains something.
_MARGIN = 1e-3


class LikelySpans(NamedTuple):
    """Spans that may be mentions, ordered by their last word; one row each.

    Args:
        first, last: their first and last word.
        probabilities: the probability of each to be a mention with these bounds.
        groups: the most probable group of each.
    """

    first: Ints
    last: Ints
    probabilities: NDArray[np.float32]
    groups: Ints


class NetworkOutput(NamedTuple):
    """The network's scores for some texts.

    Args:
        features: the tokenized texts and the features of their words.
        scores: the scores of the tags, float32 of shape (rows, tags).
        places: the row of each word in ``scores``.
    """

    features: Features
    scores: NDArray[np.float32]
    places: Ints

    @classmethod
    def of(cls, features: Features, network: Network) -> NetworkOutput:
        """Runs the network on the features of some texts."""
        return cls(features, *network.scores(features))

    def likely_spans(self, min_probability: float) -> LikelySpans:
        """All well-formed spans that are at least this probable."""
        numbers = self.features.tokens.word_texts
        heads = np.flatnonzero(np.diff(numbers, prepend=-1))
        if not heads.size:
            none = np.zeros(0, np.int64)
            return LikelySpans(none, none, np.zeros(0, np.float32), none)
        sizes = np.diff(heads, append=numbers.size)
        room, count = 0, numbers.size + 16
        while count > room:  # the spans that do not fit are counted only
            room = count
            spans = np.empty((room, 2), np.int64)
            probabilities, groups = np.empty(room, np.float32), np.empty(room, np.int64)
            count = find_likely_spans(
                self.scores,
                self.places[heads],
                sizes,
                len(GROUPS),
                np.float32(min_probability),
                spans,
                probabilities,
                groups,
            )
        order = np.lexsort((spans[:count, 0], spans[:count, 1]))
        order = order[are_well_formed(spans[order], self.features.tokens.marks)]
        first, last = spans[order].T
        return LikelySpans(first, last, probabilities[order], groups[order])

    def most_probable_groups(self, first: Ints, last: Ints) -> Ints:
        """The most probable group of each span, given by its first and last word."""
        groups: Ints = self._group_probabilities(first, last).argmax(1)
        return groups

    def group_probabilities(self, spans: SpansOfTexts) -> list[NDArray[np.float64]]:
        """The probabilities of the groups of given spans, if they are mentions.

        Args:
            spans: see :meth:`~concept_linker.detection.detector.Detected.groups`.  A span that
                begins or ends inside a word stands for the whole word; one without any word has
                equal probabilities for all groups.
        """
        tokens = self.features.tokens
        bounds = np.array(
            [
                (start + begin, end + begin)
                for begin, of_text in zip(tokens.text_starts.tolist(), spans, strict=False)
                for start, end in of_text
            ],
            np.int64,
        ).reshape(-1, 2)
        first = np.searchsorted(tokens.word_ends, bounds[:, 0], side="right")
        last = np.searchsorted(tokens.word_starts, bounds[:, 1], side="left") - 1
        probabilities = np.full((len(bounds), len(GROUPS)), 1 / len(GROUPS))
        has_word = first <= last
        probabilities[has_word] = self._group_probabilities(first[has_word], last[has_word])
        ends = np.cumsum([len(of_text) for of_text in spans])
        return np.split(probabilities, ends[:-1]) if len(spans) else []

    def _group_probabilities(self, first: Ints, last: Ints) -> NDArray[np.float64]:
        probabilities = np.empty((first.size, len(GROUPS)))
        first, last = self.places[first], self.places[last]
        fill_group_probabilities(self.scores, first, last, len(GROUPS), probabilities)
        return probabilities


class Tagger:
    """The network with the gazetteer that makes its features.  Threads may share it.

    Args:
        kb: the knowledge base whose names the gazetteer looks up.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        folder = model_path("mention_ner") / "weights"
        self.gazetteer = Gazetteer(kb, Memory.open(folder))
        self.network = Network.open(folder)
        self.options = json.loads((folder / "decoding.json").read_text(encoding="utf-8"))

    def tag(self, texts: Sequence[str]) -> NetworkOutput:
        """Runs the network on texts."""
        return NetworkOutput.of(self.gazetteer.find(texts), self.network)


class NerDetector:
    """Finds mentions with the network.

    Args:
        kb: the knowledge base whose names are features of the network.
        threshold: the least probability of a mention; by default the model's.
    """

    def __init__(self, kb: KnowledgeBase, *, threshold: float | None = None) -> None:
        self._kb = kb
        self._tagger = Tagger(kb)
        self._threshold_given = threshold
        self.threshold = self._tagger.options["ner_threshold"] if threshold is None else threshold

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(NerDetector, threshold=self._threshold_given), (self._kb,)

    def detect(self, texts: Sequence[str]) -> Detected:
        """See :class:`~concept_linker.detection.detector.MentionDetector`."""
        output = self._tagger.tag(texts)
        return Detected(partial(self._find_spans, output), output.group_probabilities)

    def _find_spans(self, output: NetworkOutput) -> list[list[Span]]:
        likely = output.likely_spans(self.threshold)
        gains = likely.probabilities - (self.threshold - _MARGIN)
        selected = select_best(
            likely.first, likely.last, gains.astype(np.float64), output.places.size
        )
        return spans_by_text(
            output.features.tokens,
            likely.first[selected],
            likely.last[selected],
            likely.groups[selected],
            presence_probabilities(likely.first, likely.last, likely.probabilities, selected),
        )


def spans_by_text(
    tokens: Tokens, first: Ints, last: Ints, groups: Ints, probabilities: NDArray[Any]
) -> list[list[Span]]:
    """The spans of each text, in reading order, given by their first and last words."""
    spans: list[list[Span]] = [[] for _ in range(tokens.text_starts.size - 1)]
    short = tokens.word_ends[last] - tokens.word_starts[first] <= _LONGEST
    order = np.argsort(first, kind="stable")
    order = order[short[order]]
    first, last = first[order], last[order]
    numbers = tokens.word_texts[first]
    begins = tokens.text_starts[numbers]
    for number, start, end, group, probability in zip(
        numbers.tolist(),
        (tokens.word_starts[first] - begins).tolist(),
        (tokens.word_ends[last] - begins).tolist(),
        groups[order].tolist(),
        probabilities[order].tolist(),
        strict=True,
    ):
        spans[number].append(Span(start, end, GROUPS[group], probability))
    return spans
