"""The decoded text and its mapping to the caption, on arbitrary text."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from concept_linker.errors import InputError
from concept_linker.triplets.agreement import text_of_tokens
from concept_linker.triplets.offsets import (
    DecodedCaption,
    basic_words,
    decode,
    visible,
    visible_sources,
)
from concept_linker.triplets.wordpiece import WordPiece

# Text as captions have it, with what breaks offsets; and anything.
MARKS = st.text(alphabet="aB.,!?'’n tsmvre()-–\u2009\u00a0\n\t\u0301é\u0000\u200b한語µİΣ\ufffd")
TEXTS = st.one_of(MARKS, st.text())
NORMALIZER, SPLITTER = BertNormalizer(lowercase=True), BertPreTokenizer()


def oracle(text: str) -> list[str]:
    normal = NORMALIZER.normalize_str(text)
    return [word for word, _ in SPLITTER.pre_tokenize_str(normal)]


def test_every_character_is_folded_as_in_tokenizers() -> None:
    # The library's tables are older than Python's: newer characters may differ.
    different = {
        character
        for character in map(chr, (*range(0xD800), *range(0xE000, 0x30000)))
        if basic_words(f"a{character}b") != oracle(f"a{character}b")
    }
    kinds = {unicodedata.category(character) for character in different}
    assert len(different) < 1000
    assert kinds <= {"Mn", "Mc", "Po", "Ps", "Pe", "Pd", "Pi", "Pf", "Cf", "So", "Cn"}
    latin_greek_cyrillic_and_symbols = {
        c for c in different if c < "\u0530" or "\u2000" <= c < "\u2e00"
    }
    assert latin_greek_cyrillic_and_symbols == set()


@given(MARKS)
def test_words_equal_those_of_tokenizers(text: str) -> None:
    assert basic_words(text) == oracle(text)


@given(TEXTS)
def test_each_visible_character_maps_to_its_source(caption: str) -> None:
    decoded = DecodedCaption(caption)
    assert decoded.text == decode(basic_words(caption))
    assert visible(caption) == decoded.text.replace(" ", "")
    sources = visible_sources(caption)
    assert sources == sorted(sources)
    places = [place for place, character in enumerate(decoded.text) if character != " "]
    for place, source in zip(places, sources, strict=True):
        assert decoded.to_caption(place, place + 1)[0] == source
        assert decoded.text[place] in visible(caption[source])


@given(TEXTS, st.data())
def test_round_trip_from_the_caption(caption: str, data: Any) -> None:
    """A span of the caption without spaces at its ends maps back to itself."""
    visible_places = visible_sources(caption)
    if not visible_places:
        return
    start = data.draw(st.sampled_from(visible_places))
    end = data.draw(st.sampled_from([place for place in visible_places if place >= start])) + 1
    decoded = DecodedCaption(caption)
    there = decoded.from_caption(start, end)
    assert visible(decoded.text[slice(*there)]) == visible(caption[start:end])
    back = decoded.to_caption(*there)
    # Combining marks after the last letter are included.
    assert back[0] == start
    assert set(map(unicodedata.category, caption[end : back[1]])) <= {"Mn"}
    assert decoded.from_caption(*back) == there


@given(TEXTS, st.data())
def test_round_trip_from_the_decoded_text(caption: str, data: Any) -> None:
    """A span of the decoded text maps back to itself, or to whole characters of the caption."""
    decoded = DecodedCaption(caption)
    visible_places = [place for place, character in enumerate(decoded.text) if character != " "]
    if not visible_places:
        return
    start = data.draw(st.sampled_from(visible_places))
    end = data.draw(st.sampled_from([place for place in visible_places if place >= start])) + 1
    back = decoded.from_caption(*decoded.to_caption(start, end))
    if len(set(visible_sources(caption))) == len(visible_sources(caption)):
        assert back == (start, end)
    else:  # a Hangul syllable is several characters in the decoded text
        assert back[0] <= start
        assert back[1] >= end


@pytest.mark.parametrize("span", [(-1, 2), (0, 0), (2, 1), (0, 99), (4, 5)])
def test_an_invalid_span_is_an_error(span: tuple[int, int]) -> None:
    decoded = DecodedCaption("left lung")
    with pytest.raises(InputError):
        decoded.to_caption(*span)
    with pytest.raises(InputError):
        decoded.from_caption(*span)


def test_a_combining_mark_stays_with_its_letter() -> None:
    caption = "cafe\u0301 noir"
    start, end = DecodedCaption(caption).to_caption(0, 4)
    assert caption[start:end] == "cafe\u0301"


def test_an_unknown_word_is_not_in_the_decoded_text(wordpiece: WordPiece) -> None:
    caption = "left ✞𝕍 lung 語 ."
    decoded = DecodedCaption(caption, wordpiece)
    assert decoded.text == "left lung."
    assert decoded.to_caption(5, 9) == (8, 12)
    assert decoded.from_caption(8, 12) == (5, 9)
    places = [place for place, character in enumerate(decoded.text) if character != " "]
    found = [caption[decoded.to_caption(place, place + 1)[0]] for place in places]
    assert found == list("leftlung.")
    with pytest.raises(InputError):
        decoded.from_caption(5, 7)


def test_the_published_offsets(sample: list[dict[str, Any]], published: WordPiece) -> None:
    spans = 0
    for record in sample:
        decoded = DecodedCaption(record["caption"], published)
        for span in record["umls_meta_info"]:
            place = span["start_char"], span["end_char"]
            exact = decoded.to_caption(*place)
            assert visible(record["caption"][slice(*exact)]) == text_of_tokens(span["tokens"])
            assert decoded.from_caption(*exact) == place
            spans += 1
    assert spans == 157
