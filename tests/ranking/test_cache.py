"""The cache of strings, with a first stage that counts what it ranks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.ranking.cache import StringCache, are_decided
from concept_linker.ranking.features import Stage, column
from concept_linker.ranking.first_stage import BestCandidates, RankedStrings
from concept_linker.ranking.words import COMPARED_WORDS

NAMES = ["cold", "liver", "lung", "twin", "RA", "heart", "knee", "brain"]
SOFTMAX = column("first_stage_softmax", Stage.SECOND)


class CountingStage:
    """Ranks a string: its own concept first, then the next one."""

    limit = 2

    def __init__(self) -> None:
        self.ranked: list[str] = []

    def rank(self, strings: Sequence[str]) -> RankedStrings:
        self.ranked += strings
        best = BestCandidates.empty(2 * len(strings))
        own = np.array([NAMES.index(one) for one in strings], np.int64)
        best.concepts[0::2], best.concepts[1::2] = own, (own + 1) % len(NAMES)
        best.names[:], best.similarities[:], best.types[:] = best.concepts, 1.0, -1
        best.features[:], best.features[0::2, SOFTMAX] = 0.0, 0.95
        words = np.zeros((len(strings), 2, COMPARED_WORDS + 1), np.uint64)
        words[:, 0, 0] = own
        return RankedStrings(best, np.full(len(strings), 2), words)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder: Path = tmp_path_factory.mktemp("cache") / "kb"
    rows = [(f"X:{i}", name, 0, "X") for i, name in enumerate(NAMES)]
    build_knowledge_base([SourceTables.from_rows(SourceInfo("test", "cache"), names=rows)], folder)
    return KnowledgeBase.open(folder)


def check(cache: StringCache, strings: list[str]) -> None:
    """Checks all that the cache knows of some strings."""
    cached, rows = cache.look_up(strings)
    for string, row in zip(strings, rows.tolist(), strict=True):
        begin, number = int(cached.table.begins[row]), NAMES.index(string)
        assert cached.table.sizes[row] == 2
        assert cached.table.words[row, 0, 0] == number
        assert cached.table.best.concepts[begin] == number
        assert cached.heads[begin] == (f"X:{number}", string, string, 1.0)
        assert cached.heads[begin + 1][1] == NAMES[(number + 1) % len(NAMES)]
        assert cached.types[begin] == ()
        assert cached.is_short[row] == (string == "RA")
        assert cached.is_decided[row] == (string != "RA")


def test_a_string_is_ranked_once(kb: KnowledgeBase) -> None:
    stage = CountingStage()
    cache = StringCache(kb, stage)  # type: ignore[arg-type]
    check(cache, ["cold", "liver", "cold"])
    check(cache, ["RA", "liver"])
    check(cache, ["liver", "RA", "cold"])
    check(cache, [])
    assert stage.ranked == ["cold", "liver", "RA"]


def test_a_full_table_is_replaced_and_stays_readable(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concept_linker.ranking.cache._CANDIDATES", 6)
    monkeypatch.setattr("concept_linker.ranking.cache._STRINGS", 1)
    cache = StringCache(kb, CountingStage())  # type: ignore[arg-type]
    first, rows = cache.look_up(["cold", "liver", "lung"])
    before = [first.heads[first.table.begins[row]] for row in rows]
    second, _ = cache.look_up(["twin", "RA"])
    assert second is not first
    assert [first.heads[first.table.begins[row]] for row in rows] == before
    check(cache, NAMES)
    for name in NAMES:
        check(cache, [name])


def test_a_string_is_decided_if_the_first_stage_is_sure_or_has_no_choice() -> None:
    best = BestCandidates.empty(5)
    best.features[:, SOFTMAX] = [0.95, 0.05, 0.6, 0.4, 0.3]
    decided = are_decided(best, np.array([0, 2, 4, 5]), np.array([2, 2, 1, 0]))
    assert decided.tolist() == [True, False, True, True]
