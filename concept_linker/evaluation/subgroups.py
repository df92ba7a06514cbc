"""Figures by subgroup: semantic group, form, and presence in training."""

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
    """A subgroup of the gold mentions.

    Args:
        kind: the criterion: ``semantic group``, ``form`` or ``in training``.
        name: the name of the subgroup.
        mentions: the number of mentions with an id.
        in_base: the share whose concept is in the knowledge base.
        recall_at_1: recall at 1, strict ties.
        recall_at_30: recall at 30, strict ties.
    """

    kind: str
    name: str
    mentions: int
    in_base: float
    recall_at_1: float
    recall_at_30: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def subgroups(
    corpus: GoldCorpus, ranks: Ranks, ids: ConceptIds, train: GoldCorpus | None = None
) -> tuple[Subgroup, ...]:
    """Returns the figures of every subgroup with a mention, the largest first.

    Args:
        corpus: the gold mentions.
        ranks: the ranks of their concepts.
        ids: resolves the spelling of ids.
        train: the training corpus; a mention is seen in it if its string is, after normalisation,
            or its concept.
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
    """The counts of a semantic group, end to end.

    Args:
        name: the group.
        mentions: the number of gold mentions with an id.
        found: the number of those for which the system has a mention with the same span.
        right: the number of those with the right concept.
    """

    name: str
    mentions: int
    found: int
    right: int

    @property
    def accuracy(self) -> float:
        """The share of found mentions that is right; NaN if none is found."""
        return self.right / self.found if self.found else nan

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return asdict(self)


def found_groups(
    corpus: GoldCorpus, pairs: Sequence[tuple[list[Marked], list[Found]]]
) -> tuple[FoundGroup, ...]:
    """Returns the counts of every semantic group, the largest first.

    Args:
        corpus: the gold mentions.
        pairs: the gold and the system's mentions of each document
            (:func:`~concept_linker.evaluation.matching.align`).
    """
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for document, (marked, found) in zip(corpus.documents, pairs, strict=True):
        concepts: defaultdict[tuple[int, int], set[str | None]] = defaultdict(set)
        for mention in found:
            concepts[mention.start, mention.end].add(mention.concept)
        for gold, one in zip(document.mentions, marked, strict=True):
            if one.concepts:
                given = concepts.get((one.start, one.end), set())
                row = counts[gold.group or "none"]
                row[0] += 1
                row[1] += bool(given)
                row[2] += not given.isdisjoint(one.concepts)
    groups = (FoundGroup(name, *row) for name, row in counts.items())
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
