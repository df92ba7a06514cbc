"""What is about the picture and what is in it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.detection.noise import is_noise, without_noise

# {noise} and [mention] in their surroundings.
TEXTS = [
    # pointers and their looks
    "a [mass] ({arrow}), [cyst] ({white arrowheads}) and [clot] ({asterisk})",
    "{Short} and {thick} {arrows} show [short bowel]; {solid} black arrows, [solid] [mass]",
    "the {arrow} {head} points to the [humeral] [head]",
    "{five-pointed star}; the protein [StAR]",
    # colours: labels in a legend, not of a thing
    "[tumor] ({red}), [control] ({light blue}); {blue} line: [dose]; in {yellow}, [edema]",
    "Alcian [blue] stain, [white matter], [red] [blood cells]",
    # panels
    "({A}) Axial and ({B}) coronal views; ({a, b}) [liver]; ({A–D}) [vitamin C]",
    "panel {C}; {Panel C}; ({iii}); ({A1}) [vertebra] [L5] and [T12]",
    "{Left panel}: [CT]; {top row}: [MRI]; {right} column, [right] lung; ({left}) [left] [kidney]",
    "{Figure 1}. [Figure-of-eight] {Fig. 2A} {inset}",
    # scales, sizes, magnifications
    "{Scale bar} = {10 µm}; {bar} = 50 mm; {Bar} represents 5 μm; [gold] [bar]",
    "[H&E], {×400}; [H and E], {40x}; {original magnification}; [PAS] stain at {1.5 T}",
    "10 {mg}·{kg}−{1·d}−1 of [drug], 5 {mol} dm−3 and 10⁶ [cells] mL−1",
    "[mass] of {3.5} {cm}, {10 mm} and {120 kV}, 3 [months] later",
    # statistics
    "mean ± {SD}; mean and {SEM}; [SEM] of a [film]; [ANOVA], {p < 0.05}, {n = 12}",
    "{Error bars} show ± {standard deviation}; {error} bars",
    # the rest
    "taken on {9 May 2008}, {January} 9, in {June} 2007; [Mays] [sign]",
    "see {http://example.org/pineal-gland} of the [pineal-gland]; {Source}: [liver]",
    "{Case} 2 and {patient} 3: a [patient] with [case] reports",
]


def spans(marked: str) -> tuple[str, list[tuple[int, int, bool]]]:
    """The text without its marks, and (start, end, whether noise)."""
    text = ""
    found = []
    for before, noise, mention in re.findall(r"([^{\[]*)(?:\{([^}]*)\}|\[([^\]]*)\]|$)", marked):
        text += before
        words = noise or mention
        if words:
            found.append((len(text), len(text) + len(words), bool(noise)))
        text += words
    return text, found


@pytest.mark.parametrize("marked", TEXTS)
def test_by_context(marked: str) -> None:
    text, found = spans(marked)
    answers = [(text[start:end], is_noise(text, start, end)) for start, end, _ in found]
    assert answers == [(text[start:end], noise) for start, end, noise in found]
    kept = [(start, end) for start, end, noise in found if not noise]
    assert without_noise(text, [span[:2] for span in found]) == kept


@given(st.text(max_size=60), st.data())
def test_any_span_of_any_text_has_an_answer(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert is_noise(text, start, end) in {True, False}


def test_gold_mentions_are_not_noise(shared_data: Path) -> None:
    """Three corpora's annotators meant few of what is left out, single letters nearly all."""

    def share(path: str, key: str) -> float:
        lost = total = 0
        with gzip.open(shared_data / path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                for mention in row["mentions"]:
                    for start, end in mention.get("spans") or [(mention["start"], mention["end"])]:
                        total += 1
                        lost += end - start > 1 and is_noise(row[key], start, end)
        return lost / total

    assert share("medmentions/full_dev.jsonl.gz", "text") < 0.002
    assert share("craft_captions/dev.jsonl.gz", "caption") < 0.002


def test_the_hundred_captions_lose_no_mention(shared_data: Path) -> None:
    with gzip.open(shared_data / "captions/roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as lines:
        captions = {row["roco_id"]: row["caption"] for row in map(json.loads, lines)}
    gold = Path(__file__).parents[1] / "data/captions_gold.jsonl"
    for row in map(json.loads, gold.read_text(encoding="utf-8").splitlines()):
        mentions = [(mention["start"], mention["end"]) for mention in row["mentions"]]
        assert without_noise(captions[row["roco_id"]], mentions) == mentions
