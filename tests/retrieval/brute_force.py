"""The figures by the definition: sort, look, and, for ties, try every order that matters."""

from __future__ import annotations

from itertools import permutations

import numpy as np

CUTOFFS = (1, 5, 10, 50, 200)


def similarities(images, texts):
    """Cosines; rows of zeros have 0 with everything."""

    def unit(rows):
        rows = np.asarray(rows, dtype=np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)

    return np.round(unit(images) @ unit(texts).T, 11)  # what is equal in theory is equal


def first_right(row, right, order):
    """The rank of the first right item, ties taken by ``order`` (lower comes first)."""
    return int(np.flatnonzero(right[np.lexsort((order, -row))])[0]) + 1


def bounds(matrix, right):
    """Best and worst rank of each query."""
    best = [first_right(row, r, ~r) for row, r in zip(matrix, right, strict=True)]
    worst = [first_right(row, r, r) for row, r in zip(matrix, right, strict=True)]
    return np.array(best), np.array(worst)


def expected(matrix, right):
    """Mean of rank, reciprocal rank and hits over all orders of ties."""
    table = []
    for row, r in zip(matrix, right, strict=True):
        level = row[r].max()
        above = int((row > level).sum())
        tied = r[row == level]
        ranks = np.array(
            [above + 1 + order.index(True) for order in set(permutations(tied.tolist()))]
        )
        hits = [(ranks <= k).mean() for k in CUTOFFS]
        table.append([*hits, ranks.mean(), (1 / ranks).mean()])
    return np.array(table)


def right_answers(images, texts):
    """Whether text j is right for image i, straight from the definition."""
    rows = set(zip(images, texts, strict=True))
    return np.array([[(a, b) in rows for b in texts] for a in images])
