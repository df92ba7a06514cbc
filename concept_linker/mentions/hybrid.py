"""Mentions by network, names and memory together, in one pass; the default.

Every span that the network finds at all likely, every name of the base and every string that
MedMentions TRAIN annotates is a candidate.  Boosted trees weigh the evidence for each
(:data:`~concept_linker.mentions.evidence.EVIDENCE`); they were fitted on documents of TRAIN that
the network whose chances they saw had not.  Of candidates that overlap those are taken that
together gain most.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.mentions.detector import Span
from concept_linker.mentions.evidence import LEAST_CHANCE, gather
from concept_linker.mentions.ner import BATCH, Reader, likeliest_groups, spans_of
from concept_linker.mentions.ner_decoding import choose
from concept_linker.resources import model_path
from concept_linker.trees import Trees

__all__ = ["HybridDetector"]


class HybridDetector:
    """Finds mentions with the network, the names of a base and the memory.

    Args:
        kb: the base.
        threshold: the least probability of a mention; that of the model, if not given.
    """

    def __init__(self, kb: KnowledgeBase, *, threshold: float | None = None) -> None:
        self._kb = kb
        self._reader = Reader(kb)
        self._trees = Trees.open(model_path("mention_ner") / "weights")
        self._given = threshold
        self.threshold = (
            self._reader.options["hybrid_threshold"] if threshold is None else threshold
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(HybridDetector, threshold=self._given), (self._kb,)

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """See :class:`~concept_linker.mentions.detector.MentionDetector`."""
        stream = iter(texts)
        while batch := list(itertools.islice(stream, BATCH)):
            reading = self._reader.read(batch, LEAST_CHANCE)
            candidates = gather(reading)
            chances = self._trees.chances(candidates.evidence)
            likely = chances >= self.threshold
            first, last = candidates.first[likely], candidates.last[likely]
            gains = chances[likely] - (self.threshold - 1e-3)
            chosen = choose(first, last, gains, reading.places.size)
            first, last = first[chosen], last[chosen]
            groups = likeliest_groups(reading, first, last)
            yield from spans_of(reading.features.tokens, first, last, groups)

    def groups(self, text: str, spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """:meth:`groups_many` for one text."""
        return self._reader.groups([text], [spans])[0]

    def groups_many(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[NDArray[np.float64]]:
        """See :meth:`~concept_linker.mentions.ner.NerDetector.groups_many`."""
        return self._reader.groups(texts, spans)
