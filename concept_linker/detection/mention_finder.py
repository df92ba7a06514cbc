"""The mentions of a passage that are to be linked: the detector's spans, corrected by rules.

The same rules apply to every detector: noise and negation cues are removed; short forms that the
caption explains are added, and numerals that belong to a name.  An unexplained short form stands
for another mention with the same initials, if there is one: ``RA`` for the right atrium.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from concept_linker.detection.abbreviations import expander
from concept_linker.detection.cue_trimming import without_negation_cues
from concept_linker.detection.detector import (
    Detected,
    MentionDetector,
    Span,
)
from concept_linker.detection.missed_names import NestedNames
from concept_linker.detection.noise import without_noise
from concept_linker.detection.numerals import with_numerals
from concept_linker.detection.preprocessing import Passage
from concept_linker.detection.short_form_rules import disagrees
from concept_linker.knowledge_base.base import KnowledgeBase

__all__ = ["Found", "MentionFinder"]

_PARTS = re.compile(r"[^\W_]+")


class Found(NamedTuple):
    """A mention in a passage.

    Args:
        span: where it is in the passage.
        long_form: the long form if it is an abbreviation, else ``None``.
    """

    span: Span
    long_form: str | None


class MentionFinder:
    """Finds the mentions to link.

    Args:
        kb: the knowledge base.
        detector: the mention detector.
    """

    def __init__(self, kb: KnowledgeBase, detector: MentionDetector) -> None:
        self._kb = kb
        self._detector = detector
        self._nested = NestedNames(kb)

    def find(self, passages: Sequence[Passage]) -> tuple[list[list[Found]], Detected]:
        """The mentions of each passage in reading order, and what the detector answered.

        Given spans stay as they are.
        """
        detected = self._detector.detect([passage.text for passage in passages])
        if all(passage.spans is not None for passage in passages):
            spans = [[Span(*one) for one in passage.spans or ()] for passage in passages]
        else:
            spans = list(map(self._by_rules, passages, detected.spans))
        return list(map(_with_long_forms, passages, spans)), detected

    def find_nested(
        self, passages: Sequence[Passage], spans: Sequence[Sequence[Span]]
    ) -> list[list[list[Found]]]:
        """The names inside mentions without a concept.

        Args:
            passages: some passages.
            spans: for each passage the spans of such mentions.

        Returns:
            For each passage and span the names inside it.
        """
        strings = [
            passage.text[span.start : span.end]
            for passage, of_passage in zip(passages, spans, strict=True)
            for span in of_passage
        ]
        names = iter(self._nested.find(strings))
        return [
            [
                [
                    Found(span._replace(start=span.start + start, end=span.start + end), None)
                    for start, end in next(names)
                ]
                for span in of_passage
            ]
            for of_passage in spans
        ]

    def _by_rules(self, passage: Passage, detected: Sequence[Span]) -> list[Span]:
        text, is_name = passage.text, self._kb.rows.find
        spans = list(with_numerals(text, without_negation_cues(text, detected, is_name), is_name))
        kept = without_noise(text, spans)
        if passage.definitions:
            short = {place for one in passage.definitions for place in one.occurrences}
            chosen = set(kept)
            kept = [span for span in spans if span in chosen or span[:2] in short]
            kept += _short_forms(passage, kept)
            kept.sort()
        return kept


def _with_long_forms(passage: Passage, spans: Sequence[Span]) -> list[Found]:
    """Spans with their long forms, which the caption explains or another mention spells out."""
    text = passage.text
    write_out = expander(text, passage.definitions)
    spelled: dict[str, str] = {}
    for span in spans:
        words = text[span.start : span.end]
        if " " in words and words[1:].islower():
            initials = "".join(part[0] for part in _PARTS.findall(words)).upper()
            if not disagrees(initials, words):
                spelled.setdefault(initials, words)
    found = []
    for span in spans:
        words = text[span.start : span.end]
        long = write_out(span.start, span.end)
        if long is None and words in spelled:
            long = spelled[words]
        found.append(Found(span, long))
    return found


def _short_forms(passage: Passage, spans: Sequence[Span]) -> list[Span]:
    """The short forms that no span overlaps and whose long form is a mention."""
    ordered = sorted(spans)
    ends = list(itertools.accumulate((span.end for span in ordered), max))

    def overlapping(begin: int, stop: int) -> Span | None:
        number = bisect_right(ends, begin)
        return ordered[number] if number < len(ends) and ordered[number].start < stop else None

    found = []
    for definition in passage.definitions:
        long = overlapping(definition.long_start, definition.long_end)
        if long is not None:
            free = (place for place in definition.occurrences if overlapping(*place) is None)
            found += [long._replace(start=first, end=last) for first, last in free]
    return found
