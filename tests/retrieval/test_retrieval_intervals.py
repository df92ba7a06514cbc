"""Intervals hold the truth as often as they say; the test is wrong as rarely as it says."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from concept_linker.errors import SettingsError
from concept_linker.reporting.intervals import Interval
from concept_linker.retrieval.intervals import measure_intervals, paired_tests
from concept_linker.retrieval.measures import MEASURES, mean_measures, per_query
from concept_linker.retrieval.ranks import Ranks

NAMES = (*MEASURES, "median_rank")


def table(random: np.random.Generator, queries: int) -> np.ndarray:
    above = random.geometric(0.3, queries) - 1
    return per_query(Ranks(above, np.zeros_like(above), np.ones_like(above)))


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_the_intervals_by_hand() -> None:
    """The same draws, repeated row by row; bias and skewness by leaving out one unit at a time."""
    random = np.random.default_rng(0)
    values, units = table(random, 90), np.repeat(np.arange(30), 3)
    [found] = measure_intervals([values], units, resamples=200, seed=7)
    assert tuple(found) == NAMES

    def figures(picked: np.ndarray) -> list[float]:
        rows = np.concatenate([np.flatnonzero(units == unit) for unit in picked])
        return list(mean_measures(values[rows]).values())

    picks = np.random.default_rng(7).integers(0, 30, (200, 30))
    drawn = np.array([figures(pick) for pick in picks])
    whole = figures(np.arange(30))
    left_out = np.array([figures(np.delete(np.arange(30), unit)) for unit in range(30)])
    normal = NormalDist()
    for column, name in enumerate(NAMES):
        own = drawn[:, column]
        same = np.isclose(own, whole[column], rtol=0, atol=1e-10)
        bias = normal.inv_cdf(((own < whole[column]) & ~same).mean() + same.mean() / 2)
        off = left_out[:, column].mean() - left_out[:, column]
        skew = 0.0
        if name != "median_rank" and (off**2).sum() > 1e-12:
            skew = (off**3).sum() / (6 * (off**2).sum() ** 1.5)
        for level, end in ((0.025, found[name].low), (0.975, found[name].high)):
            moved = bias + normal.inv_cdf(level)
            wanted = np.quantile(own, normal.cdf(bias + moved / (1 - skew * moved)))
            assert end == pytest.approx(wanted, abs=1e-9), name


def test_coverage() -> None:
    random = np.random.default_rng(1)
    units, truth = np.arange(300), 0.3
    inside = 0
    for seed in range(300):
        [found] = measure_intervals([table(random, 300)], units, resamples=300, seed=seed)
        inside += found["R@1"].low <= truth <= found["R@1"].high
    assert 0.91 < inside / 300 < 0.99


def test_units_widen_the_interval() -> None:
    random = np.random.default_rng(2)
    values = np.repeat(table(random, 100), 9, axis=0)
    [apart] = measure_intervals([values], np.arange(900))
    [together] = measure_intervals([values], np.repeat(np.arange(100), 9))
    ratio = width(together["R@1"]) / width(apart["R@1"])
    assert 2.5 < ratio < 3.5


def test_two_encoders_that_differ_by_chance_only() -> None:
    random = np.random.default_rng(3)
    units = np.arange(200)
    p = [
        paired_tests(
            table(random, 200), table(random, 200), units, resamples=1, exchanges=200, seed=seed
        )["MRR"].p_value
        for seed in range(300)
    ]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09
    assert 0.4 < np.mean(p) < 0.6


@pytest.mark.parametrize("setting", ["resamples", "exchanges"])
def test_at_least_one(setting: str) -> None:
    values = table(np.random.default_rng(0), 5)
    with pytest.raises(SettingsError, match=f"{setting} is 0"):
        paired_tests(values, values, np.arange(5), **{setting: 0})
