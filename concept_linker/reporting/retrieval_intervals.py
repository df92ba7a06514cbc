"""How sure the figures are: bootstrap intervals over queries, and a paired test.

Queries are drawn with replacement, not items: the items that a query is compared with stay, so a
query's rank stays, and only how often it counts changes.  What belongs together (copies of a query,
figures of an article) is a unit and is drawn as one.

Intervals are bias-corrected and accelerated (BCa; Efron, "Better bootstrap confidence intervals",
JASA 1987): ranks have a long tail, and plain percentiles of their mean miss the truth too often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError, SettingsError
from concept_linker.retrieval.measures import MEASURES, lower_median

__all__ = ["Difference", "Interval", "bootstrap", "paired_differences"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEVELS = (0.025, 0.975)
_RANK = MEASURES.index("mean_rank")
#: Draws that are worked on together: so many numbers, whatever the number of units.
_NUMBERS = 1 << 21


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class Difference(NamedTuple):
    """How two encoders differ on the same queries.

    Args:
        value: the first's figure less the second's.
        interval: its 95 % interval.
        p: the probability of a difference as large if the two were exchangeable query by query,
            by random exchanges; never below 1 / (exchanges + 1).
    """

    value: float
    interval: Interval
    p: float


def bootstrap(
    values: Sequence[Floats], units: Ints, *, resamples: int = 1000, seed: int = 0
) -> list[dict[str, Interval]]:
    """Intervals of the measures and of the median rank.

    Args:
        values: tables of :func:`~concept_linker.retrieval.measures.per_query`; all see
            the same draws.
        units: the unit of each query, numbered from 0.
        resamples: how many draws.
        seed: of the draws.

    Returns:
        One dictionary a table.

    Raises:
        SettingsError: fewer than one draw.
    """
    if resamples < 1:
        raise SettingsError(f"resamples is {resamples}, wanted 1 or more")
    sizes = np.bincount(units).astype(np.float64)
    sums = [_by_unit(table, units, len(sizes)) for table in values]
    orders = [np.argsort(table[:, _RANK], kind="stable") for table in values]
    means: list[list[Floats]] = [[] for _ in values]
    medians: list[list[Floats]] = [[] for _ in values]
    for weights in _draws(len(sizes), resamples, seed):
        drawn = weights @ sizes
        for number, table in enumerate(values):
            means[number].append(weights @ sums[number] / drawn[:, None])
            order = orders[number]
            heights = np.cumsum(weights[:, units[order]], axis=1)
            middle = np.ceil(drawn / 2)  # the lower median is the first to reach it
            at = [
                int(np.searchsorted(row, half)) for row, half in zip(heights, middle, strict=True)
            ]
            medians[number].append(table[order[at], _RANK])
    found = []
    for number, table in enumerate(values):
        drawn_figures = np.column_stack(
            [np.concatenate(means[number]), np.concatenate(medians[number])]
        )
        whole = sums[number].sum(axis=0) / sizes.sum()
        influence = sums[number] - whole * sizes[:, None]
        figures = [*whole, lower_median(table[:, _RANK])]
        skews = [*map(_acceleration, influence.T), 0.0]
        columns = zip((*MEASURES, "median_rank"), drawn_figures.T, figures, skews, strict=True)
        found.append({name: _interval(*column) for name, *column in columns})
    return found


def _acceleration(influence: Floats) -> float:
    """How the spread of a mean grows with it: a sixth of its skewness."""
    spread = float(np.square(influence).sum())
    return float(np.power(influence, 3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def _interval(drawn: Floats, figure: float, acceleration: float) -> Interval:
    """The BCa interval: percentiles, moved by the draws' bias and skewness."""
    normal = NormalDist()
    # As many draws below the figure as above it mean no bias; equal ones count half.
    slack = 1e-12 * max(1.0, abs(figure))
    below = (drawn < figure - slack).mean() + 0.5 * (np.abs(drawn - figure) <= slack).mean()
    bias = normal.inv_cdf(min(max(float(below), 0.5 / len(drawn)), 1 - 0.5 / len(drawn)))
    levels = []
    for level in _LEVELS:
        moved = bias + normal.inv_cdf(level)
        levels.append(normal.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(drawn, levels)
    return Interval(float(low), float(high))


def paired_differences(
    one: Floats,
    other: Floats,
    units: Ints,
    *,
    resamples: int = 1000,
    exchanges: int = 10_000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Whether two encoders differ on the same queries, measure by measure.

    Args:
        one, other: tables of :func:`~concept_linker.retrieval.measures.per_query`,
            of the same queries in the same order.
        units: the unit of each query.
        resamples: draws of the bootstrap.
        exchanges: random exchanges of the two, unit by unit, for the test.
        seed: of both.

    Raises:
        InputError: not the same queries.
        SettingsError: fewer than one draw or exchange.
    """
    if one.shape != other.shape:
        raise InputError(f"{len(one):,} queries and {len(other):,}: wanted the same queries")
    if exchanges < 1:
        raise SettingsError(f"exchanges is {exchanges}, wanted 1 or more")
    differences = one - other
    [intervals] = bootstrap([differences], units, resamples=resamples, seed=seed)
    sums = _by_unit(differences, units, int(units.max()) + 1)
    seen = np.abs(sums.sum(axis=0))
    random = np.random.default_rng([seed, 1])
    as_large = np.zeros(len(MEASURES))
    step = max(1, _NUMBERS // len(sums))
    for begin in range(0, exchanges, step):
        shape = (min(step, exchanges - begin), len(sums))
        signs = random.integers(0, 2, shape, dtype=np.int8) * 2.0 - 1.0
        # A sum in another order may come out lower in its last digits; that is as large.
        as_large += (np.abs(signs @ sums) >= seen * (1 - 1e-12) - 1e-12).sum(axis=0)
    return {
        name: Difference(
            float(differences[:, column].mean()),
            intervals[name],
            float((1 + as_large[column]) / (1 + exchanges)),
        )
        for column, name in enumerate(MEASURES)
    }


def _by_unit(table: Floats, units: Ints, count: int) -> Floats:
    columns = [np.bincount(units, weights=column, minlength=count) for column in table.T]
    return np.stack(columns, axis=1)


def _draws(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each unit is drawn, some draws at a time, one a row."""
    random = np.random.default_rng(seed)
    step = max(1, _NUMBERS // units)
    for begin in range(0, resamples, step):
        rows = min(step, resamples - begin)
        picked = random.integers(0, units, (rows, units))
        picked += np.arange(rows)[:, None] * units
        counts = np.bincount(picked.ravel(), minlength=rows * units)
        yield counts.reshape(rows, units).astype(np.float64)
