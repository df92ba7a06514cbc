"""Mentions by network, names and memory together, in one pass; the default.

Every span that the network finds at all likely, every name of the base and every string that
MedMentions TRAIN annotates is a candidate.  Boosted trees weigh the evidence for each
(:data:`~concept_linker.detection.evidence.EVIDENCE`); they were fitted on documents of TRAIN that
the network whose chances they saw had not.  Of candidates that overlap those are taken that
together gain most.

MedMentions marks ``left hippocampus`` as one; a caption's reader wants the hippocampus.  So a side,
or how bright it is, is left out where the mention has no name with it and has one without it, and
``T2-weighted MRI`` is two mentions.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import READ_TOGETHER, Read, Span, SpansOfTexts
from concept_linker.detection.evidence import LEAST_CHANCE, gather
from concept_linker.detection.guards import everyday_words, is_shouted
from concept_linker.detection.ner.decoding import choose, presence
from concept_linker.detection.ner.model import Reader, groups_of, likeliest_groups, spans_of
from concept_linker.detection.passed_over import passed_over
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.runtime.resources import model_path
from concept_linker.search.grams import key_hash
from concept_linker.search.normalise import key
from concept_linker.trees import Trees

__all__ = ["HybridDetector"]

# How often a name that was passed over is a mention, as counted in annotated captions.
_OF_A_NAME = 0.8
_LEAD = re.compile(
    r"""(?:(?P<look>left|right|bilateral|(?:hyper|hypo|iso)(?:intense|dense|echoic|attenuating))
        |(?P<weighting>T[12]\*?[-\ ]weighted))\ """,
    re.I | re.X,
)


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
        self._everyday = everyday_words()
        self._pieces = lru_cache(maxsize=1 << 16)(self._cut)
        self._given = threshold
        self.threshold = (
            self._reader.options["hybrid_threshold"] if threshold is None else threshold
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(HybridDetector, threshold=self._given), (self._kb,)

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """See :class:`~concept_linker.detection.detector.MentionDetector`."""
        stream = iter(texts)
        while batch := list(itertools.islice(stream, READ_TOGETHER)):
            yield from self.read(batch).spans

    def read(self, texts: Sequence[str]) -> Read:
        """See :class:`~concept_linker.detection.detector.ReadsOnce`."""
        reading = self._reader.read(texts, LEAST_CHANCE)
        candidates = gather(reading)
        chances = self._trees.probabilities(candidates.evidence)
        likely = chances >= self.threshold
        first, last = candidates.first[likely], candidates.last[likely]
        gains = chances[likely] - (self.threshold - 1e-3)
        chosen = choose(first, last, gains, reading.places.size)
        first, last = first[chosen], last[chosen]
        place = np.flatnonzero(likely)[chosen]
        here = presence(candidates.first, candidates.last, chances, place)
        stays, named = passed_over(reading.features, first, last)
        runs = reading.features.runs
        first = np.concatenate([first[stays], runs.first[named]])
        last = np.concatenate([last[stays], runs.last[named]])
        here = np.concatenate([here[stays], np.full(named.size, _OF_A_NAME)])
        groups = likeliest_groups(reading, first, last)
        spans = spans_of(reading.features.tokens, first, last, groups, here)
        found = [self._whittled(text, some) for text, some in zip(texts, spans, strict=True)]
        return Read(found, partial(groups_of, reading))

    def _whittled(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """The spans of a text, without what only says where or how it is seen."""
        found = [
            Span(span.start + begin, span.start + end, span.label, span.probability)
            for span in spans
            for begin, end in self._pieces(text[span.start : span.end])
        ]
        if is_shouted(text):  # the network has never read a text in capitals
            found = [s for s in found if key(text[s.start : s.end]) not in self._everyday]
        return found

    def _cut(self, words: str) -> tuple[tuple[int, int], ...]:
        """What of a mention is left without what only says where or how it is seen."""
        whole = ((0, len(words)),)
        lead = _LEAD.match(words)
        named = self._kb.rows.find
        if lead is None or named(words) or not named(words[lead.end() :]):
            return whole
        rest = (lead.end(), len(words))
        if lead["look"]:
            known = key_hash(key(words)) in self._reader.gazetteer.memory.hashes
            return whole if known else (rest,)
        return (lead.span("weighting"), rest) if named(lead["weighting"]) else whole

    def groups(self, text: str, spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """:meth:`groups_many` for one text."""
        return self._reader.groups([text], [spans])[0]

    def groups_many(self, texts: Sequence[str], spans: SpansOfTexts) -> list[NDArray[np.float64]]:
        """See :meth:`~concept_linker.detection.ner.model.NerDetector.groups_many`."""
        return self._reader.groups(texts, spans)
