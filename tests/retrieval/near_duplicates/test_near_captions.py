"""Captions that are alike, against sets compared one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.errors import SettingsError
from concept_linker.retrieval.near_duplicates.captions import RUN, CaptionIndex, plain_words


def runs(caption: str) -> set[tuple[str, ...]]:
    words = plain_words(caption).split()
    return {tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))} - {()}


def jaccard(one: str, other: str) -> float:
    a, b = runs(one), runs(other)
    return len(a & b) / len(a | b) if a | b else 0.0


captions = st.lists(
    st.lists(st.sampled_from("the CT of a left lung in b".split()), max_size=9).map(" ".join),
    max_size=8,
)


@given(captions, captions, st.sampled_from([0.3, 0.5, 0.6, 2 / 3, 0.75, 1.0]))
@settings(max_examples=200, deadline=None)
def test_no_pair_is_missed(indexed: list[str], others: list[str], least: float) -> None:
    found = CaptionIndex(indexed, least).alike(others)
    wanted = {
        (i, j): jaccard(a, b)
        for i, a in enumerate(others)
        for j, b in enumerate(indexed)
        if jaccard(a, b) >= least - 1e-12
    }
    assert {(one.text, one.indexed) for one in found} == set(wanted)
    for one in found:
        assert one.similarity == pytest.approx(wanted[one.text, one.indexed], abs=1e-12)


@pytest.mark.parametrize(
    "caption",
    [
        "CT of the chest: a nodule (arrow)",
        "ct OF THE CHEST –  a nodule, arrow",
        "CT of the chest A nodule 'arrow'.",  # no-break space, em space
        "ＣＴ of the chest a nodule arrow",  # full width
    ],
)
def test_what_is_equal_after_normalisation(caption: str) -> None:
    assert plain_words(caption) == "ct of the chest a nodule arrow"


def test_captions_without_words_are_themselves() -> None:
    assert plain_words("(*) ") == "(*)"
    assert [one.similarity for one in CaptionIndex(["(*)", "(+)"], 0.5).alike(["( * )"])] == [1.0]
    assert CaptionIndex(["", "a"], 0.5).alike(["", " "]) == []


@pytest.mark.parametrize("least", [0.0, -1.0, 1.1])
def test_a_similarity_that_is_none(least: float) -> None:
    with pytest.raises(SettingsError, match="expected a number above 0 and at most 1"):
        CaptionIndex([], least)
