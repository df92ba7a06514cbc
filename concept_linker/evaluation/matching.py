"""Matching of a system's mentions with gold mentions: counts for precision and recall.

The measures are neleval's (Hachey, Nothman and Radford, ACL 2014; ``neleval list-measures``):

==================  ==========================  =================================================
here                neleval                     a mention counts as right if
==================  ==========================  =================================================
strict mention      ``strong_mention_match``    start and end are equal
strict concept      ``strong_link_match``       start, end and concept are equal
partial mention     ``overlap-maxmax::span``    by the share of its characters that the other
                                                side's mention with the greatest overlap covers
partial concept     ``overlap-maxmax`` with     the same, among mentions with the same concept
                    span and concept
document concept    ``entity_match``            its concept is anywhere in the document
==================  ==========================  =================================================

Equal mentions count once. Measures of concepts leave out mentions without one, on either side.
neleval has one concept per mention; here a composite gold mention is right with any of its concepts
but adds all of them to its document. A discontinuous mention extends from its first character to
its last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Mention
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.corpora.id_resolution import ConceptIds

__all__ = [
    "MEASURES",
    "Found",
    "Marked",
    "Matching",
    "align",
    "count_matches",
    "overlap",
    "overlapping",
]

MEASURES = (
    "strict mention",
    "strict concept",
    "partial mention",
    "partial concept",
    "document concept",
)


class Marked(NamedTuple):
    """A gold mention: its span and its concepts."""

    start: int
    end: int
    concepts: frozenset[str]


class Found(NamedTuple):
    """A system's mention: its span and its concept, or ``None``."""

    start: int
    end: int
    concept: str | None


@dataclass(frozen=True, slots=True)
class Matching:
    """The counts of each measure.

    Args:
        columns: by measure, of shape (documents, 4): right predictions, predictions, found gold
            mentions, gold mentions.
    """

    columns: dict[str, NDArray[np.float64]]


def align(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> list[tuple[list[Marked], list[Found]]]:
    """Returns the gold and the system's mentions of each document, with ids spelled alike."""
    pairs = []
    for document, mentions in zip(corpus.documents, linked, strict=True):
        marked = [Marked(gold.start, gold.end, ids.of(gold)) for gold in document.mentions]
        found = [
            Found(m.start, m.end, ids.spelled(m.best.concept_id) if m.best else None)
            for m in mentions
        ]
        pairs.append((marked, found))
    return pairs


def count_matches(pairs: Iterable[tuple[list[Marked], list[Found]]]) -> Matching:
    """Counts every measure per document."""
    rows: dict[str, list[tuple[float, ...]]] = {measure: [] for measure in MEASURES}
    for marked, found in pairs:
        for measure, row in zip(MEASURES, _document(marked, found), strict=True):
            rows[measure].append(row)
    return Matching(
        {measure: np.array(rows[measure], float).reshape(-1, 4) for measure in MEASURES}
    )


def _document(marked: list[Marked], found: list[Found]) -> tuple[tuple[float, ...], ...]:
    gold_spans = {(m.start, m.end) for m in marked}
    found_spans = {(m.start, m.end) for m in found}
    same = len(gold_spans & found_spans)
    gold_links = list({m for m in marked if m.concepts})
    found_links = list({m for m in found if m.concept is not None})
    right = _linked_alike(gold_links, found_links)
    gold_concepts = {concept for m in marked for concept in m.concepts}
    found_concepts = {m.concept for m in found_links}
    shared = len(gold_concepts & found_concepts)
    any_concept = frozenset({""})
    return (
        (same, len(found_spans), same, len(gold_spans)),
        (right, len(found_links), right, len(gold_links)),
        _partial(
            [Marked(*span, any_concept) for span in gold_spans],
            [Found(*span, "") for span in found_spans],
        ),
        _partial(gold_links, found_links),
        (shared, len(found_concepts), shared, len(gold_concepts)),
    )


def _linked_alike(marked: list[Marked], found: list[Found]) -> int:
    """Returns the number of mentions that can be paired one to one, with equal span and concept."""
    concepts: dict[tuple[int, int], set[str | None]] = {}
    for mention in found:
        concepts.setdefault((mention.start, mention.end), set()).add(mention.concept)
    right = 0
    # Mentions with few concepts first, as the others have more to choose from.
    for gold in sorted(marked, key=lambda m: (len(m.concepts), sorted(m.concepts))):
        free = concepts.get((gold.start, gold.end), set())
        if usable := sorted(concept for concept in free if concept in gold.concepts and concept):
            free.discard(usable[0])
            right += 1
    return right


def _partial(marked: list[Marked], found: list[Found]) -> tuple[float, float, float, float]:
    covered_found = dict.fromkeys(found, 0.0)
    covered_gold = dict.fromkeys(marked, 0.0)
    for gold, mention in overlapping(marked, found):
        if mention.concept in gold.concepts:
            length = overlap(gold, mention)
            share = length / (gold.end - gold.start)
            covered_gold[gold] = max(covered_gold[gold], share)
            share = length / (mention.end - mention.start)
            covered_found[mention] = max(covered_found[mention], share)
    return sum(covered_found.values()), len(found), sum(covered_gold.values()), len(marked)


def overlapping(marked: Iterable[Marked], found: Iterable[Found]) -> Iterable[tuple[Marked, Found]]:
    """Yields all pairs that share a character."""
    ordered = sorted(found, key=lambda mention: mention.start)
    for gold in marked:
        for mention in ordered:
            if mention.start >= gold.end:
                break
            if mention.end > gold.start:
                yield gold, mention


def overlap(gold: Marked, mention: Found) -> int:
    """Returns the number of characters that two mentions share.

    >>> overlap(Marked(1, 11, frozenset()), Found(6, 13, None))
    5
    """
    return max(0, min(gold.end, mention.end) - max(gold.start, mention.start))
