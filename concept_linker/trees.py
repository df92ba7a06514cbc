"""Boosted decision trees, for use only: flat arrays and one compiled walk."""

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
    """Boosted trees; all nodes in one table.

    A value at most the threshold goes to the next node, a larger one to that behind it.  A leaf
    leads to itself, so that eight rows can walk side by side, with no branch to guess wrong.

    Args:
        roots: the first node of each tree.
        features: the column that a node asks of.
        thresholds: of each node; infinite for a leaf.
        nexts: the first of the two nodes that follow.
        values: what a leaf adds.
        base: what all start with (one number).
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
        """Lays trees out, level by level.

        Args:
            roots: the first node of each tree.
            features: the column that a node asks of; -1 for a leaf.
            thresholds: a value at most this goes left.
            lefts, rights: the nodes that follow.
            values: what a leaf adds.
            base: what all start with (one number).
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
        # Rows are float32: the next lower number of that kind divides them as the threshold does.
        asked = thresholds[order]
        lower = asked.astype(np.float32)
        lower = np.where(lower > asked, np.nextafter(lower, np.float32(-np.inf)), lower)
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

    def odds(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the trees add up to for each row: the logarithm of odds, or a place in a ranking."""
        odds = np.full(len(rows), self.base[0], np.float64)
        _walk(rows, *self[:-1], odds)
        return odds

    def ranks(self, rows: NDArray[np.float32], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """As :meth:`odds`, for many groups of rows, of which only the best ones are asked of all.

        The first :data:`OPENING` trees choose the :data:`LEADING` best of each group; the others
        follow behind the last of these, as far as they were behind it then.

        Args:
            rows: one group after the other.
            sizes: how many rows each group has.
        """
        odds = np.full(len(rows), self.base[0], np.float64)
        _walk(rows, self.roots[:OPENING], *self[1:-1], odds)
        leading = np.empty(int(np.minimum(sizes, LEADING).sum()), np.int64)
        _lead(odds, sizes, leading)
        own = odds[leading]
        _walk(rows[leading], self.roots[OPENING:], *self[1:-1], own)
        _follow(odds, sizes, leading, own)
        return odds

    def chances(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each row."""
        chances: NDArray[np.float64] = 1 / (1 + np.exp(-self.odds(rows)))
        return chances


@njit(cache=True, nogil=True)
def _walk(rows, roots, features, thresholds, nexts, values, odds):  # type: ignore[no-untyped-def]
    # So many rows at a time that they, and then a tree, stay in the core's own cache.
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
                odds[i] += values[a]
                odds[i + 1] += values[b]
                odds[i + 2] += values[c]
                odds[i + 3] += values[d]
                odds[i + 4] += values[e]
                odds[i + 5] += values[f]
                odds[i + 6] += values[g]
                odds[i + 7] += values[h]
            for i in range(end - (end - begin) % 8, end):
                a = root
                while nexts[a] != a:
                    a = nexts[a] + (rows[i, features[a]] > thresholds[a])
                odds[i] += values[a]


@njit(cache=True, nogil=True)
def _lead(odds, sizes, leading):  # type: ignore[no-untyped-def]
    """Fills in the rows of the best of each group, the best first."""
    begin, at = 0, 0
    for size in sizes:
        order = np.argsort(-odds[begin : begin + size], kind="mergesort")
        for i in order[:LEADING]:
            leading[at] = begin + i
            at += 1
        begin += size


@njit(cache=True, nogil=True)
def _follow(odds, sizes, leading, own):  # type: ignore[no-untyped-def]
    """Puts in what the leading rows have come to, and moves the others behind them."""
    begin, at = 0, 0
    for size in sizes:
        few = min(size, LEADING)
        if size > LEADING:
            lowest = own[at]
            for i in range(at, at + few):
                lowest = min(lowest, own[i])
            behind = lowest - odds[leading[at + few - 1]]
            for i in range(begin, begin + size):
                odds[i] += behind
        for i in range(at, at + few):
            odds[leading[i]] = own[i]
        begin += size
        at += few
