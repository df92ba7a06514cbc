"""Confidence intervals and paired tests of retrieval measures.

Queries are drawn with replacement, items are not: all items stay, so the rank of a query stays, and
only the weight of the query changes. Queries that belong together (copies, figures of one article)
form a unit and are drawn together.

Intervals are bias-corrected and accelerated, because ranks have a long tail: plain percentiles of
their mean cover the true value too rarely.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError, SettingsError
from concept_linker.reporting.intervals import (
    Interval,
    PairedTest,
    bca_interval,
    draw_indices,
    exchange_p_values,
    skewness_acceleration,
)
from concept_linker.retrieval.measures import MEASURES, lower_median

__all__ = ["measure_intervals", "paired_tests"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RANK = MEASURES.index("mean_rank")


def measure_intervals(
    tables: Sequence[Floats], units: Ints, *, resamples: int = 1000, seed: int = 0
) -> list[dict[str, Interval]]:
    """Returns the measures and the median rank with their 95 % intervals.

    Args:
        tables: measures per query (:func:`~concept_linker.retrieval.measures.per_query`); all
            tables use the same draws.
        units: the unit of each query, numbered from 0.
        resamples: the number of resamples.
        seed: of the draws.

    Returns:
        One dictionary per table.

    Raises:
        SettingsError: ``resamples`` is less than 1.
    """
    if resamples < 1:
        raise SettingsError(f"resamples is {resamples}, expected an integer ≥ 1")
    sizes = np.bincount(units).astype(np.float64)
    sums = [_sum_by_unit(table, units, len(sizes)) for table in tables]
    orders = [np.argsort(table[:, _RANK], kind="stable") for table in tables]
    means: list[list[Floats]] = [[] for _ in tables]
    medians: list[list[Floats]] = [[] for _ in tables]
    for counts in draw_indices(len(sizes), resamples, seed):
        drawn = counts @ sizes
        for number, table in enumerate(tables):
            means[number].append(counts @ sums[number] / drawn[:, None])
            order = orders[number]
            cumulated = np.cumsum(counts[:, units[order]], axis=1)
            half = np.ceil(drawn / 2)  # the lower median is the first query to reach it
            at = [int(np.searchsorted(row, end)) for row, end in zip(cumulated, half, strict=True)]
            medians[number].append(table[order[at], _RANK])
    found = []
    for number, table in enumerate(tables):
        resampled = np.column_stack(
            [np.concatenate(means[number]), np.concatenate(medians[number])]
        )
        whole = sums[number].sum(axis=0) / sizes.sum()
        influence = sums[number] - whole * sizes[:, None]
        figures = map(float, [*whole, lower_median(table[:, _RANK])])
        accelerations = [*map(skewness_acceleration, influence.T), 0.0]
        columns = zip((*MEASURES, "median_rank"), figures, resampled.T, accelerations, strict=True)
        found.append({name: bca_interval(*column) for name, *column in columns})
    return found


def paired_tests(
    first: Floats,
    second: Floats,
    units: Ints,
    *,
    resamples: int = 1000,
    exchanges: int = 10_000,
    seed: int = 0,
) -> dict[str, PairedTest]:
    """Tests, measure by measure, whether two encoders differ on the same queries.

    Args:
        first, second: measures per query
            (:func:`~concept_linker.retrieval.measures.per_query`), in the same order.
        units: the unit of each query.
        resamples: the number of resamples for the intervals.
        exchanges: the number of random exchanges for the tests.
        seed: of both.

    Raises:
        InputError: the queries are not the same.
        SettingsError: ``resamples`` or ``exchanges`` is less than 1.
    """
    if first.shape != second.shape:
        raise InputError(f"{len(first):,} and {len(second):,} queries, expected the same queries")
    if exchanges < 1:
        raise SettingsError(f"exchanges is {exchanges}, expected an integer ≥ 1")
    differences = first - second
    [intervals] = measure_intervals([differences], units, resamples=resamples, seed=seed)
    gaps = _sum_by_unit(differences, units, int(units.max()) + 1)
    p_values = exchange_p_values(
        gaps,
        lambda sums: sums,
        np.abs(gaps.sum(axis=0)) * (1 - 1e-12) - 1e-12,
        exchanges=exchanges,
        rng=np.random.default_rng([seed, 1]),
        dtype=np.int8,
    )
    return {
        name: PairedTest(
            Interval(
                float(differences[:, column].mean()), intervals[name].low, intervals[name].high
            ),
            float(p_values[column]),
        )
        for column, name in enumerate(MEASURES)
    }


def _sum_by_unit(table: Floats, units: Ints, count: int) -> Floats:
    columns = [np.bincount(units, weights=column, minlength=count) for column in table.T]
    return np.stack(columns, axis=1)
