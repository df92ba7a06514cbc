"""Figures by parts of a corpus: semantic group, and what training had of a mention."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.corpora.gold import GoldCorpus
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.evaluation.matching import Found, Marked
from concept_linker.evaluation.ranks import Ranks, hits
from concept_linker.search.normalise import key

__all__ = ["FoundGroup", "Subgroup", "found_groups", "subgroups"]


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One part of the gold mentions.

    Args:
        kind: what divides them: ``semantic group``, ``in training``.
        name: which part.
        mentions: how many have an id.
        in_base: the share whose concept is in the base.
        recall_at_1: the share whose first candidate is right, strict ties.
        recall_at_30: the share with a right one among 30, strict ties.
    """

    kind: str
    name: str
    mentions: int
    in_base: float
    recall_at_1: float
    recall_at_30: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def subgroups(
    corpus: GoldCorpus, ranks: Ranks, ids: ConceptIds, train: GoldCorpus | None = None
) -> tuple[Subgroup, ...]:
    """The figures of every part that has a mention, the greatest first.

    Args:
        corpus: the gold mentions.
        ranks: where their concepts stand.
        ids: how ids are spelled.
        train: what "seen" is about: strings equal after normalisation, concepts by id.
    """
    members: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, (kind, name) in _labels(corpus, ranks, ids, train):
        members[kind, name].append(number)
    first = hits(ranks, 1, "strict")
    thirty = hits(ranks, 30, "strict")
    parts = [
        _part(kind, name, np.array(numbers), ranks, first, thirty)
        for (kind, name), numbers in members.items()
    ]
    return tuple(sorted(parts, key=lambda part: (part.kind, -part.mentions, part.name)))


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A semantic group, end to end.

    Args:
        name: the group.
        mentions: how many gold mentions have an id.
        found: how many of them have a mention of the system's at the same place.
        right: how many of those have the right concept.
    """

    name: str
    mentions: int
    found: int
    right: int

    @property
    def accuracy(self) -> float:
        """The share of the found ones that is right; NaN where none was found."""
        return self.right / self.found if self.found else nan

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def found_groups(
    corpus: GoldCorpus, pairs: Sequence[tuple[list[Marked], list[Found]]]
) -> tuple[FoundGroup, ...]:
    """The counts of every semantic group, the greatest first.

    Args:
        corpus: the gold mentions.
        pairs: both sides of each document
            (:func:`~concept_linker.evaluation.matching.pairs_of`).
    """
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for document, (marked, found) in zip(corpus.documents, pairs, strict=True):
        concepts: defaultdict[tuple[int, int], set[str | None]] = defaultdict(set)
        for mention in found:
            concepts[mention.start, mention.end].add(mention.concept)
        for gold, one in zip(document.mentions, marked, strict=True):
            if one.concepts:
                given = concepts.get((one.start, one.end), set())
                own = counts[gold.group or "none"]
                own[0] += 1
                own[1] += bool(given)
                own[2] += not given.isdisjoint(one.concepts)
    groups = (FoundGroup(name, *own) for name, own in counts.items())
    return tuple(sorted(groups, key=lambda group: (-group.mentions, group.name)))


def _part(
    kind: str,
    name: str,
    numbers: NDArray[np.int64],
    ranks: Ranks,
    first: NDArray[np.float64],
    thirty: NDArray[np.float64],
) -> Subgroup:
    return Subgroup(
        kind,
        name,
        len(numbers),
        float(ranks.in_base[numbers].mean()),
        float(first[numbers].mean()),
        float(thirty[numbers].mean()),
    )


def _labels(
    corpus: GoldCorpus, ranks: Ranks, ids: ConceptIds, train: GoldCorpus | None
) -> Iterator[tuple[int, tuple[str, str]]]:
    strings: set[str] = set()
    concepts: set[str] = set()
    for document, mention in train or ():
        strings.add(key(document.surface(mention)))
        concepts.update(ids.of(mention))
    for number, (document_number, place) in enumerate(
        zip(ranks.documents.tolist(), ranks.mentions.tolist(), strict=True)
    ):
        document = corpus.documents[document_number]
        mention = document.mentions[place]
        yield number, ("semantic group", mention.group or "none")
        if len(mention.spans) > 1:
            yield number, ("form", "discontinuous")
        if len(mention.ids) > 1:
            yield number, ("form", "composite")
        if train is not None:
            string = key(document.surface(mention)) in strings
            concept = not concepts.isdisjoint(ids.of(mention))
            seen = f"string {_seen(string)}, concept {_seen(concept)}"
            yield number, ("in training", seen)


def _seen(yes: bool) -> str:
    return "seen" if yes else "unseen"
