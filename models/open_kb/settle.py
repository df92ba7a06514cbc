"""Selects the asserted equivalences to accept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from concept_linker.knowledge_base.source import NameKind, is_cui

from .vocabulary import Vocabulary, key_of

__all__ = ["Joiner", "Names", "settle"]


def _prefix(concept_id: str) -> str:
    return "UMLS" if is_cui(concept_id) else concept_id.partition(":")[0]


@dataclass(slots=True)
class Joiner:
    """Union-find in which a set has at most one id of each vocabulary, and at most one CUI."""

    parent: dict[str, str] = field(default_factory=dict)
    holds: dict[str, dict[str, str]] = field(default_factory=dict)

    def find(self, concept_id: str) -> str:
        """Returns the representative of an id's set."""
        root = self.parent.setdefault(concept_id, concept_id)
        while root != self.parent[root]:
            self.parent[root] = root = self.parent[self.parent[root]]
        if root == concept_id and root not in self.holds:
            self.holds[root] = {_prefix(root): root}
        return root

    def cui(self, concept_id: str) -> str | None:
        """Returns the CUI of an id's set, or ``None``."""
        return self.holds[self.find(concept_id)].get("UMLS")

    def members(self, concept_id: str) -> Iterable[str]:
        """Returns the ids of an id's set."""
        return self.holds[self.find(concept_id)].values()

    def join(self, one: str, other: str) -> bool:
        """Joins two sets; returns false if a rule forbids it or they are one set already."""
        one, other = self.find(one), self.find(other)
        if one == other or self.holds[one].keys() & self.holds[other].keys():
            return False
        self.parent[other] = one
        self.holds[one] |= self.holds.pop(other)
        return True


@dataclass(slots=True)
class Names:
    """The normal forms of each id's names, and its preferred name in lower case."""

    written: dict[str, str] = field(default_factory=dict)
    preferred: dict[str, str] = field(default_factory=dict)
    exact: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, vocabularies: Iterable[Vocabulary]) -> Names:
        """Returns the names of all concepts, except related ones."""
        found = cls()
        for vocabulary in vocabularies:
            for cid, names in vocabulary.names.items():
                found.written[cid] = names[0][0].lower()
                found.preferred[cid] = key_of(names[0][0])
                kept = (key_of(name) for name, kind in names if kind is not NameKind.RELATED)
                found.exact[cid].update(kept)
        return found

    def agreement(self, one: str, other: str) -> int:
        """Returns how well the names of two concepts agree.

        3: equal preferred names; 2: one is among the other's names; 1: a common synonym; else 0.
        """
        if one not in self.preferred or other not in self.preferred:
            return 0
        a, b = self.preferred[one], self.preferred[other]
        if a == b:
            return 3
        if a in self.exact[other] or b in self.exact[one]:
            return 2
        return 1 if self.exact[one] & self.exact[other] else 0


def settle(
    vocabularies: Sequence[Vocabulary], extra: Iterable[tuple[str, str]], names: Names
) -> tuple[Joiner, list[tuple[str, str]]]:
    """Accepts asserted links, those with the best agreement of names first.

    A link without agreement is accepted only if it is the only one between the two vocabularies
    for both concepts, and neither has a link with agreement (unless one of them is a bare CUI).

    Args:
        vocabularies: the vocabularies with their links.
        extra: links from other sources.
        names: the names of all concepts.

    Returns:
        The sets, and the accepted links.
    """
    links = sorted({tuple(sorted(link)) for v in vocabularies for link in v.links} | {
        tuple(sorted(link)) for link in extra
    })  # fmt: skip
    pairs = [
        (a, b)
        for a, b in links
        if all(cid in names.preferred or is_cui(cid) for cid in (a, b)) and not (
            is_cui(a) and is_cui(b)
        )
    ]  # fmt: skip
    claims: dict[str, set[str]] = defaultdict(set)
    per_kind: dict[tuple[str, str], int] = defaultdict(int)
    for a, b in pairs:
        claims[a].add(b)
        claims[b].add(a)
        per_kind[a, _prefix(b)] += 1
        per_kind[b, _prefix(a)] += 1
    weights = {}
    for a, b in pairs:
        cui, curie = (a, b) if is_cui(a) else (b, a)
        score = names.agreement(a, b)
        if is_cui(cui):
            others = (names.agreement(curie, third) for third in claims[cui] if third != curie)
            score = max([score, *others])
        weights[a, b] = score
    best: dict[str, int] = defaultdict(int)
    for (a, b), score in weights.items():
        best[a], best[b] = max(best[a], score), max(best[b], score)
    joiner, accepted = Joiner(), []
    for (a, b), score in sorted(weights.items(), key=lambda item: (-item[1], item[0])):
        lone = per_kind[a, _prefix(b)] == 1 and per_kind[b, _prefix(a)] == 1
        if score == 0:
            named = [cid for cid in (a, b) if not is_cui(cid)]
            if not lone or (len(named) == 2 and max(best[a], best[b]) > 0):
                continue
        if joiner.join(a, b):
            accepted.append((a, b))
    return joiner, accepted
