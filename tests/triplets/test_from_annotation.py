"""From annotations to records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_records import ENTRIES

from concept_linker import Annotation, Candidate, Mention
from concept_linker.errors import InputError, SettingsError
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.conversion import apply_profile, repair
from concept_linker.triplets.from_annotation import record_settings, to_record
from concept_linker.triplets.offsets import DecodedCaption, visible
from concept_linker.triplets.record import PROFILES, RECORD_KEYS, SPAN_KEYS, dump
from concept_linker.triplets.wordpiece import WordPiece

OURS = WordPiece({entry: number for number, entry in enumerate(ENTRIES)})


def annotated(text: str, *spans: tuple[int, int], similarity: float = 1.0) -> Annotation:
    best = Candidate("C0000001", "", "", similarity, 0.9)
    return Annotation(text, tuple(Mention(s, e, text[s:e], best=best) for s, e in spans))


@st.composite
def annotations(draw: st.DrawFn, *, of_words: bool = False) -> Annotation:
    word = st.text(alphabet="lungheart-()'s.é語✞µ\u0301", min_size=1, max_size=8)
    text = " ".join(draw(st.lists(word, min_size=1, max_size=12)))
    assume(text != "nan")  # a missing value of pandas, which no record may hold
    places = range(len(text) + 1)
    if of_words:
        places = [p for p in places if not text[p - 1 : p].strip() or not text[p : p + 1].strip()]
    ends = sorted(draw(st.sets(st.sampled_from(places), max_size=8)))
    spans = [(s, e) for s, e in zip(ends[::2], ends[1::2], strict=False) if visible(text[s:e])]
    return annotated(text, *spans, similarity=draw(st.floats(0, 1)))


@given(annotations(), st.sampled_from(["caption", "medconcept23m"]), st.sampled_from([OURS, None]))
def test_records_from_annotations_break_no_rule(
    annotation: Annotation, offsets: Any, tokenizer: WordPiece | None
) -> None:
    try:
        record: Any = to_record(annotation, image="a.jpg", tokenizer=tokenizer, offsets=offsets)
    except InputError as error:
        assert tokenizer is not None
        assert "decoded text" in str(error)  # noqa: PT017
        return
    assert tuple(record) == RECORD_KEYS
    assert all(tuple(span) == SPAN_KEYS for span in record["umls_meta_info"])
    assert json.loads(dump(record)) == record
    assert len(record["umls_meta_info"]) == len(annotation)
    rules = Rules(form="full", offsets=offsets, wordpiece=tokenizer)
    if tokenizer is None or all(map(tokenizer.knows, annotation.text.split())):
        assert Checker(rules).breaches(record) == []
    if offsets == "caption":
        places = [(span["start_char"], span["end_char"]) for span in record["umls_meta_info"]]
        texts = [annotation.text[start:end] for start, end in places]
        assert texts == [mention.text.strip() for mention in annotation]


@given(annotations(of_words=True))
def test_repair_reverses_the_published_profile(annotation: Annotation) -> None:
    exact: Any = to_record(annotation, image="a.jpg")
    published, lost = apply_profile(exact, PROFILES["medconcept23m"] | {"min_similarity": 0.0})
    assert lost == []
    assert published == to_record(annotation, image="a.jpg", offsets="medconcept23m")
    repaired, lost = repair(published)
    assert lost == []
    for old, new in zip(exact["umls_meta_info"], repaired["umls_meta_info"], strict=True):
        texts = (annotation.text[s["start_char"] : s["end_char"]] for s in (old, new))
        assert len(set(map(visible, texts))) == 1


def test_the_published_sample_is_reproduced_from_its_mentions(
    sample: list[dict[str, Any]], sample_lines: list[str], published: WordPiece
) -> None:
    """Annotations with the published concepts give the published lines, byte for byte."""
    for record, line in zip(sample, sample_lines, strict=True):
        decoded = DecodedCaption(record["caption"], published)
        mentions = []
        for span in record["umls_meta_info"]:
            start, end = decoded.to_caption(span["start_char"], span["end_char"])
            best = Candidate(span["umls_cui"], "", "", span["umls_similarity"], 0.9)
            mentions.append(Mention(start, end, record["caption"][start:end], best=best))
        keys = ("pmid", "pmc", "fig_caption", "fig_id", "fig_label", "graphic_ref", "href", "image")
        made = to_record(
            Annotation(record["caption"], tuple(mentions)),
            **{key: record[key] for key in keys},
            tokenizer=published,
            **PROFILES["medconcept23m"],
        )
        assert dump(made) == line


def test_which_mentions_become_spans() -> None:
    text = "left lung, right lung, heart and left heart"
    named = annotated(text, (5, 9), (0, 9), (11, 21), (23, 28), (33, 43))
    curie = Candidate("UBERON:0000948", "heart", "heart", 1.0, 0.9)
    low = Candidate("C0018787", "heart", "heart", 0.5, 0.9)
    mentions = list(named.mentions)
    mentions[3] = Mention(23, 28, "heart", best=curie)
    mentions[4] = Mention(33, 43, "left heart", best=low)
    mentions.append(Mention(29, 32, "and"))
    annotation = Annotation(text, tuple(mentions))

    def places(**options: Any) -> list[tuple[int, int]]:
        spans = to_record(annotation, image="a.jpg", **options)["umls_meta_info"]
        return [(span["start_char"], span["end_char"]) for span in spans]

    assert places() == [(0, 9), (11, 21), (33, 43)]
    assert places(min_similarity=0.8) == [(0, 9), (11, 21)]
    assert places(max_words=3) == [(0, 9)]
    assert places(**PROFILES["medconcept23m"]) == [(0, 10 - 1), (12 - 1, 22 - 1)]


def test_negated_mentions_are_dropped_or_kept() -> None:
    best = Candidate("C0000001", "", "", 1.0, 0.9)
    text = "No lesion of the pelvis."
    lesion, pelvis = Mention(3, 9, "lesion", negated=True, best=best), Mention(17, 23, "pelvis")
    annotation = Annotation(text, (lesion, replace(pelvis, best=best)))

    def starts(**options: Any) -> list[int]:
        record = to_record(annotation, image="a.jpg", **options)
        return [span["start_char"] for span in record["umls_meta_info"]]

    assert starts() == starts(**PROFILES["exact"]) == [17]
    assert starts(negated="keep") == starts(**PROFILES["medconcept23m"]) == [3, 17]
    with pytest.raises(SettingsError, match="negated is 'mark', expected 'drop' or 'keep'"):
        starts(negated="mark")


def test_a_mention_inside_a_word(wordpiece: WordPiece) -> None:
    annotation = annotated("lungs", (0, 4))
    [span] = to_record(annotation, image="a.jpg", tokenizer=wordpiece)["umls_meta_info"]
    assert span["tokens"] == ["lung"]
    [span] = to_record(annotation, image="a.jpg")["umls_meta_info"]
    assert span["tokens"] == ["lungs"]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("", {}, "caption: is empty"),
        ("a\ud800", {}, "surrogate"),
        ("lung", {"image": "../a.jpg"}, "image"),
        ("lung", {"pmc": "PMC1"}, "pmc"),
    ],
)
def test_values_that_no_record_may_hold(text: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        to_record(Annotation(text), **{"image": "a.jpg", **options})


def test_unknown_offsets() -> None:
    with pytest.raises(SettingsError, match="expected 'caption' or 'medconcept23m'"):
        to_record(Annotation("lung"), image="a.jpg", offsets="bytes")  # type: ignore[arg-type]


def test_record_settings(wordpiece: WordPiece) -> None:
    assert record_settings()["tokens"] == "basic words"
    settings = record_settings(tokenizer=wordpiece, **PROFILES["medconcept23m"])
    assert settings["wordpiece_sha256"] == wordpiece.sha256
    assert settings["max_words"] == 75
