"""The ranker as it ships, with a small base and small priors."""

from __future__ import annotations

import itertools
import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.detection.detector import GROUPS
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.ranking.priors import PRIORS, Priors, Use
from concept_linker.ranking.ranker import Query, Ranker
from concept_linker.runtime.resources import model_path

ROWS = [
    ("C0009443", "Common Cold", 0, "X"),
    ("C0009443", "cold", 1, "X"),
    ("C0009264", "cold", 0, "X"),
    ("C0024117", "COLD", 2, "X"),
    ("C0000005", "twin", 0, "X"),
    ("C0000004", "twin", 0, "X"),
    ("C0023890", "liver cirrhosis", 0, "X"),
    ("C0031847", "dysfunction", 0, "X"),
]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("kb") / "small"
    build_knowledge_base([SourceTables.from_rows(SourceInfo("test", "small"), names=ROWS)], folder)
    return KnowledgeBase.open(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("priors") / PRIORS
    uses = [Use(str(i), "cold", "C0009443", "T047", "a", "and") for i in range(9)]
    Priors.count([*uses, Use("x", "cold", "C0009264", "T070", "the", "water")]).save(place)
    return place


def ranker(kb: KnowledgeBase, priors: Path) -> Ranker:
    return Ranker.open(kb, model_path("ranker") / "weights", priors, k=10)


def test_what_a_string_meant_before_comes_first(kb: KnowledgeBase, folder: Path) -> None:
    [found] = ranker(kb, folder).rank_many([Query("cold")])
    assert found[0].concept_id == "C0009443"
    assert {"C0009264", "C0024117"} <= {candidate.concept_id for candidate in found}


def test_a_run_of_words_is_a_candidate(kb: KnowledgeBase, folder: Path) -> None:
    [found] = ranker(kb, folder).rank_many([Query("hepatic dysfunction")])
    assert "C0031847" in {candidate.concept_id for candidate in found}


_QUERIES = st.lists(
    st.builds(
        Query,
        st.text(max_size=12) | st.sampled_from([name for _, name, _, _ in ROWS]),
        st.sampled_from(["", "a", "the"]),
        groups=st.none(),
        text=st.none() | st.integers(0, 3),
    ),
    max_size=9,
).map(lambda some: sorted(some, key=lambda one: -1 if one.text is None else one.text))


@settings(max_examples=60, deadline=None)
@given(_QUERIES)
def test_scores(kb: KnowledgeBase, folder: Path, queries: list[Query]) -> None:
    """Probabilities of distinct concepts, in order; the same if split by text, or pickled."""
    one = ranker(kb, folder)
    together = one.rank_many(queries)
    for found in together:
        scores = [candidate.score for candidate in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0.0 <= score <= 1.0 for score in scores)
        assert sum(scores) <= 1.0 + 1e-9
        assert len({candidate.concept_id for candidate in found}) == len(found)
        assert all(0.0 <= candidate.similarity <= 1.0 for candidate in found)
    apart = []
    for text, some in itertools.groupby(queries, key=lambda one: one.text):
        if text is None:
            apart += [one.rank_many([query])[0] for query in some]
        else:
            apart += one.rank_many(list(some))
    assert apart == together
    assert pickle.loads(pickle.dumps(one)).rank_many(queries) == together  # noqa: S301


def test_a_full_cache_is_replaced(
    kb: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers stay the same when there is room for one batch only."""
    fresh = ranker(kb, folder)
    monkeypatch.setattr("concept_linker.ranking.cache._CANDIDATES", 30)
    monkeypatch.setattr("concept_linker.ranking.cache._STRINGS", 1)
    full = ranker(kb, folder)
    queries = [Query(name, "the") for _, name, _, _ in ROWS]
    for query in [*queries, *reversed(queries)]:
        assert full.rank_many([query]) == fresh.rank_many([query])
    together = [Query(f"{name} {i}", "the", text=i // 20) for i in range(9) for _, name, *_ in ROWS]
    assert full.rank_many(together) == fresh.rank_many(together)
    assert full.rank_many(queries * 3) == fresh.rank_many(queries * 3)


def test_groups_move_scores(
    kb: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disorder is likelier where the network sees a disorder than where it sees a phenomenon."""
    monkeypatch.setattr("concept_linker.ranking.cache._DECIDED", 2.0)
    one = ranker(kb, folder)
    scores = []
    for group in ("DISO", "PHEN"):
        [found] = one.rank_many(
            [Query("cold", groups=np.array([g == group for g in GROUPS]) * 1.0)]
        )
        scores.append({c.concept_id: c.score for c in found}["C0009443"])
    assert scores[0] > scores[1]


def test_weights_of_another_version_are_rejected(
    kb: KnowledgeBase, folder: Path, tmp_path: Path
) -> None:
    """Compiled code does not check bounds, so what does not fit must not reach it."""
    weights = tmp_path / "weights"
    shutil.copytree(model_path("ranker") / "weights", weights)
    calibration = json.loads((weights / "calibration.json").read_text())
    calibration["weights"].pop()
    (weights / "calibration.json").write_text(json.dumps(calibration))
    with pytest.raises(InputError, match="weights, expected"):
        Ranker.open(kb, weights, folder, k=10)
    shutil.rmtree(weights)
    shutil.copytree(model_path("ranker") / "weights", weights)
    features = np.load(weights / "second_stage" / "trees_features.npy")
    features[features == 0] = 99
    np.save(weights / "second_stage" / "trees_features.npy", features)
    with pytest.raises(InputError, match="trees read 100 features"):
        Ranker.open(kb, weights, folder, k=10)


def test_threads_share_a_ranker(kb: KnowledgeBase, folder: Path) -> None:
    texts = [
        [Query(f"{name} {i % 5}", "a", text=0) for _, name, _, _ in ROWS[: i % 8 + 1]]
        for i in range(40)
    ]
    alone = ranker(kb, folder)
    expected = [alone.rank_many(text) for text in texts]
    shared = ranker(kb, folder)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(shared.rank_many, texts)) == expected
