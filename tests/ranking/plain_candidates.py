"""The plain twin of :mod:`concept_linker.ranking.candidates`: one string at a time."""

from __future__ import annotations

from typing import NamedTuple

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.priors import STEM, Priors, Table
from concept_linker.search.normalise import key


class PlainCandidate(NamedTuple):
    """A candidate; the run that names it: its share of the words, and is it the last."""

    concept: int
    name: int
    similarity: float
    run_share: float
    run_is_last: bool


class PlainGenerator:
    """Generates candidates as ``CandidateGenerator`` does."""

    def __init__(self, kb: KnowledgeBase, priors: Priors, *, k: int) -> None:
        self.kb, self.priors, self.k = kb, priors, k

    def generate(self, text: str) -> tuple[list[PlainCandidate], int]:
        """Returns the candidates of a string, and how many come before the commonest concepts."""
        kb, priors = self.kb, self.priors
        least, besides_exact = (0.3, 0.3) if self.k >= 30 else (0.5, 0.7)
        _, *columns = kb.rows.nearest([text], k=max(self.k, 30), min_similarity=least)
        near = list(zip(*columns, strict=True))
        if near and near[0][2] == 1.0:
            near = [match for match in near if match[2] >= besides_exact]
        words = key(text).split()
        found = {concept: (name, similarity) for concept, name, similarity in near}
        run_of: dict[int, tuple[float, bool]] = {}
        limit = len(found) + 12
        for run, share, is_last in runs(words):
            for name in self._names_of(run):
                concept = int(kb.rows.arrays["name_concepts"][name])
                if len(found) < limit:
                    found.setdefault(concept, (name, 0.0))
                if concept in found:
                    run_of.setdefault(concept, (share, is_last))
            for number in counts(priors.strings, run)[0][:3]:
                self._add(number, found, limit)
        limit = len(found) + 16
        rates: dict[int, float] = {}
        for table, sign in [
            (priors.strings, " ".join(words)),
            *((priors.words, word) for word in words),
            *((priors.stems, word[:STEM]) for word in words),
        ]:
            numbers, uses = counts(table, sign)
            for number, count in list(zip(numbers, uses, strict=True))[:8]:
                rates[number] = max(rates.get(number, 0.0), count / (sum(uses) + 1))
        for number in sorted(rates, key=lambda number: (-rates[number], number)):
            self._add(number, found, limit)
        specific = len(found)
        for number in priors.commonest[: 100 if self.k >= 30 else 10]:
            self._add(number, found, 10**6)
        none = (0.0, False)
        return [
            PlainCandidate(concept, name, similarity, *run_of.get(concept, none))
            for concept, (name, similarity) in found.items()
        ], specific

    def _add(self, number: int, found: dict[int, tuple[int, float]], limit: int) -> None:
        row = self.kb.rows.row_of(self.priors.ids[number])
        if row is not None and len(found) < limit:
            found.setdefault(row, (int(self.kb.rows.arrays["concept_names"][row]), 0.0))

    def _names_of(self, one: str) -> list[int]:
        key_id = self.kb.rows.index.find(one)
        if key_id is None:
            return []
        begin, end = self.kb.rows.arrays["key_names_offsets"][key_id : key_id + 2]
        return [int(name) for name in self.kb.rows.arrays["key_names_values"][begin:end]]


def counts(table: Table, sign: str) -> tuple[list[int], list[int]]:
    """Returns the numbers and counts of a string."""
    numbers, uses = table.find(sign)
    return numbers.tolist(), uses.tolist()


def runs(words: list[str]) -> list[tuple[str, float, bool]]:
    """Returns the proper runs of words, the longest first: text, share of the words, is it last."""
    count = len(words)
    if count > 12:
        return []
    found = [
        (" ".join(words[first : first + length]), length / count, first + length == count)
        for length in range(count - 1, 0, -1)
        for first in range(count - length + 1)
    ]
    return [run for run in found if len(run[0].encode()) > 1]
