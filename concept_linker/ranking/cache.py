"""The cache of strings: captions repeat their mentions, so the first stage ranks a string once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.features import Stage, column
from concept_linker.ranking.first_stage import (
    BestCandidates,
    FirstStage,
    RankedStrings,
    StringTable,
)
from concept_linker.ranking.short_form_judge import is_short_form
from concept_linker.ranking.words import COMPARED_WORDS
from concept_linker.runtime.forking import renew_when_forked

__all__ = ["CachedStrings", "StringCache", "are_decided"]

# If the first stage's softmax gives the best candidate more than this, the context is not read.
_DECIDED = 0.9
# A candidate takes some 200 bytes, its name and id as much again.
_CANDIDATES = 1 << 18
_STRINGS = 1 << 10
_SOFTMAX = column("first_stage_softmax", Stage.SECOND)


class CachedStrings:
    """Strings with their best candidates; a string is a row number.  Threads may share it.

    The table only grows.  All values of a string are written before its row becomes visible, and
    never again; so rows stay valid, and readers need no lock.

    Args:
        strings: the minimum number of strings that fit.
        limit: how many candidates a string has at most.

    Attributes:
        table: the candidates of all strings, and the words of each string.
        is_decided: whether the first stage's answer is final (see :func:`are_decided`).
        is_short: whether the string is a short form.
        heads: id, preferred name, name and similarity of each candidate.
        types: the semantic types of each candidate.
        answers: the final answers of decided strings, by row.
    """

    def __init__(self, strings: int, limit: int) -> None:
        room = max(_CANDIDATES, strings * limit)
        count = max(room // limit, _STRINGS)
        self.table = StringTable(
            BestCandidates.empty(room),
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
            np.zeros((count, 2, COMPARED_WORDS + 1), np.uint64),
        )
        self.is_decided, self.is_short = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        self.heads: list[tuple[str, str, str, float]] = []
        self.types: list[tuple[str, ...]] = []
        self.answers: dict[int, tuple[Candidate, ...]] = {}
        self._used = 0
        self._rows: dict[str, int] = {}

    def __contains__(self, string: str) -> bool:
        return string in self._rows

    def rows(self, strings: Sequence[str]) -> NDArray[np.int64] | None:
        """Returns the row of each string, or ``None`` if one is missing."""
        rows = list(map(self._rows.get, strings))
        return None if None in rows else np.array(rows, np.int64)

    def has_room(self, ranked: RankedStrings) -> bool:
        """Returns whether more strings fit."""
        candidates = len(self.table.best.concepts) - self._used
        strings = len(self.table.begins) - len(self._rows)
        return len(ranked.best.concepts) <= candidates and len(ranked.sizes) <= strings

    def add(self, strings: Sequence[str], ranked: RankedStrings, kb: KnowledgeBase) -> None:
        """Adds strings that are missing; the caller holds a lock."""
        table, begin, known = self.table, self._used, len(self._rows)
        end, new = begin + len(ranked.best.concepts), slice(known, known + len(strings))
        columns: Iterable[tuple[Any, Any]] = zip(table.best, ranked.best, strict=True)
        for target, values in columns:
            target[begin:end] = values
        ids, names, types, aliases = kb.rows.candidate_columns(
            ranked.best.concepts.tolist(), ranked.best.names.tolist()
        )
        similarities = ranked.best.similarities.tolist()
        # The slices overwrite what an interrupted call has left behind.
        self.heads[begin:] = zip(ids, names, aliases, similarities, strict=True)
        self.types[begin:] = types
        table.begins[new] = begin + np.cumsum(ranked.sizes) - ranked.sizes
        table.sizes[new], table.words[new] = ranked.sizes, ranked.words
        # What a short form means depends on its context.
        self.is_short[new] = [is_short_form(string) for string in strings]
        decided = are_decided(table.best, table.begins[new], ranked.sizes)
        self.is_decided[new] = decided & ~self.is_short[new]
        self._used = end
        self._rows.update(zip(strings, itertools.count(known), strict=False))


class StringCache:
    """Ranks strings, each once as long as there is room.  Threads may share it.

    A full table is replaced, not emptied: other threads may still read it.

    Args:
        kb: the knowledge base.
        first_stage: what ranks the strings.
    """

    def __init__(self, kb: KnowledgeBase, first_stage: FirstStage) -> None:
        self._kb, self._first_stage = kb, first_stage
        self._table = CachedStrings(0, first_stage.limit)
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        """Makes a new lock, in a forked child; the table is always complete."""
        self._lock = threading.Lock()

    def look_up(self, strings: Sequence[str]) -> tuple[CachedStrings, NDArray[np.int64]]:
        """Returns a table that has all of the strings, and the row of each.

        Args:
            strings: the strings; those that are missing are ranked.
        """
        table = self._table
        rows = table.rows(strings)
        if rows is None:
            table = self._rank_missing(list(dict.fromkeys(strings)))
            rows = table.rows(strings)
        assert rows is not None
        return table, rows

    def _rank_missing(self, strings: list[str]) -> CachedStrings:
        """Returns a table that has all of some distinct strings."""
        with self._lock:
            table = self._table
            missing = [string for string in strings if string not in table]
            ranked = self._first_stage.rank(missing)
            if not table.has_room(ranked):
                table, missing = CachedStrings(len(strings), self._first_stage.limit), strings
                ranked = self._first_stage.rank(missing)
            table.add(missing, ranked, self._kb)
            self._table = table
            return table


def are_decided(
    best: BestCandidates, begins: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Returns for which strings the context is not read: the first stage is sure, or has no choice.

    Args:
        best: the candidates of strings, best first.
        begins, sizes: where those of each string are.
    """
    first = np.minimum(begins, len(best.concepts) - 1)
    sure: NDArray[np.bool_] = best.features[first, _SOFTMAX] > _DECIDED
    return sure | (sizes < 2)
