"""The first stage: ranks the candidates of a string by what the string alone says.

:class:`StringDescriber` generates candidates and their features, the examples that training needs;
:class:`FirstStage` scores them with boosted trees and keeps the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.arrays import read_arrays
from concept_linker.ranking.candidates import COMMON, MANY, CandidateGenerator, Candidates
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.features import (
    FIRST_STAGE_FEATURES,
    SECOND_STAGE_FEATURES,
    Stage,
    column,
)
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.string_features import StringFeatures
from concept_linker.ranking.words import Texts
from concept_linker.runtime.compiling import njit
from concept_linker.search.normalise import key
from concept_linker.trees import Trees

__all__ = [
    "PASSED_ON",
    "BestCandidates",
    "DescribedStrings",
    "FirstStage",
    "RankedStrings",
    "StringDescriber",
    "StringTable",
    "select_best",
]

_OUTPUTS = ("first_stage_score", "first_stage_softmax", "first_stage_gap", "first_stage_rank")
_column = partial(column, stage=Stage.SECOND)
_SCORE, _SOFTMAX, _GAP, _RANK = map(_column, _OUTPUTS)
_COPIED = tuple(name for name in SECOND_STAGE_FEATURES if name in FIRST_STAGE_FEATURES)
#: How many features of a candidate the first stage passes on: the first columns of the second's.
PASSED_ON = len(_OUTPUTS) + len(_COPIED)
_FROM = np.array([column(name, Stage.FIRST) for name in _COPIED])
_TO = np.array([_column(name) for name in _COPIED])


class DescribedStrings(NamedTuple):
    """Strings with their candidates and features.

    Args:
        candidates: the candidates.
        types: the number of each one's semantic type in the priors, or -1 (int16).
        features: float32 of shape (candidates, :data:`~.features.FIRST_STAGE_FEATURES`).
        words: the hashes of each string's words (see :func:`~.words.hash_words`).
    """

    candidates: Candidates
    types: NDArray[np.int16]
    features: NDArray[np.float32]
    words: NDArray[np.uint64]


class BestCandidates(NamedTuple):
    """The best candidates of some strings, one string after the other, best first.

    Args:
        concepts, names: rows of the base (int64).
        similarities: of string and name (float64).
        types: the number of the semantic type in the priors, or -1 (int16).
        features: float32 of shape (candidates, :data:`PASSED_ON`).
    """

    concepts: NDArray[np.int64]
    names: NDArray[np.int64]
    similarities: NDArray[np.float64]
    types: NDArray[np.int16]
    features: NDArray[np.float32]

    @classmethod
    def empty(cls, room: int) -> BestCandidates:
        """Returns arrays with room for a number of candidates."""
        return cls(
            np.empty(room, np.int64),
            np.empty(room, np.int64),
            np.empty(room),
            np.empty(room, np.int16),
            np.empty((room, PASSED_ON), np.float32),
        )


class RankedStrings(NamedTuple):
    """What the first stage says of some strings.

    Args:
        best: the best candidates.
        sizes: how many of these each string has.
        words: the hashes of each string's words (see :func:`~.words.hash_words`).
    """

    best: BestCandidates
    sizes: NDArray[np.int64]
    words: NDArray[np.uint64]


class StringTable(NamedTuple):
    """Strings with their best candidates in any order; a string is a row number.

    Args:
        best: the candidates of all strings.
        begins, sizes: where those of each string are, best first.
        words: the hashes of each string's words (see :func:`~.words.hash_words`).
    """

    best: BestCandidates
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]
    words: NDArray[np.uint64]


class StringDescriber:
    """Generates the candidates of strings, and their features.  Threads may share it.

    Args:
        kb: the knowledge base.
        priors: the counts of a corpus.
        encoder: the vectors of words.
        k: how many candidates are requested; from :data:`~.candidates.MANY` on, less similar names
            are searched, and all of the commonest concepts are candidates.
    """

    def __init__(self, kb: KnowledgeBase, priors: Priors, encoder: Encoder, *, k: int) -> None:
        base, self.priors = read_arrays(kb, priors, common=None if k >= MANY else COMMON)
        self._types = base.types
        self._generator = CandidateGenerator(kb, base, self.priors, k=k)
        self._features = StringFeatures(kb, base, self.priors, encoder)

    def describe(self, strings: Sequence[str]) -> DescribedStrings:
        """Returns the candidates of distinct strings, with their features."""
        keys = Texts.encode(map(key, strings))
        candidates = self._generator.generate(strings, keys)
        features = self._features.compute(strings, keys, candidates)
        return DescribedStrings(
            candidates, self._types[candidates.concepts], features, keys.hash_words()
        )


class FirstStage:
    """Ranks the candidates of strings.  Threads may share it.

    Args:
        describer: what makes the candidates and features.
        trees: the boosted trees.
        limit: how many candidates of a string to keep.
    """

    def __init__(self, describer: StringDescriber, trees: Trees, *, limit: int) -> None:
        self.describer, self.trees, self.limit = describer, trees, limit

    def rank(self, strings: Sequence[str]) -> RankedStrings:
        """Returns the best candidates of distinct strings."""
        described = self.describer.describe(strings)
        scores = self.trees.ranks(described.features, described.candidates.sizes)
        return select_best(described, scores, self.limit)


def select_best(
    described: DescribedStrings, scores: NDArray[np.float64], limit: int
) -> RankedStrings:
    """Returns the best candidates of each string.

    Args:
        described: the strings with their candidates.
        scores: the score of each candidate.
        limit: how many of a string to keep.
    """
    candidates = described.candidates
    best = BestCandidates.empty(int(np.minimum(candidates.sizes, limit).sum()))
    sizes = np.empty(candidates.sizes.size, np.int64)
    _select(candidates, described.types, described.features, scores, limit, best, sizes)
    return RankedStrings(best, sizes, described.words)


@njit(cache=True, nogil=True)
def _select(candidates, types, features, scores, limit, best, sizes):  # type: ignore[no-untyped-def]
    """Copies the best candidates of each string.

    Args:
        candidates, types, features: as in :class:`DescribedStrings`.
        scores: the score of each candidate.
        limit: how many of a string to keep.
        best: filled in: :class:`BestCandidates`.
        sizes: filled in: how many each string has.
    """
    begin, at = 0, 0
    for string in range(sizes.size):
        end = begin + candidates.sizes[string]
        own = scores[begin:end]
        order = np.argsort(-own, kind="mergesort")
        total = 0.0
        for i in range(own.size):
            total += np.exp(own[i] - own[order[0]])
        sizes[string] = min(own.size, limit)
        for rank in range(sizes[string]):
            i = begin + order[rank]
            best.concepts[at] = candidates.concepts[i]
            best.names[at] = candidates.names[i]
            best.similarities[at] = candidates.similarities[i]
            best.types[at] = types[i]
            row = best.features[at]
            gap = scores[begin + order[0]] - scores[i]
            row[_SCORE], row[_SOFTMAX] = scores[i], np.exp(-gap) / total
            row[_GAP], row[_RANK] = gap, rank
            for feature in range(_FROM.size):
                row[_TO[feature]] = features[i, _FROM[feature]]
            at += 1
        begin = end
