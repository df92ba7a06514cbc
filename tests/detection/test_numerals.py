"""Arabic, Roman and ordinal numerals are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.detection.detector import Span
from concept_linker.detection.numerals import other_numerals, with_numerals

NUMBERS = st.integers(1, 12)


@given(NUMBERS, st.sampled_from(["cranial nerve", "collagen chain", "lumbar vertebra"]))
def test_every_way_leads_to_every_other(number: int, noun: str) -> None:
    ways = {f"{noun} {number}", *other_numerals(f"{noun} {number}")}
    assert len(ways) == 4
    for way in ways:
        assert {way, *other_numerals(way)} == ways


@pytest.mark.parametrize(
    "string",
    ["nerve", "type 2 and 3", "type I", "13 nerves", "MIX", "vitamin B12", ""],
)
def test_no_other_way(string: str) -> None:
    assert list(other_numerals(string)) == []


def test_a_numeral_beside_a_mention_belongs_to_its_name() -> None:
    text = "The seventh cranial nerve, nerve 7 and nerve 7.5 mm, rib 40 cm, nerve 9"
    names = {"seventh cranial nerve", "nerve VII"}
    mentions = [("cranial nerve", 12), ("nerve", 27), ("nerve", 39), ("rib", 53), ("nerve", 64)]
    spans = [Span(start, start + len(words)) for words, start in mentions]
    assert all(text[span.start :].startswith(mentions[i][0]) for i, span in enumerate(spans))
    found = list(with_numerals(text, spans, names.__contains__))
    assert [text[span.start : span.end] for span in found] == [
        "seventh cranial nerve", "nerve 7", "nerve", "rib", "nerve",
    ]  # fmt: skip


def test_the_numeral_is_not_a_second_mention() -> None:
    text = "nerve 7 and nerve VII palsy"
    spans = [Span(0, 5), Span(6, 7), Span(12, 17), Span(18, 27)]
    found = list(with_numerals(text, spans, {"nerve VII"}.__contains__))
    assert [text[span.start : span.end] for span in found] == ["nerve 7", "nerve", "VII palsy"]


@pytest.mark.parametrize(
    "words",
    [
        "seventh cranial nerve",
        "7th cranial nerve",
        "cranial nerve VII",
        "cranial nerve 7",
        "nerve 7",
    ],
)
def test_a_nerve_by_its_number(open_base: KnowledgeBase, words: str) -> None:
    found = ConceptLinker.load(open_base).link(f"Palsy of the {words} in a patient.")
    [mention] = [one for one in found if "nerve" in one.text]
    assert mention.text == words
    assert mention.best is not None
    assert mention.best.concept_id == "C0015462"
