"""Calibration of scores, and precision and recall by threshold."""

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
    """The mentions with scores above ``low`` and up to ``high``.

    Args:
        low: the lower edge; a score of 0 is in the first bin.
        high: the upper edge.
        count: the number of mentions.
        score: their mean score.
        right: the share that is right.
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
        error: the expected calibration error (Guo et al., ICML 2017, equation 3): the mean over
            mentions of the difference between the share that is right and the mean score in the
            mention's bin, with 15 bins of equal width.
        bins: the bins that are not empty.
    """

    error: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        names = ("low", "high", "count", "score", "right")
        return {
            "error": round(self.error, 6),
            "bins": [{name: round(getattr(bin, name), 6) for name in names} for bin in self.bins],
        }


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """Precision and recall if only scores of at least a threshold are linked.

    Args:
        threshold: the threshold.
        linked: the number of linked mentions.
        precision: the share of those that is right; NaN if there are none.
        recall: the share of gold mentions that is linked and right.
    """

    threshold: float
    linked: int
    precision: float
    recall: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        names = ("threshold", "linked", "precision", "recall")
        return {name: json_figure(getattr(self, name)) for name in names}


def calibrate(
    scores: Sequence[float] | NDArray[np.float64], right: Sequence[bool] | NDArray[np.bool_]
) -> Calibration | None:
    """Returns the calibration of the best candidates' scores.

    Args:
        scores: the score of the best candidate of each mention that has one.
        right: whether that candidate is right.

    Returns:
        The calibration; ``None`` if there are no scores or one is not a probability.

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
    gold: int,
    *,
    steps: int = 50,
) -> tuple[ThresholdPoint, ...]:
    """Returns precision and recall at equally spaced thresholds from 0 to 1.

    Args:
        scores: the score of the best candidate of each mention that has one.
        right: whether that candidate is right.
        gold: the number of gold mentions, the denominator of recall.
        steps: the number of steps.
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
                good / gold if gold else 0.0,
            )
        )
    return tuple(points)
