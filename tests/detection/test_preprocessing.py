"""Long texts are processed in passages: nothing is lost, split or reported twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.detection import preprocessing
from concept_linker.detection.preprocessing import batches, preprocess

SENTENCE = "CT of the chest shows a nodule in the left lung, no effusion. "


@given(
    st.lists(st.sampled_from(["lung", ". ", " ", "\n", "(CT)", "é", "computed tomography (CT)"])),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=8),
)
def test_passages_are_the_text(pieces: list[str], wanted: list[tuple[int, int]]) -> None:
    text = "".join(pieces)
    given_spans = tuple((a, a + n) for a, n in wanted if a + n <= len(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocessing, "LONGEST_PASSAGE", 40)
        caption = preprocess(text, given_spans)
    clean = caption.passages[0].clean
    assert "".join(passage.text for passage in caption.passages) == clean.text
    longest = max([40, *(b - a for a, b in given_spans)])
    assert all(len(one.text) <= 2 * sum(b - a for a, b in given_spans) + longest
               for one in caption.passages)  # fmt: skip
    found = {}
    for passage in caption.passages:
        for number, (start, end) in zip(passage.numbers, passage.spans or (), strict=True):
            assert 0 <= start <= end <= len(passage.text)
            found[number] = (start + passage.begin, end + passage.begin)
        for definition in passage.definitions:
            for start, end in definition.occurrences:
                assert passage.text[start:end] == definition.short
    assert [found[n] for n in range(len(given_spans))] == [
        clean.from_original(*span) for span in given_spans
    ]


def test_batches_bound_characters() -> None:
    found = list(batches(["a" * 40_000] * 5, 256))
    assert [len(batch) for batch in found] == [2, 2, 1]
    assert [len(batch) for batch in batches(iter("abcde"), 2)] == [2, 2, 1]


def test_a_long_text_is_linked_as_its_sentences_are(open_base: KnowledgeBase) -> None:
    linker = ConceptLinker.load(open_base)
    text = SENTENCE * 600
    linked = linker.link(text)
    alone = linker.link(SENTENCE)
    assert len(linked) == 600 * len(alone)
    assert {(m.text, m.negated, m.best and m.best.concept_id) for m in linked} == {
        (m.text, m.negated, m.best and m.best.concept_id) for m in alone
    }
    assert all(text[m.start : m.end] == m.text for m in linked)


def test_a_long_text_keeps_equal_candidates_once(open_base: KnowledgeBase) -> None:
    linked = ConceptLinker.load(open_base).link("lung, " * 5000)
    assert len(linked) == 5000
    assert len({id(mention.candidates) for mention in linked}) < 500
    assert all(mention.best is mention.candidates[0] for mention in linked)


def test_a_short_form_is_explained_far_away(open_base: KnowledgeBase) -> None:
    text = "Rheumatic disease (RD) in adults. " + "Normal. " * 3000 + "RD of the hand."
    [*_, mention] = [m for m in ConceptLinker.load(open_base).link(text) if m.text == "RD"]
    assert mention.start > 20_000
    assert mention.long_form == "Rheumatic disease"


def test_given_mentions_of_a_long_text(open_base: KnowledgeBase) -> None:
    text = SENTENCE * 400
    places = [text.rindex("nodule"), text.index("chest"), 9000, text.index("nodule")]
    spans = [(place, place + 6) for place in places]
    spans.append((100, 20_000))
    linked = ConceptLinker.load(open_base).link_spans(text, spans)
    assert [(m.start, m.end) for m in linked] == spans
    ids = [mention.best and mention.best.concept_id for mention in linked.mentions]
    assert ids[0] == ids[3] is not None
