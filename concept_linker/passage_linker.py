"""Links passages: finds mentions, ranks their candidates, tries names inside unlinked ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from concept_linker.annotation import Candidate, Mention
from concept_linker.detection.detector import Detected, MentionDetector
from concept_linker.detection.mention_finder import Found, MentionFinder
from concept_linker.detection.negation import negated
from concept_linker.detection.numerals import other_numerals
from concept_linker.detection.preprocessing import Passage
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.ranking.neighbours import neighbours
from concept_linker.ranking.ranker import Query, Ranker
from concept_linker.runtime.garbage import no_collection
from concept_linker.settings import LinkerSettings

__all__ = ["MentionQuery", "PassageLinker"]

# The least confidence of a name inside a mention without a concept.
_MIN_NESTED_CONFIDENCE = 0.65


class MentionQuery(NamedTuple):
    """What the ranker is asked about a mention.

    Args:
        start, end: where the mention is in the text, in code points.
        query: its string, its neighbours and the probabilities of its semantic groups.
    """

    start: int
    end: int
    query: Query


class PassageLinker:
    """Finds and links the mentions of passages.

    Args:
        kb: the knowledge base.
        detector: finds the mentions.
        ranker: ranks the candidates of each mention.
        settings: the settings of the linker.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        detector: MentionDetector,
        ranker: Ranker,
        settings: LinkerSettings,
    ) -> None:
        self._kb = kb
        self._finder = MentionFinder(kb, detector)
        self._ranker = ranker
        self._settings = settings
        self._spelling = lru_cache(maxsize=1 << 14)(self._find_spelling)

    def link(self, passages: Sequence[Passage]) -> list[list[Mention]]:
        """The linked mentions of each passage."""
        found, detected = self._finder.find(passages)
        mentions = self._rank(passages, found, detected)
        nested = self._nested(passages, found, mentions)
        if not any(nested):
            return mentions
        return list(map(_with_nested, mentions, self._rank(passages, nested, detected)))

    def queries(self, passages: Sequence[Passage]) -> list[MentionQuery]:
        """The queries of the mentions of a text's passages, in reading order."""
        found, detected = self._finder.find(passages)
        spans = (
            passage.to_original(mention.span.start, mention.span.end)
            for passage, of_passage in zip(passages, found, strict=True)
            for mention in of_passage
        )
        queries = self._make_queries(passages, found, detected)
        return [MentionQuery(*span, query) for span, query in zip(spans, queries, strict=True)]

    def _nested(
        self,
        passages: Sequence[Passage],
        found: Sequence[Sequence[Found]],
        mentions: Sequence[Sequence[Mention]],
    ) -> list[list[Found]]:
        """For each passage the mentions with the unlinked ones replaced by the names inside them.

        Empty for a passage where there are no such names.  The other mentions stay, because the
        ranker uses all mentions of a text.
        """
        unlinked = [
            [
                one.span
                for one, mention in zip(of_passage, linked, strict=True)
                if passage.spans is None and mention.best is None and one.long_form is None
            ]
            for passage, of_passage, linked in zip(passages, found, mentions, strict=True)
        ]
        names = self._finder.find_nested(passages, unlinked)
        replaced = []
        for of_passage, spans, inside in zip(found, unlinked, names, strict=True):
            parts = {span: parts for span, parts in zip(spans, inside, strict=True) if parts}
            kept = [parts.get(one.span, [one]) for one in of_passage] if parts else []
            replaced.append(list(itertools.chain.from_iterable(kept)))
        return replaced

    def _rank(
        self, passages: Sequence[Passage], found: Sequence[Sequence[Found]], detected: Detected
    ) -> list[list[Mention]]:
        """The mentions of each passage with their candidates."""
        queries = self._make_queries(passages, found, detected)
        with no_collection():
            ranked = iter(self._ranker.rank_many(queries))
            return [
                [
                    self._mention(passage, one, next(ranked), negated=is_negated)
                    for one, is_negated in zip(
                        of_passage,
                        negated(passage.text, [one.span for one in of_passage]),
                        strict=True,
                    )
                ]
                for passage, of_passage in zip(passages, found, strict=True)
            ]

    def _make_queries(
        self, passages: Sequence[Passage], found: Sequence[Sequence[Found]], detected: Detected
    ) -> list[Query]:
        groups = detected.groups([[one.span[:2] for one in of_passage] for of_passage in found])
        queries = []
        for number, (passage, of_passage, of_spans) in enumerate(
            zip(passages, found, groups, strict=True)
        ):
            for ((start, end, *_), long_form), probabilities in zip(
                of_passage, of_spans, strict=True
            ):
                string = self._spelling(long_form or passage.text[start:end])
                left, right = neighbours(passage.text, start, end)
                queries.append(Query(string, left, right, probabilities, number))
        return queries

    def _find_spelling(self, string: str) -> str:
        """The string with its numeral written as in the knowledge base, if only that differs."""
        if self._kb.rows.find(string):
            return string
        return next((one for one in other_numerals(string) if self._kb.rows.find(one)), string)

    def _mention(
        self,
        passage: Passage,
        found: Found,
        candidates: tuple[Candidate, ...],
        *,
        negated: bool,
    ) -> Mention:
        start, end, label, probability = found.span
        start, end = passage.to_original(start, end)
        min_similarity = self._settings.min_similarity
        if min_similarity:
            candidates = tuple(c for c in candidates if c.similarity >= min_similarity)
        best = candidates[0] if candidates else None
        if best is not None and probability * best.score < self._settings.min_score:
            best = None
        return Mention(
            start=start,
            end=end,
            text=passage.source[start:end],
            label=label or semantic_group(best.semantic_types if best else ()),
            probability=probability,
            long_form=found.long_form,
            negated=negated,
            best=best,
            candidates=candidates,
        )


def _with_nested(mentions: Sequence[Mention], nested: Sequence[Mention]) -> list[Mention]:
    """Mentions, with each unlinked one replaced by the confidently linked ones inside it."""
    confident = [one for one in nested if one.confidence >= _MIN_NESTED_CONFIDENCE]
    result = []
    for mention in mentions:
        inside = [
            one
            for one in confident
            if mention.best is None and mention.start <= one.start and one.end <= mention.end
        ]
        result += inside or [mention]
    return result
