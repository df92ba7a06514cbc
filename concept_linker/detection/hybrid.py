"""The hybrid detector, the default: network, names and training memory together, in one pass.

Every span that the network finds at all likely, every name of the knowledge base and every string
that MedMentions TRAIN annotates is a candidate.  Boosted trees give the probability of each from
its features (:data:`~concept_linker.detection.span_features.SPAN_FEATURES`); they were fitted on
documents of TRAIN that the network had not been trained on.  Of overlapping candidates those with
the largest sum of gains are selected.

MedMentions annotates ``left hippocampus`` as one mention; a caption's reader wants the hippocampus.
So a side or a brightness is left out where the mention has no name with it and has one without it,
and ``T2-weighted MRI`` is two mentions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from concept_linker.detection.detector import Detected, Span
from concept_linker.detection.missed_names import find_missed_names
from concept_linker.detection.name_filters import everyday_words, is_all_capitals
from concept_linker.detection.ner.decoding import presence_probabilities, select_best
from concept_linker.detection.ner.model import NetworkOutput, Tagger, spans_by_text
from concept_linker.detection.span_features import candidate_spans
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.runtime.resources import model_path
from concept_linker.search.grams import key_hash
from concept_linker.search.normalise import key
from concept_linker.trees import Trees

__all__ = ["HybridDetector"]

# How often a missed name is a mention, as counted in annotated captions.
_MISSED_NAME_PROBABILITY = 0.8
# A span whose probability is just the threshold still gains something.
_MARGIN = 1e-3
_LEAD = re.compile(
    r"""(?:(?P<look>left|right|bilateral|(?:hyper|hypo|iso)(?:intense|dense|echoic|attenuating))
        |(?P<weighting>T[12]\*?[-\ ]weighted))\ """,
    re.I | re.X,
)


class HybridDetector:
    """Finds mentions with the network, the names of a knowledge base and the training memory.

    Args:
        kb: the knowledge base.
        threshold: the least probability of a mention; by default the model's.
    """

    def __init__(self, kb: KnowledgeBase, *, threshold: float | None = None) -> None:
        self._kb = kb
        self._tagger = Tagger(kb)
        self._trees = Trees.open(model_path("mention_ner") / "weights")
        self._everyday = everyday_words()
        self._pieces = lru_cache(maxsize=1 << 16)(self._split)
        self._threshold_given = threshold
        self.threshold = (
            self._tagger.options["hybrid_threshold"] if threshold is None else threshold
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(HybridDetector, threshold=self._threshold_given), (self._kb,)

    def detect(self, texts: Sequence[str]) -> Detected:
        """See :class:`~concept_linker.detection.detector.MentionDetector`."""
        output = self._tagger.tag(texts)
        return Detected(partial(self._find_spans, texts, output), output.group_probabilities)

    def _find_spans(self, texts: Sequence[str], output: NetworkOutput) -> list[list[Span]]:
        candidates = candidate_spans(output)
        probabilities = self._trees.probabilities(candidates.features)
        likely = probabilities >= self.threshold
        first, last = candidates.first[likely], candidates.last[likely]
        gains = probabilities[likely] - (self.threshold - _MARGIN)
        selected = select_best(first, last, gains, output.places.size)
        first, last = first[selected], last[selected]
        rows = np.flatnonzero(likely)[selected]
        presence = presence_probabilities(candidates.first, candidates.last, probabilities, rows)
        # Names that the trees missed replace or join what they selected.
        stays, missed = find_missed_names(output.features, first, last)
        runs = output.features.runs
        first = np.concatenate([first[stays], runs.first[missed]])
        last = np.concatenate([last[stays], runs.last[missed]])
        presence = np.concatenate([presence[stays], np.full(missed.size, _MISSED_NAME_PROBABILITY)])
        groups = output.most_probable_groups(first, last)
        spans = spans_by_text(output.features.tokens, first, last, groups, presence)
        return list(map(self._trimmed, texts, spans))

    def _trimmed(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """The spans of a text without sides and brightness."""
        found = [
            span._replace(start=span.start + begin, end=span.start + end)
            for span in spans
            for begin, end in self._pieces(text[span.start : span.end])
        ]
        if is_all_capitals(text):  # the network was not trained on such texts
            found = [s for s in found if key(text[s.start : s.end]) not in self._everyday]
        return found

    def _split(self, words: str) -> tuple[tuple[int, int], ...]:
        """The pieces of a mention that remain without a side, a brightness or a weighting."""
        whole = ((0, len(words)),)
        lead = _LEAD.match(words)
        named = self._kb.rows.find
        if lead is None or named(words) or not named(words[lead.end() :]):
            return whole
        rest = (lead.end(), len(words))
        if lead["look"]:
            known = key_hash(key(words)) in self._tagger.gazetteer.memory.hashes
            return whole if known else (rest,)
        return (lead.span("weighting"), rest) if named(lead["weighting"]) else whole
