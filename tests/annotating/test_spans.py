"""Spans built together equal those that ``to_record`` makes one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.annotating.shards import spans
from concept_linker.annotating.shards.spans import build_spans, minimise_spans
from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.errors import InputError
from concept_linker.triplets.from_annotation import select_mentions, to_record
from concept_linker.triplets.offsets import basic_words, visible
from concept_linker.triplets.record import PROFILES, SPANS, minimise

# What folding treats differently: accents, blanks and dashes, ligatures, Han, controls, marks.
LETTERS = "aZ5 .,-(é\u2009–ßİΣςﬁ½≠漢\x07\u200b\t\u0301\U00020001𝛼"
CANDIDATES = st.builds(
    Candidate,
    st.sampled_from(["C0000001", "C1234567", "UBERON:1", "C123"]),
    st.just("name"),
    st.just("alias"),
    st.sampled_from([0.0, 0.1, 0.7, 1.0, 1.0 + 2**-23, 1.5, float("nan")]),
    st.just(0.5),
)


@st.composite
def annotations(draw: st.DrawFn) -> Annotation:
    """Any caption with any mentions: mostly in order, mostly inside the text."""
    text = draw(st.text(LETTERS, min_size=1, max_size=30))
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    if draw(st.integers(0, 9)) == 0:
        pairs = [*pairs, (0, len(text)), (len(text), len(text) + 2)][::-1]
    best = st.one_of(st.none(), CANDIDATES)
    mentions = (
        Mention(
            a,
            b,
            text[a:b],
            draw(st.sampled_from(["", "ANAT"])),
            negated=draw(st.booleans()),
            best=draw(best),
        )
        for a, b in pairs
    )
    return Annotation(text, tuple(mentions))


def twin(annotation: Annotation, **how: Any) -> list[Any] | str:
    try:
        return to_record(annotation, image="-", **how)[SPANS]
    except InputError as error:
        return str(error)


@given(
    st.lists(annotations(), max_size=6),
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(["drop", "keep"]),
)
def test_they_equal_those_of_single_records(
    given_: list[Annotation], profile: str, negated: Any
) -> None:
    how: Any = {**PROFILES[profile], "negated": negated}
    found, details, problems = build_spans(given_, how, None)
    expected = [twin(one, **how) for one in given_]
    assert problems == {n: one for n, one in enumerate(expected) if isinstance(one, str)}
    good = [[] if isinstance(one, str) else one for one in expected]
    assert found.to_pylist() == good
    small = [minimise({"caption": "", "image": "", SPANS: one})[0][SPANS] for one in good]  # type: ignore[typeddict-item]
    assert minimise_spans(found).to_pylist() == small
    rules = [how[name] for name in ("min_similarity", "max_words", "negated")]
    for annotation, made, found_details in zip(
        given_, found.to_pylist(), details.to_pylist(), strict=True
    ):
        mentions = [one for one, _ in select_mentions(annotation, *rules)] if made else []
        assert [(one["label"], one["negated"]) for one in found_details] == [
            (one.label, one.negated) for one in mentions
        ]
        assert len(found_details) == len(made)


def test_ordinary_captions_are_built_together(monkeypatch: pytest.MonkeyPatch) -> None:
    heart = Candidate("C0018787", "Heart", "heart", 0.9, 0.9)
    texts = ["The heart.", "Café – heart (5 µm)", "No heart\there", "none"]
    given_ = []
    for text in texts:
        place = text.find("heart")
        mention = Mention(place, place + 5, "heart", best=heart)
        given_.append(Annotation(text, (mention,) if place > 0 else ()))
    expected = [twin(one) for one in given_]
    monkeypatch.delattr(spans, "_build_one_by_one")
    found, details, problems = build_spans(given_, PROFILES["exact"], None)
    assert details.to_pylist()[0] == [
        {"probability": 1.0, "score": pytest.approx(0.9), "label": "", "negated": False}
    ]
    assert (found.to_pylist(), problems) == (expected, {})


def test_every_character_is_folded_as_basic_words_does() -> None:
    for code in (*range(0x3400), *range(0x3400, 0x32000, 23)):
        if 0xD800 <= code < 0xE000:
            continue
        text = f"x{chr(code)}y"
        folded = spans._fold(text)
        if (folded == spans._SEVERAL).any():
            assert len(visible(text)) != 3, code
            continue
        words = spans._Words(folded[folded != spans._REMOVED])
        assert words.texts(np.arange(words.before[-1])) == basic_words(text), code
