"""Explanations name what was chosen, and the parts of features are right."""

from __future__ import annotations

import numpy as np
import pytest

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.errors import InputError
from concept_linker.ranking.explain import Reason, merge_reasons, stage_reasons
from concept_linker.ranking.features import CALIBRATION_FEATURES, FEATURES, SECOND_STAGE_FEATURES
from concept_linker.ranking.features import FIRST_STAGE_FEATURES as NAMES
from concept_linker.ranking.ranker import FIRST_STAGE
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


def test_every_feature_is_declared_once_and_has_words() -> None:
    assert all(feature.words for feature in FEATURES)
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
    assert set(CALIBRATION_FEATURES) <= set(SECOND_STAGE_FEATURES)


def test_a_part_is_the_loss_of_the_swap() -> None:
    trees = Trees.open(model_path("ranker") / "weights" / FIRST_STAGE)
    rows = np.random.default_rng(0).normal(size=(2, len(NAMES))).astype(np.float32)
    rows[1, 3] = rows[0, 3]
    found = {reason.feature: reason for reason in stage_reasons(trees, NAMES, rows)}
    assert NAMES[3] not in found
    for column in (0, 7, 15):
        swapped = rows[:1].copy()
        swapped[0, column] = rows[1, column]
        expected = trees.scores(rows[:1])[0] - trees.scores(swapped)[0]
        assert found[NAMES[column]].part == pytest.approx(expected)


def test_both_stages_add_up() -> None:
    first = [Reason("name_count", "", 1.0, 0.0, 0.5), Reason("position", "", 0.0, 1.0, 0.001)]
    second = [
        Reason("name_count", "", 1.0, 0.0, -0.2),
        Reason("first_stage_score", "", 9.0, 0.0, 5.0),
    ]
    [reason] = merge_reasons(first, second)
    assert (reason.feature, reason.part) == ("name_count", pytest.approx(0.3))


def test_what_is_no_text(linker: ConceptLinker) -> None:
    with pytest.raises(InputError, match="expected str"):
        linker.explain(None)  # type: ignore[arg-type]
    assert linker.explain("") == []


def test_any_id_and_what_others_bring_is_explained(linker: ConceptLinker) -> None:
    """Ids that are not in capitals, and candidates that another mention has brought along."""
    assert linker.explain("Aedes next to a donkey.")
    text = (
        "Colonic adenocarcinoma (a) and normal colonic mucosa (b); the adenocarcinomatous glands "
        "invade the mucosal layer."
    )
    explained = linker.explain(text)
    assert len(explained) == sum(bool(mention.candidates) for mention in linker.link(text))
    named = {reason.feature for one in explained for reason in one.reasons}
    assert any(name.startswith("coherence_") for name in named)
