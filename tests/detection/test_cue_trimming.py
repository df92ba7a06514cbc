"""Mentions without the negation cues that a detector took into them."""

from __future__ import annotations

import pytest

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.detection.cue_trimming import without_negation_cues
from concept_linker.detection.detector import Span

NAMES = frozenset(
    {
        "No",
        "NO",
        "without",
        "no-reflow phenomenon",
        "fracture",
        "nodule",
        "absent spleen",
        "free wall",
    }
)


@pytest.mark.parametrize(
    ("mention", "left"),
    [
        ("no pneumothorax", ["pneumothorax"]),
        ("No evidence of any fracture", ["fracture"]),
        ("without contrast enhancement", ["contrast enhancement"]),
        ("nodule with no calcification", ["nodule"]),
        ("discloses no nodule", ["nodule"]),
        ("fracture ruled out", ["fracture"]),
        ("isn't pneumonia", ["pneumonia"]),
        ("denies chest pain", ["chest pain"]),
        ("absence of the gallbladder", ["gallbladder"]),
        ("no mass (B)", ["mass (B)"]),
        ("no", []),
        ("No", []),
        ("without", []),
        # names, and what only looks like a cue
        ("NO", ["NO"]),
        ("no-reflow phenomenon", ["no-reflow phenomenon"]),
        ("absent spleen", ["absent spleen"]),
        ("non-Hodgkin lymphoma", ["non-Hodgkin lymphoma"]),
        ("patient no. 7", ["patient no. 7"]),
        ("free wall", ["free wall"]),
        ("nodule", ["nodule"]),
    ],
)
def test_cues_are_removed(mention: str, left: list[str]) -> None:
    text = f"CT: {mention}, B."
    spans = [Span(4, 4 + len(mention), "DISO", 0.5)]
    found = list(without_negation_cues(text, spans, NAMES.__contains__))
    assert [text[span.start : span.end] for span in found] == left
    assert all(span[2:] == ("DISO", 0.5) for span in found)


@pytest.mark.parametrize("detector", ["hybrid", "ner", "dictionary"])
def test_negated_findings(open_base: KnowledgeBase, detector: str) -> None:
    """A finding behind a cue is found as without it, and absent."""
    findings = ["pneumothorax", "headache", "fracture", "cough", "hydronephrosis", "pneumonia"]
    linker = ConceptLinker.load(open_base, detector=detector, min_score=0.0)
    for finding in findings:
        [plain] = linker.link(f"Chest radiograph with {finding}.").mentions[-1:]
        for cue in ("no", "without", "no evidence of", "absence of"):
            [denied] = linker.link(f"Chest radiograph with {cue} {finding}.").mentions[-1:]
            assert (denied.text, denied.negated) == (finding, True)
            assert denied.best is not None
            assert plain.best is not None
            assert denied.best.concept_id == plain.best.concept_id
