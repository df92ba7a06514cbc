"""Explanations say what was chosen, and what they say of a feature is so."""

from __future__ import annotations

import numpy as np
import pytest

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.errors import InputError
from concept_linker.ranking.contextual_features import IN_PLACE
from concept_linker.ranking.explain import WORDS, Reason, parts, reasons
from concept_linker.ranking.ranker import BY_STRING
from concept_linker.ranking.string_features import FEATURES
from concept_linker.runtime.resources import model_path
from concept_linker.trees import Trees

TEXT = "MRI shows a cold abscess of the left hippocampus; CT of the control group."


@pytest.fixture(scope="module")
def linker(open_base: KnowledgeBase) -> ConceptLinker:
    return ConceptLinker.load(open_base)


def test_it_explains_what_was_linked(linker: ConceptLinker) -> None:
    mentions = [m for m in linker.link(TEXT) if m.candidates]
    explained = linker.explain(TEXT)
    assert [e.text for e in explained] == [m.text for m in mentions]
    for explanation, mention in zip(explained, mentions, strict=True):
        assert (explanation.best, explanation.second) == mention.candidates[:2]
        sizes = [abs(reason.part) for reason in explanation.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert explanation.best.concept_id in str(explanation)
    assert any(e.reasons for e in explained)


def test_what_decided_decides(linker: ConceptLinker) -> None:
    """Of a string that was seen in training, what it meant there is what speaks for the answer."""
    [explanation] = [e for e in linker.explain(TEXT) if e.text == "MRI"]
    parts_of = {reason.feature: reason for reason in explanation.reasons}
    assert parts_of["pair_share"].part > 0
    assert parts_of["pair_share"].best > parts_of["pair_share"].second


def test_every_feature_has_words() -> None:
    assert set(WORDS) == {*FEATURES, *IN_PLACE}


def test_a_part_is_what_is_lost_by_the_swap() -> None:
    trees = Trees.open(model_path("ranker") / "weights" / BY_STRING)
    rows = np.random.default_rng(0).normal(size=(2, len(FEATURES))).astype(np.float32)
    rows[1, 3] = rows[0, 3]
    found = {reason.feature: reason for reason in parts(trees, FEATURES, rows)}
    assert FEATURES[3] not in found
    for column in (0, 7, 15):
        swapped = rows[:1].copy()
        swapped[0, column] = rows[1, column]
        expected = trees.odds(rows[:1])[0] - trees.odds(swapped)[0]
        assert found[FEATURES[column]].part == pytest.approx(expected)


def test_both_stages_add_up() -> None:
    first = [Reason("names", "", 1.0, 0.0, 0.5), Reason("place", "", 0.0, 1.0, 0.001)]
    second = [Reason("names", "", 1.0, 0.0, -0.2), Reason("number", "", 9.0, 0.0, 5.0)]
    [reason] = reasons(first, second)
    assert (reason.feature, reason.part) == ("names", pytest.approx(0.3))


def test_what_is_no_text(linker: ConceptLinker) -> None:
    with pytest.raises(InputError, match="expected str"):
        linker.explain(None)  # type: ignore[arg-type]
    assert linker.explain("") == []


def test_any_id_and_what_others_bring_is_explained(linker: ConceptLinker) -> None:
    """Ids that are not in capitals, and candidates that another mention has brought along."""
    assert linker.explain("Aedes beside a donkey.")
    text = (
        "Colonic adenocarcinoma (a) and normal colonic mucosa (b); the adenocarcinomatous glands "
        "invade the mucosal layer."
    )
    explained = linker.explain(text)
    assert len(explained) == sum(bool(mention.candidates) for mention in linker.link(text))
    told = {reason.feature for one in explained for reason in one.reasons}
    assert told & {"others_most", "others_all", "others_often", "related_most"}
