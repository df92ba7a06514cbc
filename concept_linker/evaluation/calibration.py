"""Whether scores are probabilities, and what a threshold on them buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.reporting.numbers import json_figure

__all__ = ["Bin", "Calibration", "ThresholdPoint", "calibrate", "threshold_curve"]

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """The mentions whose score lies above ``low`` and not above ``high``.

    Args:
        low: where the bin begins; a score of 0 is in the first bin.
        high: where it ends.
        count: how many mentions there are.
        score: their mean score.
        right: the share of them that is right.
    """

    low: float
    high: float
    count: int
    score: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reliability diagram and its summary.

    Args:
        error: the expected calibration error: the mean over mentions of how far the share that is
            right lies from the mean score in the mention's bin, with 15 bins of equal width
            (Guo et al., ICML 2017, equation 3).
        bins: those that are not empty.
    """

    error: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        names = ("low", "high", "count", "score", "right")
        return {
            "error": round(self.error, 6),
            "bins": [{name: round(getattr(bin, name), 6) for name in names} for bin in self.bins],
        }


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """What is linked where only scores of at least a threshold are taken.

    Args:
        threshold: the threshold.
        linked: how many mentions have a concept then.
        precision: the share of them that is right; NaN where there are none.
        recall: how many are right, of all there is to find.
    """

    threshold: float
    linked: int
    precision: float
    recall: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        names = ("threshold", "linked", "precision", "recall")
        return {name: json_figure(getattr(self, name)) for name in names}


def calibrate(
    scores: Sequence[float] | NDArray[np.float64], right: Sequence[bool] | NDArray[np.bool_]
) -> Calibration | None:
    """Bins the best candidates of mentions by score.

    Args:
        scores: of the best candidate of each mention that has one.
        right: whether it is right.

    Returns:
        ``None`` where there are no scores, or one that is no probability.

    >>> calibrate([0.9, 0.9, 0.9, 0.9], [True, True, True, False]).error
    0.15000000000000002
    """
    values = np.asarray(scores, float)
    good = np.asarray(right, float)
    if not values.size or values.min() < 0 or values.max() > 1:
        return None
    edges = np.linspace(0, 1, BINS + 1)
    numbers = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, BINS - 1)
    counts = np.bincount(numbers, minlength=BINS)
    score_sums = np.bincount(numbers, values, BINS)
    right_sums = np.bincount(numbers, good, BINS)
    bins = tuple(
        Bin(
            float(edges[i]),
            float(edges[i + 1]),
            int(counts[i]),
            float(score_sums[i] / counts[i]),
            float(right_sums[i] / counts[i]),
        )
        for i in range(BINS)
        if counts[i]
    )
    error = sum(bin.count * abs(bin.right - bin.score) for bin in bins) / values.size
    return Calibration(float(error), bins)


def threshold_curve(
    scores: Sequence[float] | NDArray[np.float64],
    right: Sequence[bool] | NDArray[np.bool_],
    to_find: int,
    *,
    steps: int = 50,
) -> tuple[ThresholdPoint, ...]:
    """Precision and recall by threshold, at equal steps from 0 to 1.

    Args:
        scores: of the best candidate of each mention that has one.
        right: whether it is right.
        to_find: how many there are to find: what recall is of.
        steps: how many steps.
    """
    order = np.argsort(np.asarray(scores, float), kind="stable")
    values = np.asarray(scores, float)[order]
    found = np.concatenate([[0.0], np.cumsum(np.asarray(right, float)[order])])
    points = []
    for threshold in (np.arange(steps + 1) / steps).tolist():
        first = int(np.searchsorted(values, threshold, side="left"))
        linked = values.size - first
        good = float(found[-1] - found[first])
        points.append(
            ThresholdPoint(
                threshold,
                linked,
                good / linked if linked else nan,
                good / to_find if to_find else 0.0,
            )
        )
    return tuple(points)
