"""The text as it is read: white space, broken words, missing blanks, and the way back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.detection.cleaning import clean_text

# What a file may put where an author has typed a blank.
WHITE = st.sampled_from([" ", "  ", "\n", "\r\n", "\n   ", "\t", "\N{NO-BREAK SPACE}", "\u2009"])
PIECES = st.sampled_from(
    [*" \n\t-;:,.+/()[]_aßɣ1α", "lung", "pneumo", "T2", "ﬁ", "\u200b", "\u00ad", "\u2009", "𝛼"]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS)
def test_places_lead_back(text: str) -> None:
    read = clean_text(text)
    for place, char in enumerate(read.text):
        start, end = read.to_original(place, place + 1)
        assert 0 <= start <= end <= len(text)
        if char.isalnum():
            assert start < end
            assert read.from_original(start, end)[0] <= place
    if read.starts is not None and read.ends is not None:
        assert read.starts == sorted(read.starts)
        assert read.ends == sorted(read.ends)


@given(TEXTS)
def test_what_is_read_is_read_the_same_again(text: str) -> None:
    once = clean_text(text).text
    assert clean_text(once).text == once


WORDS = "No evidence of a T2-weighted lesion; kidney and spleen (arrow).".split()


@given(st.lists(WHITE, min_size=len(WORDS) - 1, max_size=len(WORDS) - 1))
def test_any_wrapping_reads_the_same(blanks: list[str]) -> None:
    wrapped = "".join(word + blank for word, blank in zip(WORDS, [*blanks, ""], strict=True))
    assert clean_text(wrapped).text == " ".join(WORDS)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("pneumo-\nthorax", "pneumothorax"),
        ("pul-\r\n  monary", "pulmonary"),
        ("syndesmo\u2010\nphytes", "syndesmophytes"),
        ("hydro\u00ad\nnephrosis", "hydronephrosis"),
        ("T2-\nweighted", "T2-weighted"),
        ("contrast-\nenhanced", "contrast-enhanced"),
        ("IL-\n6 and 5-\n10 mm", "IL-6 and 5-10 mm"),
        ("left -\nright, pre-\nand postoperative", "left - right, pre- and postoperative"),
        ("kidney;liver;spleen", "kidney; liver; spleen"),
        ("edema+pneumothorax", "edema + pneumothorax"),
        ("solid/cystic and/or with/without", "solid / cystic and/or with/without"),
        ("MRI(brain)shows", "MRI (brain) shows"),
        ("chest.The lung.right", "chest. The lung. right"),
        ("lung_cancer, MRI_brain", "lung cancer, MRI brain"),
        ("liver|spleen|MRI", "liver | spleen | MRI"),
        ("Liver•Spleen, aorta→aneurysm", "Liver • Spleen, aorta → aneurysm"),
        ("liver=normal, |r|=0.9, p=NS", "liver = normal, |r|=0.9, p=NS"),
        # marks that belong to what they stand in
        ("vitamin B(12), Ca(2+), poly(ethylene)", "vitamin B(12), Ca(2+), poly(ethylene)"),
        ("t(9;22), 1,2-dichloro, PET/CT, mg/kg", "t(9;22), 1,2-dichloro, PET/CT, mg/kg"),
        ("https://a.org/lung(left);right_one", "https://a.org/lung(left);right_one"),
        ("one\n\ntwo \n \n three", "one\n\ntwo\n\nthree"),
        ("vita\u200bmin and \ufeffpneumo\u00adthorax", "vitamin and pneumothorax"),
        ("ﬁbrosis, TNF-𝛼, IL-1ß, interferon-ɣ", "fibrosis, TNF-α, IL-1β, interferon-γ"),
        ("Straße, groß", "Straße, groß"),
    ],
)
def test_texts(text: str, read: str) -> None:
    found = clean_text(text)
    assert found.text == read
    for word in re.finditer(r"[^\W_]+", found.text):
        start, end = found.to_original(*word.span())
        assert found.from_original(start, end) == word.span()


def test_an_ordinary_text_is_taken_as_it_is() -> None:
    read = clean_text("CT shows a nodule (arrow) in the left lung, 5 mm.")
    assert read.starts is None
    assert read.to_original(3, 8) == read.from_original(3, 8) == (3, 8)


def test_a_span_of_which_nothing_is_read_is_empty() -> None:
    read = clean_text("a\u200bb")
    first, last = read.from_original(1, 2)
    assert first == last
