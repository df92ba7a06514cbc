"""Joins equivalent ids, with at most one CUI in a set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from concept_linker.knowledge_base.identity import CuiOrigin, is_cui
from concept_linker.search.normalise import key

__all__ = ["Joined", "join_ids"]


class Joined:
    """Union-find over ids, with at most one CUI per set."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._number = {i: n for n, i in enumerate(ids)}
        self._parent = list(range(len(self._number)))
        self._cui: dict[int, str] = {n: i for i, n in self._number.items() if is_cui(i)}
        self._asserted: set[str] = set()
        self._inferred: set[str] = set()
        self.refused = 0

    def _number_of(self, concept_id: str) -> int:
        number = self._number.setdefault(concept_id, len(self._parent))
        if number == len(self._parent):
            self._parent.append(number)
            if is_cui(concept_id):
                self._cui[number] = concept_id
        return number

    def _find(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def root(self, concept_id: str) -> int:
        """Returns the representative of an id's set, as a number."""
        return self._find(self._number[concept_id])

    def known_from(self, first: int) -> list[str]:
        """Returns the ids in order of appearance, from index ``first`` on."""
        return list(self._number)[first:]

    def cui_of_root(self, root: int) -> str | None:
        """Returns the CUI of a set, or ``None``."""
        return self._cui.get(root)

    def origin(self, concept_id: str) -> CuiOrigin:
        """Returns where a CUI comes from; ``NONE`` for any other id."""
        if not is_cui(concept_id):
            return CuiOrigin.NONE
        only_inferred = concept_id in self._inferred and concept_id not in self._asserted
        return CuiOrigin.INFERRED if only_inferred else CuiOrigin.ASSERTED

    def union(self, one: str, other: str, asserted: bool) -> None:
        """Joins the sets of two ids, unless both have a CUI."""
        a, b = self._find(self._number_of(one)), self._find(self._number_of(other))
        if a == b:
            return
        cui_a, cui_b = self._cui.get(a), self._cui.get(b)
        if cui_a and cui_b:
            self.refused += 1
            return
        cui = cui_a or cui_b
        self._parent[b] = a
        if cui:
            self._cui[a] = cui
            (self._asserted if asserted else self._inferred).add(cui)


def join_ids(ids: list[str], equivalences: list[tuple[str, str, bool]], names: pa.Table) -> Joined:
    """Returns the sets of equivalent ids, by the rules of :mod:`.merge`.

    Args:
        ids: the ids with names.
        equivalences: (id, other id, whether a source asserts it).
        names: a table of schema :data:`~concept_linker.knowledge_base.source.NAMES`.
    """
    cuis: dict[str, set[str]] = defaultdict(set)
    for one, other, _ in equivalences:
        for a, b in ((one, other), (other, one)):
            if is_cui(b) and not is_cui(a):
                cuis[a].add(b)
    unsettled = {i for i, claimed in cuis.items() if len(claimed) > 1}
    agreement = _agreement(unsettled, cuis, equivalences, names) if unsettled else {}
    joined = Joined(ids)
    for one, other, asserted in sorted(
        equivalences,
        key=lambda row: (not row[2], -max(agreement.get(row[:2], 0), agreement.get(row[1::-1], 0))),
    ):
        joined.union(one, other, asserted)
    return joined


def _agreement(
    unsettled: set[str],
    cuis: dict[str, set[str]],
    equivalences: list[tuple[str, str, bool]],
    names: pa.Table,
) -> dict[tuple[str, ...], int]:
    """Counts the normalised names that each unsettled id shares with each of its CUIs.

    The names of a CUI include those of ids with this CUI only.
    """
    claimed = {cui for i in unsettled for cui in cuis[i]}
    cui_of: dict[str, str] = {cui: cui for cui in claimed}
    for i, found in cuis.items():
        if len(found) == 1 and (cui := next(iter(found))) in claimed:
            cui_of[i] = cui
    relevant = pa.array(sorted(unsettled | set(cui_of)), pa.string())
    rows = names.filter(pc.is_in(names["id"], value_set=relevant)).select(["id", "name"])
    keys: dict[str, set[str]] = defaultdict(set)
    for row in rows.to_pylist():
        owner = row["id"] if row["id"] in unsettled else cui_of[row["id"]]
        keys[owner].add(key(row["name"]))
    return {(i, cui): len(keys[i] & keys[cui]) for i in unsettled for cui in cuis[i]}
