"""The judge of short forms that a text does not explain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from plain_short_form_judge import plain_best

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.ranking.features import SECOND_STAGE_FEATURES, SHORT_FORM_FEATURES
from concept_linker.ranking.short_form_judge import best_candidates, is_short_form


@given(st.lists(st.integers(0, 4), max_size=5), st.data())
def test_features_equal_those_of_the_plain_twin(sizes: list[int], data: st.DataObject) -> None:
    floats = st.floats(-4, 4, width=32)
    scores = data.draw(arrays.arrays(np.float64, sum(sizes), elements=floats))
    shape = (sum(sizes), len(SECOND_STAGE_FEATURES))
    features = data.draw(arrays.arrays(np.float32, shape, elements=floats))
    best, found = best_candidates(scores, features, np.array(sizes, np.int64), 1.3)
    assert [place >= 0 for place in best.tolist()] == [size > 0 for size in sizes]
    expected = np.array(plain_best(scores, features, sizes, 1.3), np.float32)
    assert np.allclose(found, expected.reshape(-1, len(SHORT_FORM_FEATURES)), rtol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "PE in the right lower lobe on CTPA.",
        "Coronary angiography with stenosis of the LCx.",
        "MRI with SWI shows microbleeds.",
        "Chest radiograph after placement of an ETT and an NGT.",
        "Enhancement of CN V.",
        "US of the abdomen shows a dilated CBD.",
        "Illuminated by an LED; dose for a BSA of 1.7.",
    ],
)
def test_a_rare_sense_is_not_sure(open_base: KnowledgeBase, text: str) -> None:
    for mention in ConceptLinker.load(open_base).link(text):
        if is_short_form(mention.text) and mention.text not in {"MRI", "PE"}:
            assert all(candidate.score < 0.5 for candidate in mention.candidates)


def test_what_a_text_explains_is_sure(open_base: KnowledgeBase) -> None:
    text = "Computed tomography pulmonary angiography (CTPA) and MRI. CTPA shows emboli."
    found = [m for m in ConceptLinker.load(open_base).link(text) if m.text == "CTPA"]
    assert len(found) == 2
    assert all(m.long_form == "Computed tomography pulmonary angiography" for m in found)


@pytest.mark.parametrize(
    ("text", "short", "concept_id"),
    [
        ("RA in a patient. The right atrium is dilated.", "RA", "C0225844"),
        ("The right atrium is dilated. RA in a patient.", "RA", "C0225844"),
        ("MR in a patient. There is mitral regurgitation.", "MR", "C0026266"),
        ("RA in a patient with rheumatoid arthritis.", "RA", "C0003873"),
    ],
)
def test_the_other_mentions_decide(
    open_base: KnowledgeBase, text: str, short: str, concept_id: str
) -> None:
    """A short form stands for a mention of the text that has its initials."""
    [mention] = [m for m in ConceptLinker.load(open_base).link(text) if m.text == short]
    assert mention.best is not None
    assert mention.best.concept_id == concept_id


def test_scores_of_short_forms_hold_on_captions(
    open_base: KnowledgeBase, shared_data: Path
) -> None:
    """On captions not used in training; without a judge .65 of the linked ones were right."""
    lines = (shared_data / "captions_gold/dev.jsonl").read_text(encoding="utf-8").splitlines()
    gold = [json.loads(line) for line in lines]
    scores, right = [], []
    linked = ConceptLinker.load(open_base, min_score=0.0).link_many(g["caption"] for g in gold)
    for caption, annotation in zip(gold, linked, strict=True):
        required = [one for one in caption["mentions"] if not one["optional"]]
        for mention in annotation:
            meant = [
                one["id"] for one in required
                if mention.start < one["end"] and one["start"] < mention.end
            ]  # fmt: skip
            if meant and mention.best and mention.long_form is None and is_short_form(mention.text):
                scores.append(mention.confidence)
                right.append(mention.best.concept_id in meant)
    values, hits = np.array(scores), np.array(right)
    assert len(values) > 60
    assert hits[values > 0.8].mean() > 0.8
    assert hits[values > 0.38].mean() > 0.75
