"""How sure a figure is: bootstrap intervals, and tests of two systems on the same documents.

The unit is the document, as mentions of one document are alike.  A measure is a function of sums
over documents, so resampling needs the sums of each document only and no second look at a mention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError

__all__ = [
    "Interval",
    "PairedTest",
    "bootstrap",
    "f1",
    "paired_test",
    "plain",
    "precision",
    "recall",
    "shown",
]

#: Sums of columns, one row each a resample → the value of a measure for each row.
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_ROWS = 500  # resamples at a time, so that memory stays small


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its bootstrap percentile interval (Efron and Tibshirani, 1993, chapter 13).

    All three are NaN where there is nothing that the value could be a share of.
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """As plain JSON values."""
        return {name: plain(getattr(self, name)) for name in ("value", "low", "high")}


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two systems on the same documents.

    Args:
        difference: the first system's value less the second's, with its paired bootstrap interval.
        p_value: of approximate randomisation (Noreen, 1989; Yeh, COLING 2000), two-sided: how often
            a difference as great arises where each document's two results are swapped by chance;
            NaN where there is no difference to speak of.
    """

    difference: Interval
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"difference": self.difference.to_dict(), "p_value": plain(self.p_value)}


def plain(value: float) -> float | None:
    """A figure for JSON: six places, and ``None`` for NaN, which JSON does not have."""
    return None if isnan(value) else round(value, 6)


def shown(value: float, form: str = ".3f") -> str:
    """A figure for a table: blank where it is NaN.

    >>> shown(0.5), shown(float("nan"))
    ('0.500', '')
    """
    return "" if isnan(value) else format(value, form)


def precision(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns 0 and 1: what is right of what was given; NaN where nothing was given."""
    return _ratio(sums[..., 0], sums[..., 1])


def recall(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last two columns: what was found of what there is; NaN where there is nothing."""
    return _ratio(sums[..., -2], sums[..., -1])


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The harmonic mean of precision and recall.

    0 where nothing is right, as neleval has it; NaN where nothing was given and there is nothing.
    """
    p, r = np.nan_to_num(precision(sums)), np.nan_to_num(recall(sums))
    something = (sums[..., 1] > 0) | (sums[..., -1] > 0)
    return np.where(something, np.nan_to_num(_ratio(2 * p * r, p + r)), np.nan)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.full_like(above, np.nan, dtype=float)
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
    if isnan(interval.value):
        return PairedTest(interval, nan)
    rng = np.random.default_rng(seed)
    gap, both = first - second, first.sum(0) + second.sum(0)
    at_least = done = 0
    while done < resamples:
        rows = min(_ROWS, resamples - done)
        signs = rng.integers(0, 2, (rows, len(first))) * 2.0 - 1.0
        moved = signs @ gap
        swapped = difference(np.hstack([both + moved, both - moved]) / 2)
        # Equal differences must count as equal whatever the order of summation.
        at_least += int((np.abs(np.nan_to_num(swapped)) >= abs(interval.value) - 1e-12).sum())
        done += rows
    return PairedTest(interval, (at_least + 1) / (resamples + 1))


def _interval(
    columns: NDArray[np.float64], statistic: Statistic, resamples: int, level: float, seed: int
) -> Interval:
    value = float(statistic(columns.sum(0)))
    documents = len(columns)
    if not documents or not resamples or isnan(value):
        return Interval(value, value, value)
    rng = np.random.default_rng(seed)
    shares = np.full(documents, 1 / documents)
    drawn = []
    for first in range(0, resamples, _ROWS):
        rows = min(_ROWS, resamples - first)
        drawn.append(statistic(rng.multinomial(documents, shares, rows) @ columns))
    values = np.concatenate(drawn)
    values = values[~np.isnan(values)]  # a resample with nothing to count says nothing
    if not values.size:
        return Interval(value, value, value)
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
