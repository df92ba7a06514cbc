"""How sure a figure is: bootstrap intervals, and tests of two systems on the same documents.

The unit is the document, as mentions of one document are alike.  A measure is a function of sums
over documents, so resampling needs the sums of each document only and no second look at a mention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError

__all__ = ["Interval", "PairedTest", "bootstrap", "f1", "paired_test", "precision", "recall"]

#: Sums of columns, one row each a resample → the value of a measure for each row.
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_ROWS = 500  # resamples at a time, so that memory stays small


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its bootstrap percentile interval (Efron and Tibshirani, 1993, chapter 13)."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """As plain JSON values."""
        return {name: round(getattr(self, name), 6) for name in ("value", "low", "high")}


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two systems on the same documents.

    Args:
        difference: the first system's value less the second's, with its paired bootstrap interval.
        p_value: of approximate randomisation (Noreen, 1989; Yeh, COLING 2000), two-sided: how often
            a difference as great arises where each document's two results are swapped by chance.
    """

    difference: Interval
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"difference": self.difference.to_dict(), "p_value": round(self.p_value, 6)}


def precision(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns 0 and 1: what is right of what was given; 0 where nothing was given."""
    return _ratio(sums[..., 0], sums[..., 1])


def recall(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last two columns: what was found of what there is; 0 where there is nothing."""
    return _ratio(sums[..., -2], sums[..., -1])


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The harmonic mean of precision and recall; 0 where both are."""
    p, r = precision(sums), recall(sums)
    return _ratio(2 * p * r, p + r)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.zeros_like(above, dtype=float)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def bootstrap(
    columns: NDArray[np.float64],
    statistic: Statistic,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The value over all documents and its percentile interval.

    Args:
        columns: what is summed, of shape (documents, columns).
        statistic: makes the measure of sums.
        resamples: how many times documents are drawn, with replacement.
        level: how many of the resamples lie in the interval.
        seed: of the draws; the same seed gives the same draws for columns of every system.
    """
    return _interval(columns, statistic, resamples, level, seed)


def paired_test(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    statistic: Statistic,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Whether two systems differ; arguments as for :func:`bootstrap`.

    Raises:
        InputError: the two are not of the same documents.
    """
    if first.shape != second.shape:
        raise InputError(f"columns of {first.shape} and {second.shape}, wanted the same documents")
    width = first.shape[1]

    def difference(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return statistic(sums[..., :width]) - statistic(sums[..., width:])

    interval = _interval(np.hstack([first, second]), difference, resamples, level, seed)
    rng = np.random.default_rng(seed)
    gap, both = first - second, first.sum(0) + second.sum(0)
    at_least = done = 0
    while done < resamples:
        rows = min(_ROWS, resamples - done)
        signs = rng.integers(0, 2, (rows, len(first))) * 2.0 - 1.0
        moved = signs @ gap
        swapped = difference(np.hstack([both + moved, both - moved]) / 2)
        # Equal differences must count as equal whatever the order of summation.
        at_least += int((np.abs(swapped) >= abs(interval.value) - 1e-12).sum())
        done += rows
    return PairedTest(interval, (at_least + 1) / (resamples + 1))


def _interval(
    columns: NDArray[np.float64], statistic: Statistic, resamples: int, level: float, seed: int
) -> Interval:
    value = float(statistic(columns.sum(0)))
    documents = len(columns)
    if not documents or not resamples:
        return Interval(value, value, value)
    rng = np.random.default_rng(seed)
    shares = np.full(documents, 1 / documents)
    drawn = []
    for first in range(0, resamples, _ROWS):
        rows = min(_ROWS, resamples - first)
        drawn.append(statistic(rng.multinomial(documents, shares, rows) @ columns))
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    return Interval(value, float(low), float(high))
