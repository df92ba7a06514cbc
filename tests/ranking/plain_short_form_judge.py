"""The plain twin of :mod:`concept_linker.ranking.short_form_judge`: one mention at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.features import SHORT_FORM_FEATURES


def plain_best(
    scores: NDArray[np.float64], features: NDArray[np.float32], sizes: list[int], temperature: float
) -> list[list[float]]:
    """Returns the features of each mention's best candidate; those of the concept are 0."""
    rows, begin = [], 0
    for size in sizes:
        own = scores[begin : begin + size].tolist()
        row: list[float] = []
        if own:
            best = max(range(size), key=own.__getitem__)
            softmax = 1 / sum(math.exp((score - own[best]) / temperature) for score in own)
            row = [*features[begin + best].tolist(), own[best], softmax, size]
        rows.append(row + [0.0] * (len(SHORT_FORM_FEATURES) - len(row)))
        begin += size
    return rows
