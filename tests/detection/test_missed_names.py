"""Names that detection passed over are found all the same."""

from __future__ import annotations

import pytest

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.detection.missed_names import NestedNames


@pytest.fixture(scope="module")
def linker(open_base: KnowledgeBase) -> ConceptLinker:
    return ConceptLinker.load(open_base)


@pytest.mark.parametrize(
    ("text", "mention", "concept_id"),
    [
        ("Patients with low vitamin B(12) levels.", "vitamin B(12)", "C0042845"),
        (
            "Mice treated with 1-methyl-4-phenyl-1,2,3,6-tetrahydropyridine.",
            "1-methyl-4-phenyl-1,2,3,6-tetrahydropyridine",
            "C0000097",
        ),
        ("The patient has metastatic adenocarcinoma", "adenocarcinoma", "C0001418"),
        ("The patient has metastatic adenocarcinoma.", "adenocarcinoma", "C0001418"),
        ("metastatic adenocarcinoma", "adenocarcinoma", "C0001418"),
    ],
)
def test_names_are_found(linker: ConceptLinker, text: str, mention: str, concept_id: str) -> None:
    assert (mention, concept_id) in [
        (one.text, one.best.concept_id) for one in linker.link(text) if one.best
    ]


def test_a_bracket_with_a_blank_ends_a_name(linker: ConceptLinker) -> None:
    texts = [one.text for one in linker.link("Vitamin B (12 patients) and MRI (brain).")]
    assert not any("(" in text for text in texts)


def test_brackets_of_a_name_are_closed(linker: ConceptLinker) -> None:
    text = "Retinitis pigmentosa (RP).(A) Fundus. CT (RP)(A)."
    for mention in linker.link(text):
        assert mention.text.count("(") == mention.text.count(")") == 0


def test_an_article_is_not_an_alpha(linker: ConceptLinker) -> None:
    texts = [one.text for one in linker.link("Carriers of a thalassaemia, and a FIB cut.")]
    assert "thalassaemia" in texts
    assert not any(text.startswith("a ") for text in texts)


@pytest.mark.parametrize("quotes", ['""', "“”", "‘’"])
def test_quotation_marks_are_as_blanks(linker: ConceptLinker, quotes: str) -> None:
    text = 'The patient had "pneumonia" and "edema".'
    left, right = quotes
    text = text.replace('"pneumonia"', f"{left}pneumonia{right}").replace(
        '"edema"', f"{left}edema{right}"
    )
    found = {one.text: one.best and one.best.concept_id for one in linker.link(text)}
    assert found["pneumonia"] == "C0032285"
    assert found["edema"] == "C0013604"


def test_nested_names(open_base: KnowledgeBase) -> None:
    inner = NestedNames(open_base)
    strings = ["metastatic adenocarcinoma", "adenocarcinoma", "branch pulmonary arteries",
               "water-filled pore space", "lung image"]  # fmt: skip
    found = [
        [string[start:end] for start, end in places]
        for string, places in zip(strings, inner.find(strings), strict=True)
    ]
    assert found == [["adenocarcinoma"], [], ["pulmonary arteries"], [], []]
