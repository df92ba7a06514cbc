"""Precision, recall and F1 as functions of counts summed over documents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["f1", "precision", "recall"]


def precision(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns column 0 divided by column 1: correct over predicted; NaN without predictions."""
    return _ratio(sums[..., 0], sums[..., 1])


def recall(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the last column but one divided by the last: found over gold; NaN without gold."""
    return _ratio(sums[..., -2], sums[..., -1])


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the harmonic mean of precision and recall.

    It is 0 where nothing is correct, as in neleval, and NaN where there are neither predictions nor
    gold mentions.
    """
    p, r = np.nan_to_num(precision(sums)), np.nan_to_num(recall(sums))
    defined = (sums[..., 1] > 0) | (sums[..., -1] > 0)
    return np.where(defined, np.nan_to_num(_ratio(2 * p * r, p + r)), np.nan)


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.full_like(numerator, np.nan, dtype=float)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio
