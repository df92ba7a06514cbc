"""The plain twin of :mod:`concept_linker.ranking.calibration`: one mention at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

from concept_linker.ranking.calibration import Calibration
from concept_linker.ranking.features import CALIBRATION_FEATURES


class Scored(NamedTuple):
    """A candidate: concept, score of the second stage, features by name."""

    concept: int
    score: float
    features: dict[str, float]


def probabilities(
    candidates: list[Scored], calibration: Calibration, known: float
) -> list[tuple[float, int]]:
    """Returns probability and place of each candidate of a mention, best first.

    Args:
        candidates: the candidates.
        calibration: the parameters.
        known: how likely the best is right, or NaN.
    """
    top = max(one.score for one in candidates)
    powers = [math.exp((one.score - top) / calibration.temperature) for one in candidates]
    softmax = [power / sum(powers) for power in powers]
    highest = max(softmax)
    ties = softmax.count(highest)
    if math.isnan(known):
        first = candidates[softmax.index(highest)]
        capped = min(highest, 0.999)
        features = [first.features[name] for name in CALIBRATION_FEATURES]
        inputs = [1.0, first.score, capped, math.log(capped / (1 - capped)), *features]
        logit = sum(a * b for a, b in zip(inputs, calibration.weights.tolist(), strict=True))
        known = 1 / (1 + math.exp(-logit))
    best = min(known, 1 / ties)
    rest = 1 - ties * highest
    ratio = best / highest
    if rest > 1e-12:
        ratio = min(ratio, (1 - ties * best) / rest)
    scored = [
        (best if value == highest else value * ratio, place) for place, value in enumerate(softmax)
    ]

    def order(one: tuple[float, int]) -> tuple[float, float, int]:
        candidate = candidates[one[1]]
        return -one[0], -max(candidate.features["similarity"], 0.0), candidate.concept

    return sorted(scored, key=order)
