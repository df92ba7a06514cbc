"""Ranks the candidates of a mention, and says how likely each is right.

Boosted trees, taught to put the right candidate first (``models/ranker``), give each candidate a
number from what its string says (:mod:`~concept_linker.ranking.pool`) and from what stands beside
it.  The numbers of one mention become shares by softmax; their sum is the probability that the
right concept is among the candidates at all, a logistic function of the best one's features.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.pool import FEATURES, Pool, Pooling
from concept_linker.ranking.priors import Priors
from concept_linker.trees import Trees

__all__ = ["ALL_FEATURES", "Calibration", "Query", "Ranker", "certainty", "with_surroundings"]

#: The columns that the trees ask of.
ALL_FEATURES = (*FEATURES, "type_count", "in_it", "last_word", "to_the_left", "to_the_right")

# Of the best candidate what tells whether the right one is there at all.
_SURE_OF = ("similarity", "pair_share", "string_count", "word_most", "run_share", "alias_ratio")
_SURE_COLUMNS = [ALL_FEATURES.index(name) for name in _SURE_OF]


class Query(NamedTuple):
    """What is to be ranked.

    Args:
        string: the mention's words, or its long form.
        left, right: what stands beside it, as ``surroundings.beside`` tells.
    """

    string: str
    left: str = ""
    right: str = ""


class Calibration(NamedTuple):
    """From the trees' numbers to probabilities.

    Args:
        temperature: what the numbers are divided by before the softmax.
        weights: of :func:`certainty`'s columns.
    """

    temperature: float
    weights: tuple[float, ...]

    @classmethod
    def open(cls, path: Path) -> Calibration:
        """Reads what :meth:`save` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(values["temperature"], tuple(values["weights"]))

    def save(self, path: Path) -> None:
        """Writes JSON."""
        path.write_text(json.dumps(self._asdict(), indent=1) + "\n", encoding="utf-8")

    def scores(
        self, numbers: NDArray[np.float64], features: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """The probability of each candidate of one mention."""
        shares = np.exp((numbers - numbers.max()) / self.temperature)
        shares /= shares.sum()
        sure = certainty(numbers, shares, features) @ np.array(self.weights)
        scores: NDArray[np.float64] = shares / (1.0 + np.exp(-sure))
        return scores


def certainty(
    numbers: NDArray[np.float64], shares: NDArray[np.float64], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    """What tells whether the right concept is among the candidates: one row of numbers."""
    best = int(numbers.argmax())
    return np.array([1.0, numbers[best], shares[best], *features[best, _SURE_COLUMNS]])


def with_surroundings(
    kb: KnowledgeBase, priors: Priors, pool: Pool, left: str, right: str
) -> NDArray[np.float32]:
    """The features of a pool and of the place where the mention stands."""
    types = np.full(len(pool.matches), -1)
    known = pool.numbers >= 0
    if priors.ids:
        types[known] = priors.types[pool.numbers[known]]
    for i in np.flatnonzero(types < 0).tolist():
        for type_id in kb.semantic_types(pool.matches[i])[:1]:
            types[i] = priors.type_number.get(type_id, -1)
    features = np.empty((len(types), len(ALL_FEATURES)), np.float32)
    features[:, : len(FEATURES)] = pool.features
    features[:, -5] = np.log1p(np.append(priors.type_totals, 0))[types]
    features[:, -4:] = priors.evidence(pool.words, left, right)[types]
    return features


class Ranker:
    """Ranks the candidates of mentions.

    Args:
        kb: the base they are in.
        priors: what was learned.
        trees: the ranking.
        calibration: its probabilities.
        most: how many candidates a mention keeps; so many of the nearest names are considered.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        priors: Priors,
        trees: Trees,
        calibration: Calibration,
        *,
        most: int,
    ) -> None:
        self._kb = kb
        self._priors = priors
        self._trees = trees
        self._calibration = calibration
        self._most = most
        self._opened: tuple[Any, ...] | None = None
        self._pooling = Pooling(kb, priors, nearest=most)
        self._pools: dict[str, Pool] = {}
        self._ranked = lru_cache(maxsize=1 << 16)(self._rank)

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
            trees, calibration = Trees.open(folder), Calibration.open(folder / "calibration.json")
        except OSError as error:
            raise InputError(f"{folder}: no ranker there ({error.strerror})") from None
        ranker = cls(kb, Priors.open(priors), trees, calibration, most=most)
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
        missing = [
            string
            for string in dict.fromkeys(query.string for query in queries)
            if string not in self._pools
        ]
        if len(self._pools) + len(missing) > _MOST_POOLS:
            self._pools.clear()
            missing = list(dict.fromkeys(query.string for query in queries))
        if missing:
            self._pools.update(zip(missing, self._pooling.pools(missing), strict=True))
        return [self._ranked(query) for query in queries]

    def _rank(self, query: Query) -> tuple[Candidate, ...]:
        pool = self._pools[query.string]
        if not pool.matches:
            return ()
        features = with_surroundings(self._kb, self._priors, pool, query.left, query.right)
        scores = self._calibration.scores(self._trees.odds(features), features)
        best = np.argsort(-scores, kind="stable")[: self._most].tolist()
        candidates = [self._kb.candidate(pool.matches[i], score=float(scores[i])) for i in best]
        return tuple(sorted(candidates, key=lambda c: (-c.score, -c.similarity, c.concept_id)))


# Captions repeat their mentions; a pool takes some 10 kB.
_MOST_POOLS = 1 << 14
