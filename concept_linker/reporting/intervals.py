"""Bootstrap intervals and paired tests, for both evaluations.

The unit of resampling is a document or an article, because its mentions or figures are alike. A
resample is a row of counts: how often each unit is drawn. A measure is a function of such rows,
usually of sums over units, so resampling needs one small matrix and never visits a mention again.

The two evaluations differ in how they draw (:func:`draw_multinomial`, :func:`draw_indices`). Both
give the same distribution; both are kept because published figures depend on the draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from concept_linker.errors import InputError
from concept_linker.reporting.numbers import json_figure

__all__ = [
    "Interval",
    "PairedTest",
    "bca_interval",
    "bootstrap",
    "draw_indices",
    "draw_multinomial",
    "exchange_p_values",
    "paired_test",
    "percentile_interval",
    "skewness_acceleration",
]

Floats = NDArray[np.float64]
#: Sums over units, one row per resample → the measure of each row.
Statistic = Callable[[Floats], Floats]

#: Resamples per batch of :func:`draw_multinomial`.
_ROWS = 500
#: Draws per batch of the others, whatever the number of units.
_DRAWS = 1 << 21


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % bootstrap interval; all three are NaN if the figure is undefined."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Returns plain JSON values."""
        return {name: json_figure(getattr(self, name)) for name in ("value", "low", "high")}


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A comparison of two systems on the same units.

    Args:
        difference: the first system's figure minus the second's, with its interval.
        p_value: two-sided, of approximate randomisation (Noreen, 1989; Yeh, COLING 2000): how often
            a difference at least as large arises when the two results of each unit are exchanged at
            random. It is at least 1 / (exchanges + 1), and NaN if the difference is undefined.
    """

    difference: Interval
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {"difference": self.difference.to_dict(), "p_value": json_figure(self.p_value)}


def bootstrap(
    columns: Floats,
    statistic: Statistic,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Returns a measure over all units with its percentile interval.

    Args:
        columns: the summands, of shape (units, columns).
        statistic: computes the measure from sums.
        resamples: the number of resamples.
        level: the share of resamples inside the interval.
        seed: of the draws; equal seeds give equal draws, so systems can be compared.
    """
    value = float(statistic(columns.sum(0)))
    if not len(columns) or not resamples or isnan(value):
        return Interval(value, value, value)
    draws = draw_multinomial(len(columns), resamples, seed)
    return percentile_interval(
        value, np.concatenate([statistic(c @ columns) for c in draws]), level
    )


def paired_test(
    first: Floats,
    second: Floats,
    statistic: Statistic,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Tests whether two systems differ; the arguments are those of :func:`bootstrap`.

    Raises:
        InputError: the two are not of the same documents.
    """
    if first.shape != second.shape:
        raise InputError(
            f"columns have shapes {first.shape} and {second.shape}, expected the same documents"
        )
    width = first.shape[1]

    def difference(sums: Floats) -> Floats:
        return statistic(sums[..., :width]) - statistic(sums[..., width:])

    interval = bootstrap(
        np.hstack([first, second]), difference, resamples=resamples, level=level, seed=seed
    )
    if isnan(interval.value):
        return PairedTest(interval, nan)
    both = first.sum(0) + second.sum(0)

    def exchanged(moved: Floats) -> Floats:
        return np.nan_to_num(difference(np.hstack([both + moved, both - moved]) / 2))

    p_value = exchange_p_values(
        first - second,
        exchanged,
        abs(interval.value) - 1e-12,
        exchanges=resamples,
        batch=_ROWS,
        rng=np.random.default_rng(seed),
    )
    return PairedTest(interval, float(p_value))


def draw_multinomial(units: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yields batches of resamples: how often each unit is drawn, one row per resample."""
    rng = np.random.default_rng(seed)
    shares = np.full(units, 1 / units)
    for first in range(0, resamples, _ROWS):
        yield rng.multinomial(units, shares, min(_ROWS, resamples - first))


def draw_indices(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yields what :func:`draw_multinomial` yields, from the numbers of the units drawn."""
    rng = np.random.default_rng(seed)
    step = max(1, _DRAWS // units)
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        drawn = rng.integers(0, units, (rows, units)) + np.arange(rows)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=rows * units)
        yield counts.reshape(rows, units).astype(np.float64)


def percentile_interval(value: float, resampled: Floats, level: float = 0.95) -> Interval:
    """Returns the percentile interval (Efron and Tibshirani, 1993, chapter 13).

    Args:
        value: the figure of the whole.
        resampled: the figure of each resample; NaN, where it is undefined, is left out.
        level: the share of resamples inside the interval.
    """
    resampled = resampled[~np.isnan(resampled)]
    if not resampled.size:
        return Interval(value, value, value)
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def bca_interval(value: float, resampled: Floats, acceleration: float) -> Interval:
    """Returns the 95 % bias-corrected and accelerated interval (Efron, JASA 1987).

    Args:
        value: the figure of the whole.
        resampled: the figure of each resample.
        acceleration: see :func:`skewness_acceleration`.
    """
    normal = NormalDist()
    # Without bias, half of the resamples are below the figure; equal ones count half.
    slack = 1e-12 * max(1.0, abs(value))
    below = (resampled < value - slack).mean() + 0.5 * (np.abs(resampled - value) <= slack).mean()
    least = 0.5 / len(resampled)
    bias = normal.inv_cdf(min(max(float(below), least), 1 - least))
    levels = []
    for level in (0.025, 0.975):
        shifted = bias + normal.inv_cdf(level)
        levels.append(normal.cdf(bias + shifted / (1 - acceleration * shifted)))
    low, high = np.quantile(resampled, levels)
    return Interval(value, float(low), float(high))


def skewness_acceleration(influence: Floats) -> float:
    """Returns the acceleration of a mean: a sixth of the skewness of the units' influence."""
    spread = float(np.square(influence).sum())
    return float(np.power(influence, 3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def exchange_p_values(
    gaps: Floats,
    statistic: Statistic,
    least: float | Floats,
    *,
    exchanges: int,
    rng: np.random.Generator,
    batch: int | None = None,
    dtype: DTypeLike = np.int64,
) -> Floats:
    """Returns the p-values of approximate randomisation, one per column of the statistic.

    Args:
        gaps: the first system's summands minus the second's, of shape (units, columns).
        statistic: computes the difference from sums of gaps with random signs.
        least: the observed differences, without sign, less a tolerance: sums in another order may
            differ in their last digits.
        exchanges: the number of random exchanges.
        rng: draws the signs.
        batch: exchanges computed together.
        dtype: the type that signs are drawn in, on which the draws depend.
    """
    step = batch or max(1, _DRAWS // len(gaps))
    count: Any = 0
    for first in range(0, exchanges, step):
        shape = (min(step, exchanges - first), len(gaps))
        signs = rng.integers(0, 2, shape, dtype=dtype) * 2.0 - 1.0
        count = count + (np.abs(statistic(signs @ gaps)) >= least).sum(axis=0)
    return np.asarray((count + 1) / (exchanges + 1), np.float64)
