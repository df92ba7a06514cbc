"""Calibration against its plain twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_calibration import Scored, probabilities

from concept_linker.ranking.calibration import Calibration
from concept_linker.ranking.features import SECOND_STAGE_FEATURES
from concept_linker.runtime.resources import model_path

CALIBRATION = Calibration.open(model_path("ranker") / "weights" / "calibration.json")
SCORED = st.builds(
    Scored,
    st.integers(0, 10**6),
    st.integers(-6, 6).map(float),
    st.fixed_dictionaries(
        {name: st.sampled_from([-1.0, 0.0, 0.5, 1.0]) for name in SECOND_STAGE_FEATURES}
    ),
)
MENTION = st.tuples(
    st.lists(SCORED, max_size=6, unique_by=lambda one: one.concept),
    st.just(math.nan) | st.floats(0, 1),
)


@given(st.lists(MENTION, max_size=4))
def test_probabilities_equal_those_of_the_plain_twin(
    mentions: list[tuple[list[Scored], float]],
) -> None:
    flat = [one for candidates, _ in mentions for one in candidates]
    rows = [[one.features[name] for name in SECOND_STAGE_FEATURES] for one in flat]
    order, found = CALIBRATION.probabilities(
        np.array([one.score for one in flat]),
        np.array(rows, np.float32).reshape(-1, len(SECOND_STAGE_FEATURES)),
        np.array([len(candidates) for candidates, _ in mentions], np.int64),
        np.array([one.concept for one in flat], np.int64),
        np.array([known for _, known in mentions]),
    )
    begin = 0
    for candidates, known in mentions:
        if candidates:
            expected = probabilities(candidates, CALIBRATION, known)
            own = slice(begin, begin + len(candidates))
            assert found[own].tolist() == pytest.approx([p for p, _ in expected], abs=1e-9)
            assert sum(found[own]) <= 1 + 1e-9
            if len({round(p, 9) for p, _ in expected}) == len(expected):
                assert order[own].tolist() == [begin + place for _, place in expected]
        begin += len(candidates)


def test_equal_probabilities_are_ordered_by_similarity_then_concept() -> None:
    features = np.zeros((3, len(SECOND_STAGE_FEATURES)), np.float32)
    features[2, SECOND_STAGE_FEATURES.index("similarity")] = 0.5
    concepts = np.array([7, 3, 9])
    order, found = CALIBRATION.probabilities(
        np.zeros(3), features, np.array([3]), concepts, np.array([math.nan])
    )
    assert order.tolist() == [2, 1, 0]
    assert len(set(found.tolist())) == 1
