"""The plain twin of :mod:`concept_linker.ranking.first_stage`: the choice of the best."""

from __future__ import annotations

import math
from collections.abc import Sequence


def best_of(scores: Sequence[float], limit: int) -> list[tuple[int, float, float, float, int]]:
    """Returns of each of the best candidates: place, score, softmax, gap to the best, rank."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    total = sum(math.exp(score) for score in scores)
    return [
        (i, scores[i], math.exp(scores[i]) / total, scores[order[0]] - scores[i], rank)
        for rank, i in enumerate(order[:limit])
    ]
