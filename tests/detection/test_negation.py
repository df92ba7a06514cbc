"""What is negated, on phrases of real captions: ROCO, CC BY, each with its id."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from concept_linker.detection.cleaning import PARAGRAPH
from concept_linker.detection.negation import negated

Row = tuple[str, str, str, str]
#: ROCO id, phrase, what it says is absent, what it does not say is absent.
PHRASES = Path(__file__).parents[1] / "data/negated_phrases.tsv"
#: The same of our own, by cue: what says that something is absent, and what only looks like it.
CUES = Path(__file__).parents[1] / "data/negated_cues.tsv"
# Of our own: what the captions read did not have.
MADE = """
| The lesion is not only large but calcified. | | lesion; calcified
| Pneumonia cannot be excluded. No fracture, however edema is seen. | fracture | Pneumonia; edema
| Pneumothorax was ruled out. | Pneumothorax |
| CT to rule out fracture. | | fracture
| HER2-negative carcinoma, pain-free | HER2; pain | carcinoma
| Treated without addressing the cyst, go/no go with tumour | | cyst; tumour
| arteries not requiring stents, İ. No mass | stents; mass | arteries
| No clinical suspicion of sepsis | sepsis |
| No increase in tumour size | | tumour size
| Non-small cell lung cancer | | Non-small cell lung cancer
| No pleural effusion, but consolidation; no mass. Nodule. | effusion; mass | consolidation; Nodule
"""


def real() -> list[Row]:
    lines = PHRASES.read_text(encoding="utf-8").splitlines()[1:]
    return [tuple(line.split("\t")) for line in lines]  # type: ignore[misc]


def by_cue() -> list[Row]:
    lines = CUES.read_text(encoding="utf-8").splitlines()[1:]
    return [tuple(line.split("\t")) for line in lines]  # type: ignore[misc]


def made() -> list[Row]:
    lines = (line.split("|") for line in MADE.strip().splitlines())
    return [tuple(map(str.strip, line)) for line in lines]  # type: ignore[misc]


def place(text: str, mention: str) -> tuple[int, int]:
    """Where a mention is; behind its last ``non-`` if written with ``@2``."""
    if mention.endswith("@2"):
        mention = mention[:-2]
        return text.rindex(mention), text.rindex(mention) + len(mention)
    match = re.search(rf"(?<!\w){re.escape(mention)}(?!\w)", text)
    assert match, (text, mention)
    return match.span()


def negation_expected(absent: str, present: str) -> dict[str, bool]:
    expected = {mention.strip(): True for mention in absent.split(";") if mention.strip()}
    return expected | {mention.strip(): False for mention in present.split(";") if mention.strip()}


@pytest.mark.parametrize(("_", "text", "absent", "present"), real() + made() + by_cue())
def test_phrases(_: str, text: str, absent: str, present: str) -> None:
    expected = negation_expected(absent, present)
    found = negated(text, [place(text, mention) for mention in expected])
    assert dict(zip(expected, found, strict=True)) == expected


def test_each_cue_has_sentences_for_and_against_it() -> None:
    counts: Counter[tuple[str, bool]] = Counter()
    for cue, _, absent, _ in by_cue():
        counts[cue, bool(absent)] += 1
    for cue in {cue for cue, _ in counts if not cue.startswith("look-alike")}:
        assert counts[cue, True] >= 3, cue
        assert counts[cue, False] >= 2, cue


@settings(max_examples=300)
@given(
    st.sampled_from(real() + made() + by_cue()),
    st.lists(
        st.text(" \n\r\t\N{NO-BREAK SPACE}\N{THIN SPACE}", min_size=1, max_size=4).filter(
            lambda run: not PARAGRAPH.search(run)
        ),
        min_size=9,
    ),
)
def test_white_space_of_any_kind_is_a_blank(row: Row, blanks: list[str]) -> None:
    _, text, absent, present = row
    expected = negation_expected(absent, present)
    spans = [place(text, mention) for mention in expected]
    cycled = itertools.cycle(blanks)
    pieces = [next(cycled) if character == " " else character for character in text]
    places = [0, *itertools.accumulate(map(len, pieces))]
    wrapped = "".join(pieces)
    assume(not PARAGRAPH.search(wrapped))
    answers = negated(wrapped, [(places[start], places[end]) for start, end in spans])
    assert answers == list(expected.values())


@pytest.mark.parametrize("empty", ["\n\n", "\r\n\r\n", "\n  \n", "\r\r", " \n\t\n\n "])
@pytest.mark.parametrize(("_", "text", "absent", "present"), by_cue()[::5])
def test_nothing_is_negated_over_an_empty_line(
    empty: str, _: str, text: str, absent: str, present: str
) -> None:
    """A title and its text, or the headings of a report, need no full stop between."""
    expected = negation_expected(absent, present)
    spans = [place(text, mention) for mention in expected]
    nodule = "Nodule"
    both = f"{nodule}{empty}{text}{empty}{nodule}"
    moved = len(nodule + empty)
    spans = [(0, 6), *((a + moved, b + moved) for a, b in spans), (len(both) - 6, len(both))]
    assert negated(both, spans) == [False, *expected.values(), False]


@pytest.mark.parametrize(
    ("path", "key", "value", "least"),
    [
        ("assertions_gold/dev.jsonl", "assertion", "absent", 0.96),
        # Read by other rules: an adjective next to the noun that is absent is not, there.
        ("captions_gold/train.jsonl", "negated", True, 0.68),
    ],
)
def test_captions_that_were_read(
    shared_data: Path, path: str, key: str, value: object, least: float
) -> None:
    right = said = meant = 0
    for row in map(json.loads, (shared_data / path).read_text(encoding="utf-8").splitlines()):
        spans = [(mention["start"], mention["end"]) for mention in row["mentions"]]
        answers = negated(row["caption"], spans)
        gold = [mention[key] == value for mention in row["mentions"]]
        right += sum(answer and truth for answer, truth in zip(answers, gold, strict=True))
        said += sum(answers)
        meant += sum(gold)
    assert 2 * right / (said + meant) >= least


def test_the_phrases_are_as_published(shared_data: Path) -> None:
    with gzip.open(shared_data / "captions/roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as lines:
        captions = {row["roco_id"]: row["caption"] for row in map(json.loads, lines)}
    assert [text for number, text, _, _ in real() if text not in captions[number]] == []


WORDS = st.sampled_from(
    "no not without evidence of mass effusion or and but was seen in the liver , . ; resolved "
    "absent nodule ( ) arrow non- negative for is a lung resolution denies none excluded isn't not "
    "were suggestive".split()
)


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=25), st.data())
def test_any_text_has_an_answer_for_every_span(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    numbers = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(numbers, numbers).map(sorted).map(tuple), max_size=5))
    answers = negated(text, spans)
    assert len(answers) == len(spans)
    # A mention's answer does not hang on which others are asked for.
    assert answers == [negated(text, [span])[0] for span in spans]


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS.filter(lambda word: word not in "()"), min_size=1, max_size=20), st.data())
def test_a_bracket_between_changes_nothing(words: list[str], data: st.DataObject) -> None:
    """A pointer put into a phrase leaves the answers for all words of it as they were."""
    at = data.draw(st.integers(1, len(words)))
    plain = " ".join(words)
    marked = " ".join([*words[:at], "(arrow)", *words[at:]])

    def answers(text: str) -> list[bool]:
        spans = [match.span() for match in re.finditer(r"\S+", text) if match[0] != "(arrow)"]
        return negated(text, spans)

    assert answers(plain) == answers(marked)


def test_texts_without_a_cue_have_nothing_negated() -> None:
    assert negated("Axial CT shows a mass (arrow).", [(0, 8), (17, 21)]) == [False, False]
    assert negated("No mass", []) == []
    assert negated("", []) == []
