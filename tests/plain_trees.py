"""The plain twin of :mod:`concept_linker.trees`: one row at a time."""

from __future__ import annotations

import numpy as np

#: Feature (-1 for a leaf), threshold, left child, right child, value.
Node = list[float]


def score(roots: list[int], nodes: list[Node], row: np.ndarray, base: float) -> float:
    """Returns the sum of the leaves that a row reaches."""
    total = base
    for root in roots:
        node = nodes[root]
        while node[0] >= 0:
            node = nodes[int(node[2 if float(row[int(node[0])]) <= node[1] else 3])]
        total += node[4]
    return total
