"""The second stage: scores the candidates of mentions by what their text says, too."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS
from concept_linker.ranking.arrays import PriorArrays
from concept_linker.ranking.coherence import add_coherence, split_texts
from concept_linker.ranking.contextual_features import contextual_features, group_numbers
from concept_linker.ranking.first_stage import StringTable
from concept_linker.trees import Trees

__all__ = ["MentionCandidates", "Query", "SecondStage", "ranges"]


class Query(NamedTuple):
    """A mention to be ranked.

    Args:
        string: the words of the mention, or its long form.
        left, right: its neighbours (see :func:`~concept_linker.ranking.neighbours.neighbours`).
        groups: the probability of each of :data:`~concept_linker.detection.detector.GROUPS`;
            ``None`` if unknown.
        text: the number of its text; the queries of a text follow each other.  ``None`` for a
            mention without a text.
    """

    string: str
    left: str = ""
    right: str = ""
    groups: NDArray[np.float64] | None = None
    text: int | None = None


class MentionCandidates(NamedTuple):
    """The candidates of mentions in context, one mention after the other.

    Args:
        concepts: rows of the base.
        rows: the row of each in the string table; ``~row`` for a candidate of another string.
        features: float32 of shape (candidates, :data:`~.features.SECOND_STAGE_FEATURES`).
        scores: the second stage's scores.
        sizes: the number of candidates of each mention.
    """

    concepts: NDArray[np.int64]
    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    scores: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def slice_of(self, mention: int) -> slice:
        """Returns where the candidates of one mention are."""
        end = int(self.sizes[: mention + 1].sum())
        return slice(end - int(self.sizes[mention]), end)


class SecondStage:
    """Scores the candidates of mentions.

    Args:
        trees: the boosted trees.
        priors: the arrays of the priors.
        type_ids: the semantic types of the priors.
        limit: how many candidates the first stage keeps of a string.
    """

    def __init__(
        self, trees: Trees, priors: PriorArrays, type_ids: tuple[str, ...], *, limit: int
    ) -> None:
        self.trees = trees
        self._priors, self._limit = priors, limit
        self._group_of = group_numbers(type_ids, GROUPS)

    def score(
        self,
        table: StringTable,
        rows: NDArray[np.int64],
        queries: Sequence[Query],
        selected: NDArray[np.bool_] | None = None,
    ) -> MentionCandidates:
        """Returns the scored candidates of mentions.

        Args:
            table: the strings with their best candidates.
            rows: the row of each query's string in the table.
            queries: the mentions.
            selected: which mentions to score; the others only vote.  All by default.
        """
        if selected is None:
            selected = np.ones(len(queries), np.bool_)
        bounds = split_texts([query.text for query in queries])
        found = add_coherence(rows, bounds, selected, table, limit=self._limit)
        chosen = list(itertools.compress(queries, selected.tolist()))
        groups = np.full((len(chosen), len(GROUPS)), -1.0, np.float32)
        for row, query in zip(groups, chosen, strict=True):
            if query.groups is not None:
                row[:] = query.groups
        lefts, rights = [query.left for query in chosen], [query.right for query in chosen]
        features = contextual_features(found, self._priors, lefts, rights, groups, self._group_of)
        begins, sizes = found.begins[found.of], found.sizes[found.of]
        at = ranges(begins, sizes)
        scores = self.trees.scores(features)
        return MentionCandidates(found.concepts[at], found.rows[at], features, scores, sizes)


def ranges(begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns ``begin, begin + 1, …`` for each size, concatenated.

    >>> ranges(np.array([5, 2]), np.array([2, 1])).tolist()
    [5, 6, 2]
    """
    return np.repeat(begins - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
