from __future__ import annotations

from itertools import product
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.errors import InputError
from concept_linker.evaluation.calibration import calibrate, threshold_curve
from concept_linker.evaluation.measures import f1, recall
from concept_linker.reporting.intervals import bootstrap, paired_test


def columns(seed: int, documents: int, share: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, documents)
    return np.column_stack([rng.binomial(sizes, share), sizes]).astype(float)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        interval = bootstrap(columns(seed, 60, 0.7), recall, resamples=300, seed=seed)
        assert interval.low <= interval.value <= interval.high
        held += interval.low <= 0.7 <= interval.high
    assert 0.88 <= held / 200 <= 0.99


def test_same_seed_same_interval() -> None:
    data = columns(1, 30, 0.5)
    assert bootstrap(data, recall, seed=3) == bootstrap(data, recall, seed=3)
    assert bootstrap(data, recall, seed=3) != bootstrap(data, recall, seed=4)
    without = bootstrap(data, recall, resamples=0)
    assert without.low == without.high == without.value == data[:, 0].sum() / data[:, 1].sum()


def test_equal_systems_do_not_differ() -> None:
    data = columns(1, 30, 0.5)
    test = paired_test(data, data, recall)
    assert test.p_value == 1.0
    assert test.difference.value == test.difference.low == test.difference.high == 0.0


def test_p_value_against_all_exchanges() -> None:
    first, second = columns(5, 8, 0.7), columns(5, 8, 0.4)
    observed = abs(float(recall(first.sum(0)) - recall(second.sum(0))))
    at_least = []
    for swaps in product([False, True], repeat=8):
        swap = np.array(swaps)[:, None]
        a, b = np.where(swap, second, first).sum(0), np.where(swap, first, second).sum(0)
        at_least.append(abs(float(recall(a) - recall(b))) >= observed - 1e-12)
    test = paired_test(first, second, recall, resamples=20_000)
    assert test.p_value == pytest.approx(np.mean(at_least), abs=0.01)


def test_two_corpora_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="expected the same documents"):
        paired_test(columns(1, 3, 0.5), columns(1, 4, 0.5), recall)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_f1_is_what_it_is(right: int, wrong: int, missed: int) -> None:
    sums = np.array([right, right + wrong, right, right + missed], float)
    whole = 2 * right + wrong + missed
    assert float(f1(sums)) == pytest.approx(2 * right / whole if whole else nan, nan_ok=True)


SCORED = st.lists(
    st.tuples(st.floats(0, 1) | st.sampled_from([i / 15 for i in range(16)]), st.booleans()),
    min_size=1,
    max_size=50,
)


@given(SCORED)
def test_calibration_error_by_hand(rows: list[tuple[float, bool]]) -> None:
    """Guo et al.: bin m holds the scores in ((m - 1) / M, m / M]."""
    edges = np.linspace(0, 1, 16)
    error = 0.0
    for m in range(15):
        inside = [
            (score, right)
            for score, right in rows
            if edges[m] < score <= edges[m + 1] or (m == 0 and score == 0)
        ]
        if inside:
            gap = np.mean([right for _, right in inside]) - np.mean([score for score, _ in inside])
            error += len(inside) / len(rows) * abs(gap)
    calibration = calibrate(*zip(*rows, strict=True))
    assert calibration is not None
    assert calibration.error == pytest.approx(error)
    assert sum(bin.count for bin in calibration.bins) == len(rows)


def test_scores_that_are_no_probabilities() -> None:
    assert calibrate([1.2, 0.5], [True, False]) is None
    assert calibrate([], []) is None


@given(SCORED, st.integers(0, 10))
def test_threshold_curve_by_hand(rows: list[tuple[float, bool]], more: int) -> None:
    to_find = sum(right for _, right in rows) + more
    for point in threshold_curve(*zip(*rows, strict=True), to_find, steps=10):
        linked = [right for score, right in rows if score >= point.threshold]
        assert point.linked == len(linked)
        assert point.precision == pytest.approx(np.mean(linked) if linked else nan, nan_ok=True)
        assert point.recall == pytest.approx(sum(linked) / to_find if to_find else 0.0)


def test_where_there_is_nothing_there_is_no_figure() -> None:
    nothing = np.zeros((30, 2))
    made = bootstrap(nothing, recall, resamples=20)
    assert made.to_dict() == {"value": None, "low": None, "high": None}
    test = paired_test(nothing, nothing, recall, resamples=20)
    assert test.to_dict()["p_value"] is None
    assert isnan(float(f1(np.zeros(4))))
    assert float(f1(np.array([0.0, 0.0, 0.0, 5.0]))) == 0.0  # nothing given, something to find


@given(st.integers(0, 3), st.integers(1, 30))
def test_resamples_that_draw_nothing_say_nothing(seed: int, resamples: int) -> None:
    few = np.vstack([[1.0, 1.0], np.zeros((40, 2))])
    made = bootstrap(few, recall, resamples=resamples, seed=seed)
    assert made.value == made.low == made.high == 1.0
