"""Contextual features against their plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_contextual_features import contextual

from concept_linker.detection.detector import GROUPS
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import SEMANTIC_TYPES
from concept_linker.ranking.arrays import read_arrays
from concept_linker.ranking.coherence import CoherentCandidates
from concept_linker.ranking.contextual_features import contextual_features, group_numbers
from concept_linker.ranking.features import SECOND_STAGE_FEATURES
from concept_linker.ranking.priors import PRIORS, Priors
from concept_linker.runtime.resources import model_path

SHARED = len(SECOND_STAGE_FEATURES) - 4
MENTION = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["", "the", "of", "(", "gefäß"]),
    st.sampled_from(["", "group", "was", ")"]),
    st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=len(GROUPS), max_size=len(GROUPS)),
)


@pytest.fixture(scope="module")
def priors() -> Priors:
    return Priors.open(model_path("ranker") / PRIORS)


@given(st.data(), st.lists(MENTION, max_size=4))
def test_features_equal_those_of_the_plain_twin(
    open_base: KnowledgeBase,
    priors: Priors,
    data: st.DataObject,
    mentions: list[tuple[int, str, str, list[float]]],
) -> None:
    kinds = st.lists(st.integers(-1, len(priors.type_ids) - 1), max_size=4)
    strings = data.draw(st.lists(kinds, min_size=4, max_size=4))
    types = [kind for string in strings for kind in string]
    sizes = np.array([len(string) for string in strings])
    rows = np.arange(len(types))
    copied = np.repeat(rows[:, None], SHARED, 1).astype(np.float32)
    begins = np.cumsum(sizes) - sizes
    of = np.array([string for string, *_ in mentions], np.int64)
    candidates = CoherentCandidates(
        rows, np.array(types, np.int16), copied, rows, begins, sizes, of
    )
    _, arrays = read_arrays(open_base, priors, common=10)
    found = contextual_features(
        candidates,
        arrays,
        [left for _, left, _, _ in mentions],
        [right for _, _, right, _ in mentions],
        np.array([groups for *_, groups in mentions], np.float32).reshape(-1, len(GROUPS)),
        group_numbers(priors.type_ids, GROUPS),
    )
    group_of = {
        number: GROUPS.index(SEMANTIC_TYPES[one].group)
        for number, one in enumerate(priors.type_ids)
        if one in SEMANTIC_TYPES and SEMANTIC_TYPES[one].group in GROUPS
    }
    expected = [
        [begins[string] + i] * SHARED + contextual(priors, kind, left, right, groups, group_of)
        for string, left, right, groups in mentions
        for i, kind in enumerate(strings[string])
    ]
    np.testing.assert_allclose(found, np.array(expected).reshape(found.shape), rtol=1e-5, atol=1e-6)
