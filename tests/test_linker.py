"""Linking, end to end on the open base: offsets, order, robustness, determinism."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import concept_linker
from concept_linker import (
    Annotation,
    ConceptLinker,
    ConceptLinkerError,
    InputError,
    KnowledgeBase,
    SettingsError,
)
from concept_linker.detection.detector import Span
from concept_linker.detection.registry import open_detector
from concept_linker.settings import LinkerSettings

CAPTION = "Axial T2-weighted MRI shows a hyperintense lesion in the left hippocampus."


@pytest.fixture(scope="module")
def linker(open_base: KnowledgeBase) -> ConceptLinker:
    return ConceptLinker.load(open_base)


def check(annotation: Annotation, text: str) -> None:
    """What holds for every annotation."""
    assert annotation.text == text
    end = 0
    for mention in annotation:
        assert end <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.text
        end = mention.end
        scores = [candidate.score for candidate in mention.candidates]
        assert scores == sorted(scores, reverse=True)
        ids = [candidate.concept_id for candidate in mention.candidates]
        assert len(set(ids)) == len(ids)
        assert all(0 <= c.score <= 1 and 0 <= c.similarity <= 1 for c in mention.candidates)
        assert mention.best is None or mention.best == mention.candidates[0]


def best_ids(annotation: Annotation) -> dict[str, str]:
    return {m.text: m.best.concept_id for m in annotation if m.best}


def test_the_readme_caption(linker: ConceptLinker) -> None:
    annotation = linker.link(CAPTION)
    check(annotation, CAPTION)
    found = best_ids(annotation)
    assert found["hippocampus"] == "C0019564"
    assert found["lesion"] == "C0221198"
    assert found["MRI"] == "C0024485"
    labels = {mention.text: mention.label for mention in annotation}
    assert labels["hippocampus"] == "ANAT"
    assert labels["MRI"] == "PROC"


def test_link() -> None:
    assert best_ids(concept_linker.link(CAPTION))["hippocampus"] == "C0019564"


@pytest.mark.parametrize(
    ("text", "mention", "concept_id"),
    [
        ("Chest CT: bilateral pleural effusions.", "pleural effusions", "C0032227"),
        ("HEMATOXYLIN AND EOSIN STAIN OF THE LIVER", "LIVER", "C0023884"),
        ("Haemorrhage in the brain", "Haemorrhage", "C0019080"),
        ("lymph‐node biopsies", "biopsies", "C0005558"),
        ("IL‑6 in the lesion", "IL‑6", "C0021760"),
        ("AXIAL MRI SHOWS A LESION IN THE LIVER", "LIVER", "C0023884"),
        ("expression of p53", "p53", "C0080055"),
        ("🧠 hippocampus 🧠", "hippocampus", "C0019564"),
        ("e\u0301dema, \u202bhippocampus\u202c", "hippocampus", "C0019564"),
    ],
)
def test_spellings(linker: ConceptLinker, text: str, mention: str, concept_id: str) -> None:
    annotation = linker.link(text)
    check(annotation, text)
    assert best_ids(annotation).get(mention) == concept_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\n",
        "\0",
        "a\0b\0 lesion",
        "\ud800",
        "lesion \udfff lesion",
        "שלום lesion",
        "1 2 3",
        "—",
    ],
)
def test_odd_texts_have_right_offsets(linker: ConceptLinker, text: str) -> None:
    annotation = linker.link(text)
    check(annotation, text)
    assert [m.text for m in annotation if m.best] == ["lesion"] * text.count("lesion")


@pytest.mark.parametrize("given_", [None, b"lesion", 3, 1.5, ["lesion"], object()])
def test_other_types_than_str_are_refused(linker: ConceptLinker, given_: object) -> None:
    with pytest.raises(InputError, match="expected str"):
        linker.link(given_)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected str"):
        linker.link_spans(given_, [(0, 1)])  # type: ignore[arg-type]


WORDS = (
    "lesion MRI CAT cat (A) T2-weighted β é e\u0301 🧠 ’s 12 IL-6 _ ﬁ 漢字 left hippocampus".split()
)
ODD = ["\0", "\u202e", " ", ", ", ". ", "-", "\n", "\ud834"]
PIECES = st.sampled_from([*WORDS, *ODD])


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=80))
def test_any_text(open_base: KnowledgeBase, text: str) -> None:
    linker = ConceptLinker.load(open_base)
    annotation = linker.link(text)
    check(annotation, text)
    assert linker.link(text) == annotation
    assert pickle.loads(pickle.dumps(annotation)) == annotation  # noqa: S301


def test_a_megabyte_of_text(linker: ConceptLinker) -> None:
    text = ("The lesion in the left hippocampus is hyperintense (arrow). " * 20_000)[:1_000_000]
    annotation = linker.link(text)
    check(annotation, text)
    assert sum(m.text == "hippocampus" for m in annotation) >= 16_000
    assert len(linker.link("x" * 1_000_000).mentions) == 0


def test_a_stream_is_taken_as_it_comes(linker: ConceptLinker) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"{CAPTION} {taken}"

    stream = linker.link_many(texts(), batch_size=4)
    first = [next(stream) for _ in range(6)]
    assert taken == 8
    assert [annotation.text for annotation in first] == [f"{CAPTION} {i}" for i in range(1, 7)]
    assert first[0].mentions == linker.link(f"{CAPTION} 1").mentions


def test_a_bad_text_in_a_stream_does_not_affect_earlier_ones(linker: ConceptLinker) -> None:
    done = []
    texts: list[Any] = [*[CAPTION] * 5, 7, CAPTION]
    with pytest.raises(InputError, match="text number 5 is 7"):
        done.extend(linker.link_many(texts, batch_size=4))
    assert len(done) == 5


def test_given_mentions_are_linked(linker: ConceptLinker) -> None:
    text = "No cardiomegally but hippocampi; also a qqqqzzzz."
    spans = [(21, 31), (3, 16), (40, 48)]
    annotation = linker.link_spans(text, spans)
    assert [(m.start, m.end) for m in annotation] == spans
    exact, near, nothing = annotation.mentions
    assert exact.best is not None
    assert (exact.best.concept_id, exact.best.similarity) == ("C0019564", 1.0)
    assert near.best is not None
    assert near.best.name == "Cardiomegaly"
    assert 0.7 <= near.best.similarity < 1.0
    assert nothing.best is None
    assert all(candidate.score < 0.1 for candidate in nothing.candidates)


@pytest.mark.parametrize("span", [(0, 0), (3, 2), (-1, 2), (0, 99), (0,), "ab", (0.0, 2.0), None])
def test_bad_spans_are_refused(linker: ConceptLinker, span: object) -> None:
    with pytest.raises(InputError, match="span"):
        linker.link_spans("lesion", [span])  # type: ignore[list-item]


def test_a_user_defined_detector(open_base: KnowledgeBase) -> None:
    class Capitals:
        def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
            for text in texts:
                at = text.find("MRI")
                yield [Span(at, at + 3, "X")] if at >= 0 else []

    linker = ConceptLinker.load(open_base, detector=Capitals())
    [mention] = linker.link(CAPTION)
    assert (mention.text, mention.label) == ("MRI", "X")


@pytest.mark.parametrize("chance", [1.0, 0.5, 0.25])
def test_confidence_is_the_product_of_probability_and_score(
    open_base: KnowledgeBase, chance: float
) -> None:
    class Unsure:
        def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
            return (
                [Span(at, at + 6, probability=chance)] for at in (t.find("lesion") for t in texts)
            )

    linker = ConceptLinker.load(open_base, detector=Unsure())
    text = "A lesion of the hippocampus."
    [given] = linker.link_spans(text, [(2, 8)]).mentions
    [found] = linker.link(text).mentions
    assert given.best is not None
    assert found.candidates == given.candidates
    assert (found.probability, given.probability) == (chance, 1.0)
    confidence = chance * given.candidates[0].score
    assert (found.best is not None) == (confidence >= linker.settings.min_score)
    assert found.confidence == (confidence if found.best else 0.0)
    [why] = linker.explain(text)
    assert (why.best, why.second) == found.candidates[:2]


def test_the_network_gives_probabilities(open_base: KnowledgeBase) -> None:
    for name in ("hybrid", "ner"):
        detector = open_detector(name, open_base)
        [spans] = detector.detect([CAPTION]).spans
        assert all(detector.threshold - 1e-6 <= span.probability <= 1 for span in spans), name
        assert len({span.probability for span in spans}) > 1
    [named] = open_detector("dictionary", open_base).detect([CAPTION]).spans
    assert {span.probability for span in named} == {1.0}


def test_an_equal_name_is_trusted_though_training_had_it_not(linker: ConceptLinker) -> None:
    for symbol in ("ADRB2", "GATA4", "NOTCH2", "osteopoikilosis", "subclavian steal syndrome"):
        [mention] = linker.link_spans(f"{symbol} staining", [(0, len(symbol))]).mentions
        assert mention.best is not None, symbol
        assert (mention.best.similarity, mention.best.score > 0.6) == (1.0, True), symbol


def test_settings(open_base: KnowledgeBase) -> None:
    assert all(len(m.candidates) <= 1 for m in ConceptLinker.load(open_base, k=1).link(CAPTION))
    strict = ConceptLinker.load(open_base, min_score=1.0)
    assert any(m.best is None and m.candidates for m in strict.link(CAPTION))
    for wrong in ({"k": 0}, {"min_similarity": 2}, {"nonsense": 1}, {"min_score": "high"}):
        with pytest.raises(SettingsError, match=next(iter(wrong))) as caught:
            ConceptLinker.load(open_base, **wrong)
        assert str(caught.value).endswith(f"the settings are {LinkerSettings.summary()}")
    with pytest.raises(SettingsError, match="detector"):
        ConceptLinker.load(open_base, detector="magic")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="batch_size"):
        next(ConceptLinker.load(open_base).link_many([CAPTION], batch_size=0))
    with pytest.raises(ConceptLinkerError, match="no such knowledge base"):
        ConceptLinker.load("/nowhere/at/all")


def test_annotations_are_plain_values(linker: ConceptLinker) -> None:
    annotation = linker.link(CAPTION)
    assert len(annotation) == len(annotation.mentions) == len(list(annotation))
    row = annotation.to_dict()
    assert row["text"] == CAPTION
    for mention, given_ in zip(row["mentions"], annotation, strict=True):
        assert CAPTION[mention["start"] : mention["end"]] == mention["text"]
        assert mention["best"]["concept_id"] == given_.best.concept_id  # type: ignore[union-attr]


def test_a_caption_in_capitals_has_no_symbols(linker: ConceptLinker) -> None:
    found = [m.text for m in linker.link("THE LEFT LESION WAS SET IN THE HIPPOCAMPUS")]
    assert found == ["LEFT", "LESION", "HIPPOCAMPUS"]


def test_wrong_arguments_are_refused_in_one_line(linker: ConceptLinker) -> None:
    for wrong in (None, "MRI", b"MRI", 3):
        with pytest.raises(InputError, match="expected an iterable of str"):
            next(linker.link_many(wrong))  # type: ignore[arg-type]
    for size in (None, 1.5, "4", 0):
        with pytest.raises(SettingsError, match="batch_size"):
            next(linker.link_many([CAPTION], batch_size=size))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="spans are NoneType"):
        linker.link_spans(CAPTION, None)  # type: ignore[arg-type]
    for kb in (None, "a\0b", 7):
        with pytest.raises(ConceptLinkerError, match="knowledge base"):
            ConceptLinker.load(kb)  # type: ignore[arg-type]


def test_a_linker_travels_as_a_path(linker: ConceptLinker) -> None:
    packed = pickle.dumps(linker)
    assert len(packed) < 2_000_000  # the prior counts and the list of words, not the base
    assert pickle.loads(packed).link(CAPTION) == linker.link(CAPTION)  # noqa: S301
