from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.search.normalise import TOKEN, case_agrees, fold, is_symbol, key, keys

LATIN = st.text(
    st.characters(codec="utf-8", categories=("Ll", "Lu", "Nd", "Zs", "Po", "Pd", "Mn")), max_size=40
)


@pytest.mark.parametrize(
    "spellings",
    [
        ("lesion", "lesions", "Lesion", "LESIONS", " lesion "),
        ("IL-6", "IL6", "IL 6", "il-6"),
        ("TNF-α", "TNF alpha", "TNFα", "TNF‐α"),
        ("oedema", "edema", "Œdema"),
        ("tumour", "tumor", "tumours", "Tumors"),
        ("haemorrhage", "hemorrhages"),
        ("metastasis", "metastases"),
        ("diagnosis", "diagnoses"),
        ("vertebra", "vertebrae"),
        ("bronchus", "bronchi"),
        ("bacterium", "bacteria"),
        ("biopsy", "biopsies"),
        ("Alzheimer's disease", "Alzheimer disease", "Alzheimer’s diseases"),
        ("\u01fc", "\u00c6\u0301"),
        ("naïve", "naive", "nai\u0308ve"),
        ("Ca²⁺", "Ca2+"),
        ("µm", "μm"),
        ("ﬁbrosis", "fibrosis"),
        ("MRI", "MRIs"),
    ],
)
def test_spellings_of_one_name_have_one_key(spellings: tuple[str, ...]) -> None:
    assert {key(spelling) for spelling in spellings} == {key(spellings[0])}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RAS", "RA"),
        ("gas", "ga"),
        ("virus", "viru"),
        ("type 1", "type 2"),
        ("pelvis", "pelvi"),
        ("bone", "bonus"),
        ("IL-6", "IL-16"),
        ("mass", "mas"),
    ],
)
def test_different_names_keep_different_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_inverted_names_have_both_readings() -> None:
    assert keys("Carcinoma, Squamous Cell") == (
        key("squamous cell carcinoma"),
        key("Carcinoma Squamous Cell"),
    )
    assert keys("lung, left")[0] == key("left lung")
    assert keys("1,25-dihydroxyvitamin D") == (key("1 25 dihydroxyvitamin D"),)


@given(LATIN)
def test_key_is_the_keys_of_its_tokens(text: str) -> None:
    # What lets the dictionary look up any run of a caption's tokens.
    assert key(text) == " ".join(part for token in TOKEN.findall(text) if (part := fold(token)))


@given(st.text(max_size=60))
def test_any_text_has_a_key_that_can_be_stored(text: str) -> None:
    for one in keys(text):
        assert one
        assert one == one.strip()
        assert "  " not in one
        assert all(c == " " or c.isalnum() for c in one)
        one.encode()  # no surrogate has stayed


@given(LATIN)
def test_composed_and_decomposed_text_are_equal(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", composed)
    assert key(composed) == key(decomposed)


@given(st.lists(st.sampled_from(["Mri", "left", "Lung", "β", "12", "Œdema"]), min_size=1))
def test_case_and_spacing_of_ordinary_words_are_ignored(words: list[str]) -> None:
    assert key("  ".join(words)) == key(" - ".join(word.lower() for word in words))


@pytest.mark.parametrize(
    ("mention", "name", "agrees"),
    [
        ("cat", "CAT", False),
        ("CAT", "cat", False),
        ("CAT", "CAT", True),
        ("MRIs", "MRI", True),
        ("Was", "WAS", False),
        ("was", "WAS", False),
        ("Lesion", "lesion", True),
        ("HIPPOCAMPUS", "Hippocampus", True),
        ("BMP4", "Bmp4", True),
        ("p53", "P53", True),
        ("cat 2", "CAT2", False),
        ("mTOR", "MTOR", False),
    ],
)
def test_case(mention: str, name: str, agrees: bool) -> None:
    assert case_agrees(mention, name) is agrees


@given(st.text(max_size=12))
def test_a_name_agrees_with_itself(name: str) -> None:
    assert case_agrees(name, name)


def test_symbols() -> None:
    assert all(map(is_symbol, ("MRI", "IL-6", "Bmp4", "mTOR", "H&E", "T2", "p53", "DNA")))
    assert not any(map(is_symbol, ("lesion", "Lesion", "", "+", "left lung", "Hippocampus")))
