"""What is to be linked in a caption: what the detector finds, by the rules of text.

Any detector is taken at its word only so far: noise goes, and so do the negation cues in a mention;
short forms that the caption explains are added, and numerals that belong to a name.  A short form
that is not explained stands for another mention that has its initials, if there is one: ``RA`` for
the right atrium.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from concept_linker.detection.abbreviations import expander
from concept_linker.detection.cues import without_cues
from concept_linker.detection.detector import (
    GroupsOf,
    MentionDetector,
    Read,
    ReadsOnce,
    Span,
    TellsGroups,
)
from concept_linker.detection.noise import without_noise
from concept_linker.detection.numerals import with_numerals
from concept_linker.detection.passages import Passage
from concept_linker.detection.passed_over import InnerNames
from concept_linker.detection.short_forms import disagrees
from concept_linker.knowledge_base.base import KnowledgeBase

__all__ = ["Found", "MentionFinder"]

_PARTS = re.compile(r"[^\W_]+")


class Found(NamedTuple):
    """Something found in a passage.

    Args:
        span: where it is in the passage.
        long_form: what it abbreviates, or ``None``.
    """

    span: Span
    long_form: str | None


class MentionFinder:
    """Finds what is to be linked.

    Args:
        kb: the base.
        detector: what finds mentions.
    """

    def __init__(self, kb: KnowledgeBase, detector: MentionDetector) -> None:
        self._kb = kb
        self._detector = detector
        self._inner = InnerNames(kb)

    def find(self, passages: Sequence[Passage]) -> tuple[list[list[Found]], GroupsOf]:
        """What is to be linked in each passage, and what tells the semantic groups of spans there.

        In reading order; if spans are given, these and as they are.
        """
        texts = [passage.text for passage in passages]
        if all(passage.spans is not None for passage in passages):
            groups = self._groups_of(texts)
            spans = [[Span(*one) for one in passage.spans or ()] for passage in passages]
        else:
            detected, groups = self._read(texts)
            spans = list(map(self._by_rules, passages, detected))
        return list(map(_with_long_forms, passages, spans)), groups

    def _read(self, texts: Sequence[str]) -> Read:
        """What the detector reads in texts."""
        if isinstance(self._detector, ReadsOnce):
            return self._detector.read(texts)
        return Read(list(self._detector.detect_many(texts)), self._groups_of(texts))

    def _groups_of(self, texts: Sequence[str]) -> GroupsOf:
        """For spans of texts the chances of the semantic groups, if the detector knows."""
        if isinstance(self._detector, TellsGroups):
            return partial(self._detector.groups_many, texts)
        return lambda spans: [[None] * len(some) for some in spans]

    def inside(
        self, passages: Sequence[Passage], spans: Sequence[Sequence[Span]]
    ) -> list[list[list[Found]]]:
        """The names inside mentions that name nothing as a whole.

        Args:
            passages: some passages.
            spans: for each passage its mentions.
        """
        strings = [
            passage.text[span.start : span.end]
            for passage, some in zip(passages, spans, strict=True)
            for span in some
        ]
        names = iter(self._inner.find(strings))
        return [
            [
                [
                    Found(span._replace(start=span.start + start, end=span.start + end), None)
                    for start, end in next(names)
                ]
                for span in some
            ]
            for some in spans
        ]

    def _by_rules(self, passage: Passage, detected: Sequence[Span]) -> list[Span]:
        text, is_name = passage.text, self._kb.rows.find
        spans = list(with_numerals(text, without_cues(text, detected, is_name), is_name))
        kept = without_noise(text, spans)
        if passage.definitions:
            short = {place for one in passage.definitions for place in one.occurrences}
            chosen = set(kept)
            kept = [span for span in spans if span in chosen or span[:2] in short]
            kept += _short_forms(passage, kept)
            kept.sort()
        return kept


def _with_long_forms(passage: Passage, spans: Sequence[Span]) -> list[Found]:
    """Spans with what they abbreviate: as the caption explains or another mention spells out."""
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
    """The short forms that no span touches, where the long form was found to be a mention."""
    ordered = sorted(spans)
    ends = list(itertools.accumulate((span.end for span in ordered), max))

    def touching(begin: int, stop: int) -> Span | None:
        number = bisect_right(ends, begin)
        return ordered[number] if number < len(ends) and ordered[number].start < stop else None

    found = []
    for definition in passage.definitions:
        long = touching(definition.long_start, definition.long_end)
        if long is not None:
            free = (place for place in definition.occurrences if touching(*place) is None)
            found += [long._replace(start=first, end=last) for first, last in free]
    return found
