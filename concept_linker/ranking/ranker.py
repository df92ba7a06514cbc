"""Ranks the candidates of a mention, and says how likely each is right.

Two stages of boosted trees, both taught to put the right candidate first (``models/ranker``).  The
first sees what the mention's string alone says (:mod:`~concept_linker.ranking.describing`); its
answer is kept, for captions repeat their mentions.  The second sees the best of them, and what the
place says (:mod:`~concept_linker.ranking.context`): the words beside the mention, and the semantic
groups that the mention network gives it.  Its numbers become shares by softmax; their sum is the
probability that the right concept is among the candidates at all, a logistic function.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.mentions.detector import GROUPS
from concept_linker.ranking.context import (
    IN_PLACE,
    SHARE,
    Calibration,
    Shelf,
    conclude,
    group_numbers,
    keep,
    see,
)
from concept_linker.ranking.describing import FEATURES
from concept_linker.ranking.explaining import Reason, parts, reasons
from concept_linker.ranking.pool import Pooling
from concept_linker.ranking.priors import Priors
from concept_linker.trees import Trees

__all__ = ["BY_STRING", "IN_ITS_PLACE", "Query", "Ranker", "encoded"]

#: The folders of the trees of both stages, in that of a ranker.
BY_STRING, IN_ITS_PLACE = "by_string", "in_its_place"

#: Where the first stage gives the best candidate more than this share, its place is not looked at.
SETTLED = 0.9

# A candidate on the shelf takes some 200 bytes, its name and id as much.
_ROOM = 1 << 18


class Query(NamedTuple):
    """What is to be ranked.

    Args:
        string: the mention's words, or its long form.
        left, right: what stands beside it, as ``surroundings.beside`` tells.
        groups: the chance of each of :data:`~concept_linker.mentions.detector.GROUPS`, or
            ``None`` where nothing is known.
    """

    string: str
    left: str = ""
    right: str = ""
    groups: NDArray[np.float64] | None = None


class Ranker:
    """Ranks the candidates of mentions.

    Args:
        kb: the base they are in.
        priors: what was learned.
        by_string, in_its_place: the trees of both stages.
        calibration: the probabilities.
        most: how many candidates a mention keeps.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        priors: Priors,
        by_string: Trees,
        in_its_place: Trees,
        calibration: Calibration,
        *,
        most: int,
    ) -> None:
        self._kb = kb
        self._by_string = by_string
        self._in_its_place = in_its_place
        self._calibration = calibration
        self._most = most
        self._opened: tuple[Any, ...] | None = None
        self._pooling = Pooling(kb, priors, most=most)
        self._group_of = group_numbers(priors.type_ids, GROUPS)
        self._lock = threading.Lock()
        self._shelf: Shelf
        self._used: int
        self._clear()

    @classmethod
    def open(cls, kb: KnowledgeBase, folder: Path, priors: Path, *, most: int) -> Ranker:
        """Opens a ranker.

        Args:
            kb: the base.
            folder: with the trees and ``calibration.json``.
            priors: the folder of the priors.
            most: how many candidates a mention keeps.

        Raises:
            InputError: one of them is not there.
        """
        try:
            by_string, in_its_place = (
                Trees.open(folder / stage) for stage in (BY_STRING, IN_ITS_PLACE)
            )
            calibration = Calibration.open(folder / "calibration.json")
        except OSError as error:
            raise InputError(f"{folder}: no ranker there ({error.strerror})") from None
        ranker = cls(kb, Priors.open(priors), by_string, in_its_place, calibration, most=most)
        ranker._opened = partial(Ranker.open, most=most), (kb, folder, priors)
        return ranker

    def __reduce__(self) -> tuple[Any, ...]:
        if self._opened is None:
            raise TypeError("only a ranker that was opened from its folders can be pickled")
        return self._opened

    def rank_many(self, queries: Sequence[Query]) -> list[tuple[Candidate, ...]]:
        """For each query its candidates, best score first.

        Equal scores are ordered by the higher similarity, then by the lower concept id.
        """
        with self._lock:
            self._learn(query.string for query in queries)
            settled, place_of = self._settled, self._place_of
            missing = {
                query.string
                for query in queries
                if query.string not in settled and self._is_settled(*place_of[query.string])
            }
            alone = [Query(string) for string in missing]
            settled.update(zip(missing, self._rank(alone), strict=True))
            others = iter(self._rank([q for q in queries if q.string not in settled]))
            return [
                settled[query.string] if query.string in settled else next(others)
                for query in queries
            ]

    def explain(self, query: Query) -> tuple[Candidate, Candidate | None, tuple[Reason, ...]]:
        """The best candidate, the second, and what puts the one before the other.

        Raises:
            InputError: the string has no candidate.
        """
        with self._lock:
            self._learn([query.string])
            begin, size = self._place_of[query.string]
            if not size:
                raise InputError(f"{query.string!r}: no candidate to explain")
            if self._is_settled(begin, size):
                query = Query(query.string)
            [found] = self._rank([query])
            if size < 2:
                return found[0], None, ()
            concepts = self._shelf.concepts[begin : begin + size].tolist()
            rows = [concepts.index(self._kb.row_of(one.concept_id)) for one in found[:2]]
            features = self._in_place([query], np.array([begin]), np.array([size]))[rows]
            pools = self._pooling.pools([query.string])
            own = [pools.concepts.tolist().index(concepts[row]) for row in rows]
            first = parts(self._by_string, FEATURES, pools.features[own])
            second = parts(self._in_its_place, IN_PLACE, features)
        return found[0], found[1], reasons(first, second)

    def _is_settled(self, begin: int, size: int) -> bool:
        """Whether the string alone says what is meant, so that its answer is kept."""
        return size < 2 or bool(self._shelf.features[begin, SHARE] > SETTLED)

    def _rank(self, queries: Sequence[Query]) -> list[tuple[Candidate, ...]]:
        places = [self._place_of[query.string] for query in queries]
        begins, sizes = np.array(places, np.int64).reshape(-1, 2).T.copy()
        features = self._in_place(queries, begins, sizes)
        numbers = self._in_its_place.odds(features)
        rows = np.repeat(begins - np.cumsum(sizes) + sizes, sizes) + np.arange(len(numbers))
        order, scores = np.empty(len(numbers), np.int64), np.empty(len(numbers))
        conclude(
            numbers,
            features,
            sizes,
            *self._calibration,
            self._shelf.concepts[rows],
            order,
            scores,
        )
        heads, types, new = self._heads, self._types, tuple.__new__
        found = [
            new(Candidate, (*heads[row], score, types[row]))
            for row, score in zip(rows[order].tolist(), scores.tolist(), strict=True)
        ]
        ends = list(itertools.accumulate(sizes.tolist(), initial=0))
        return [tuple(found[begin:end]) for begin, end in itertools.pairwise(ends)]

    def _in_place(
        self, queries: Sequence[Query], begins: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        groups = np.full((len(queries), len(GROUPS)), -1.0, np.float32)
        for row, query in zip(groups, queries, strict=True):
            if query.groups is not None:
                row[:] = query.groups
        features = np.empty((int(sizes.sum()), len(IN_PLACE)), np.float32)
        see(
            self._shelf,
            begins,
            sizes,
            self._pooling.learned,
            *encoded(query.left for query in queries),
            *encoded(query.right for query in queries),
            groups,
            self._group_of,
            features,
        )
        return features

    def _learn(self, strings: Iterable[str]) -> None:
        """Puts the candidates of strings on the shelf."""
        distinct = list(dict.fromkeys(strings))
        missing = [string for string in distinct if string not in self._place_of]
        if not missing:
            return
        shelf, sizes = self._ranked(missing)
        if self._used + len(shelf.concepts) > len(self._shelf.concepts):
            self._clear(room=max(_ROOM, len(distinct) * self._most))
            missing = distinct
            shelf, sizes = self._ranked(missing)
        begin = self._used
        pairs: Iterable[tuple[Any, Any]] = zip(self._shelf, shelf, strict=True)
        for column, values in pairs:
            column[begin : begin + len(values)] = values
        ids, names, types, aliases = self._kb.words_of(
            shelf.concepts.tolist(), shelf.names.tolist()
        )
        similarities = shelf.similarities.tolist()
        self._heads.extend(zip(ids, names, aliases, similarities, strict=True))
        self._types.extend(types)
        for string, size in zip(missing, sizes.tolist(), strict=True):
            self._place_of[string] = begin, size
            begin += size
        self._used = begin

    def _ranked(self, strings: Sequence[str]) -> tuple[Shelf, NDArray[np.int64]]:
        """The best candidates of strings by the first stage, and how many of each."""
        pools = self._pooling.pools(strings)
        numbers = self._by_string.ranks(pools.features, pools.sizes)
        shelf = Shelf.empty(min(len(strings) * self._most, len(numbers)))
        sizes = np.empty(len(strings), np.int64)
        count = keep(pools, numbers, self._most, shelf, sizes)
        return Shelf._make([column[:count] for column in shelf]), sizes

    def _clear(self, room: int = _ROOM) -> None:
        self._shelf = Shelf.empty(room)
        self._used = 0
        self._place_of: dict[str, tuple[int, int]] = {}
        self._settled: dict[str, tuple[Candidate, ...]] = {}
        self._heads: list[tuple[str, str, str, float]] = []
        self._types: list[tuple[str, ...]] = []


def encoded(texts: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as compiled code takes them: their bytes, and where each begins and the last ends."""
    parts_of = [text.encode("utf-8", "surrogatepass") for text in texts]
    return np.frombuffer(b"".join(parts_of), np.uint8), np.cumsum([0, *map(len, parts_of)])
