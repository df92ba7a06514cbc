"""Boosted decision trees for prediction: flat arrays and one compiled walk."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit

__all__ = ["LEADING", "OPENING", "Trees"]

#: See :meth:`Trees.ranks`.
OPENING = 20
LEADING = 6

_BLOCK = 256
_STEPS = 3


class Trees(NamedTuple):
    """Boosted trees; all nodes are in one table.

    A value up to the threshold leads to the node ``nexts``, a larger value to the node after that.
    A leaf leads to itself, so that eight rows walk in parallel without branches to mispredict.

    Args:
        roots: the first node of each tree.
        features: the column that a node reads.
        thresholds: of each node; infinite for a leaf.
        nexts: the first of a node's two children.
        values: what a leaf adds to the score.
        base: the score before the first tree (one number).
    """

    roots: NDArray[np.int32]
    features: NDArray[np.int16]
    thresholds: NDArray[np.float32]
    nexts: NDArray[np.int32]
    values: NDArray[np.float32]
    base: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        roots: NDArray[np.int32],
        features: NDArray[np.int16],
        thresholds: NDArray[np.float64],
        lefts: NDArray[np.int32],
        rights: NDArray[np.int32],
        values: NDArray[np.float32],
        base: NDArray[np.float32],
    ) -> Trees:
        """Returns trees laid out level by level.

        Args:
            roots: the first node of each tree.
            features: the column that a node reads; -1 for a leaf.
            thresholds: a value up to this goes left.
            lefts, rights: the children of each node.
            values: what a leaf adds to the score.
            base: the score before the first tree (one number).
        """
        order: list[int] = []
        nexts: list[int] = []
        starts = []
        for root in roots.tolist():
            starts.append(len(order))
            waiting = deque([root])
            order.append(root)
            while waiting:
                node = waiting.popleft()
                nexts.append(len(order) if features[node] >= 0 else len(nexts))
                if features[node] >= 0:
                    both = [int(lefts[node]), int(rights[node])]
                    waiting.extend(both)
                    order.extend(both)
        leaf = features[order] < 0
        # Rows are float32: the next lower float32 separates them as the threshold does.
        exact = thresholds[order]
        lower = exact.astype(np.float32)
        lower = np.where(lower > exact, np.nextafter(lower, np.float32(-np.inf)), lower)
        return cls(
            np.array(starts, np.int32),
            np.where(leaf, 0, features[order]).astype(np.int16),
            np.where(leaf, np.inf, lower).astype(np.float32),
            np.array(nexts, np.int32),
            np.where(leaf, values[order], 0).astype(np.float32),
            base,
        )

    @classmethod
    def open(cls, folder: Path) -> Trees:
        """Opens what :meth:`save` wrote."""
        return cls(
            *(np.load(folder / f"trees_{name}.npy", allow_pickle=False) for name in cls._fields)
        )

    def save(self, folder: Path) -> None:
        """Writes one file an array into a folder."""
        for name, array in zip(self._fields, self, strict=True):
            np.save(folder / f"trees_{name}.npy", np.asarray(array))

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the sum of the trees for each row: log odds, or a score to rank by."""
        scores = np.full(len(rows), self.base[0], np.float64)
        _walk(rows, *self[:-1], scores)
        return scores

    def ranks(self, rows: NDArray[np.float32], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns scores for groups of rows; only the leading rows of a group walk all trees.

        The first :data:`OPENING` trees choose the :data:`LEADING` best rows of each group.  The
        other rows keep their distance to the last of these, behind the lowest final score.

        Args:
            rows: one group after the other.
            sizes: the number of rows of each group.
        """
        scores = np.full(len(rows), self.base[0], np.float64)
        _walk(rows, self.roots[:OPENING], *self[1:-1], scores)
        leading = np.empty(int(np.minimum(sizes, LEADING).sum()), np.int64)
        _select_leading(scores, sizes, leading)
        final = scores[leading]
        _walk(rows[leading], self.roots[OPENING:], *self[1:-1], final)
        _move_others(scores, sizes, leading, final)
        return scores

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the logistic function of each row's score."""
        probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-self.scores(rows)))
        return probabilities


@njit(cache=True, nogil=True)
def _walk(rows, roots, features, thresholds, nexts, values, scores):  # type: ignore[no-untyped-def]
    """Adds the leaf of every tree to each row's score, eight rows in parallel."""
    # A block of rows, and then a tree, fit into the core's cache.
    for begin in range(0, rows.shape[0], _BLOCK):
        end = min(begin + _BLOCK, rows.shape[0])
        for root in roots:
            for i in range(begin, end - 7, 8):
                a = b = c = d = e = f = g = h = root
                while True:
                    for _ in range(_STEPS):
                        a = nexts[a] + (rows[i, features[a]] > thresholds[a])
                        b = nexts[b] + (rows[i + 1, features[b]] > thresholds[b])
                        c = nexts[c] + (rows[i + 2, features[c]] > thresholds[c])
                        d = nexts[d] + (rows[i + 3, features[d]] > thresholds[d])
                        e = nexts[e] + (rows[i + 4, features[e]] > thresholds[e])
                        f = nexts[f] + (rows[i + 5, features[f]] > thresholds[f])
                        g = nexts[g] + (rows[i + 6, features[g]] > thresholds[g])
                        h = nexts[h] + (rows[i + 7, features[h]] > thresholds[h])
                    if (
                        nexts[a] == a and nexts[b] == b and nexts[c] == c and nexts[d] == d
                        and nexts[e] == e and nexts[f] == f and nexts[g] == g and nexts[h] == h
                    ):  # fmt: skip
                        break
                scores[i] += values[a]
                scores[i + 1] += values[b]
                scores[i + 2] += values[c]
                scores[i + 3] += values[d]
                scores[i + 4] += values[e]
                scores[i + 5] += values[f]
                scores[i + 6] += values[g]
                scores[i + 7] += values[h]
            for i in range(end - (end - begin) % 8, end):
                a = root
                while nexts[a] != a:
                    a = nexts[a] + (rows[i, features[a]] > thresholds[a])
                scores[i] += values[a]


@njit(cache=True, nogil=True)
def _select_leading(scores, sizes, leading):  # type: ignore[no-untyped-def]
    """Fills in the leading rows of each group, best first."""
    begin, at = 0, 0
    for size in sizes:
        order = np.argsort(-scores[begin : begin + size], kind="mergesort")
        for i in order[:LEADING]:
            leading[at] = begin + i
            at += 1
        begin += size


@njit(cache=True, nogil=True)
def _move_others(scores, sizes, leading, final):  # type: ignore[no-untyped-def]
    """Writes the final scores of the leading rows, and moves the other rows behind them."""
    begin, at = 0, 0
    for size in sizes:
        few = min(size, LEADING)
        if size > LEADING:
            lowest = final[at]
            for i in range(at, at + few):
                lowest = min(lowest, final[i])
            behind = lowest - scores[leading[at + few - 1]]
            for i in range(begin, begin + size):
                scores[i] += behind
        for i in range(at, at + few):
            scores[leading[i]] = final[i]
        begin += size
        at += few
