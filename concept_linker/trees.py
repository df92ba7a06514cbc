"""Boosted decision trees, for use only: flat arrays and one compiled walk."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Trees"]


class Trees(NamedTuple):
    """Boosted trees; all nodes in one table.

    Args:
        roots: the first node of each tree.
        features: the column that a node asks of; -1 for a leaf.
        thresholds: a value at most this goes left.
        lefts, rights: the nodes that follow.
        values: what a leaf adds.
        base: what all start with (one number).
    """

    roots: NDArray[np.int32]
    features: NDArray[np.int16]
    thresholds: NDArray[np.float64]
    lefts: NDArray[np.int32]
    rights: NDArray[np.int32]
    values: NDArray[np.float32]
    base: NDArray[np.float32]

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

    def chances(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each row."""
        chances: NDArray[np.float64] = 1 / (1 + np.exp(-self.odds(rows)))
        return chances


@njit(cache=True, nogil=True)
def _walk(rows, roots, features, thresholds, lefts, rights, values, odds):  # type: ignore[no-untyped-def]
    for root in roots:
        for i in range(rows.shape[0]):
            node = root
            while features[node] >= 0:
                goes_left = rows[i, features[node]] <= thresholds[node]
                node = lefts[node] if goes_left else rights[node]
            odds[i] += values[node]
