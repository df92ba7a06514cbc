from __future__ import annotations

import pytest

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.ranker import Ranker


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("kb") / "small"
    rows = [
        ("C0009443", "Common Cold", 0, "X"),
        ("C0009443", "cold", 1, "X"),
        ("C0009264", "cold", 0, "X"),
        ("C0024117", "COLD", 2, "X"),
        ("C0000005", "twin", 0, "X"),
        ("C0000004", "twin", 0, "X"),
    ]
    build([SourceTables.from_rows(SourceInfo("test", "small"), names=rows)], folder)
    return KnowledgeBase.open(folder)


def ranked(kb: KnowledgeBase, mention: str, *mentions: tuple[str, str]) -> list[str]:
    ranker = Ranker(Priors.count(mentions))
    return [c.concept_id for c in ranker.rank(kb, mention, kb.find(mention))]


def test_preferred_names_before_synonyms_before_other_case(kb: KnowledgeBase) -> None:
    assert ranked(kb, "cold") == ["C0009264", "C0009443", "C0024117"]
    assert ranked(kb, "COLD")[0] == "C0024117"


def test_counts_decide(kb: KnowledgeBase) -> None:
    assert ranked(kb, "cold", *[("cold", "C0009443")] * 3)[0] == "C0009443"


def test_ties_go_to_the_lower_id(kb: KnowledgeBase) -> None:
    assert ranked(kb, "twins") == ["C0000004", "C0000005"]


def scores(kb: KnowledgeBase, mention: str, *mentions: tuple[str, str]) -> list[float]:
    return [c.score for c in Ranker(Priors.count(mentions)).rank(kb, mention, kb.find(mention))]


def test_counts_of_what_cannot_be_chosen_say_nothing(kb: KnowledgeBase) -> None:
    for cui in ("C0000005", "C7777777"):
        assert scores(kb, "cold", *[("cold", cui)] * 9) == scores(kb, "cold")


def test_scores_sum_to_less_than_one(kb: KnowledgeBase) -> None:
    assert 0.9 < sum(scores(kb, "cold")) < 1.0
    assert sum(scores(kb, "cold")) < sum(scores(kb, "cold", ("cold", "C0009443"))) < 1.0
