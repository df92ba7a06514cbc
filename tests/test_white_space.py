"""However a file wraps a caption, the same is found in it."""

from __future__ import annotations

import gzip
import json
import random
import textwrap
from pathlib import Path

import pytest

from concept_linker import Annotation, ConceptLinker, KnowledgeBase

BLANKS = (
    " ",
    "  ",
    "\n",
    "\r\n",
    "\n        ",
    "\N{NO-BREAK SPACE}",
    "\N{THIN SPACE}",
    " \n",
)


def said(annotation: Annotation) -> list[tuple[object, ...]]:
    """What an annotation says, but for the places; white space in mentions folded."""
    return [
        (" ".join(m.text.split()), m.label, m.long_form, m.negated, m.best, m.candidates)
        for m in annotation
    ]


@pytest.fixture(scope="module")
def captions(shared_data: Path) -> list[str]:
    with gzip.open(shared_data / "captions/roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["caption"] for line in stream]
    plain = [text for text in texts if text == " ".join(text.split()) and text.isprintable()]
    return random.Random(4).sample(plain, 300)


@pytest.mark.parametrize("detector", ["hybrid", "ner", "dictionary"])
def test_any_white_space_says_the_same(
    open_base: KnowledgeBase, captions: list[str], detector: str
) -> None:
    linker = ConceptLinker.load(open_base, detector=detector)
    chance = random.Random(5)
    wrapped = [
        "".join(chance.choice(BLANKS) if char == " " else char for char in text)
        for text in captions
    ]
    plain = list(linker.link_many(captions))
    assert sum(map(len, plain)) > 300
    for one, other in zip(plain, linker.link_many(wrapped), strict=True):
        assert said(other) == said(one)
        assert all(other.text[m.start : m.end] == m.text for m in other)


def test_wrapped_at_sixty_columns(open_base: KnowledgeBase, captions: list[str]) -> None:
    linker = ConceptLinker.load(open_base)
    wrapped = ["\n".join(textwrap.wrap(text, 60, break_on_hyphens=False)) for text in captions]
    plain = linker.link_many(captions)
    assert all(map(lambda a, b: said(a) == said(b), plain, linker.link_many(wrapped)))


@pytest.mark.parametrize(
    ("text", "words", "concept_id", "negated"),
    [
        ("No evidence of pneumo-\nthorax.", "pneumo-\nthorax", "C0032326", True),
        ("There is no\npneumothorax.", "pneumothorax", "C0032326", True),
        ("Pneumonia was  not  seen.", "Pneumonia", "C0032285", True),
        ("Acute pleural\n   effusion.", "pleural\n   effusion", "C0032227", False),
        ("Magnetic resonance\nimaging (MRI) of the brain.", "MRI", "C0024485", False),
        ("Edema+pneumothorax seen.", "pneumothorax", "C0032326", False),
        ("Normal kidney;liver;spleen.", "liver", "C0023884", False),
        ("MRI(brain)shows hydrocephalus[arrow].", "hydrocephalus", "C0020255", False),
        ("pneumo\N{ZERO WIDTH SPACE}thorax", "pneumo\N{ZERO WIDTH SPACE}thorax", "C0032326", False),
    ],
)
def test_texts(
    open_base: KnowledgeBase, text: str, words: str, concept_id: str, negated: bool
) -> None:
    found = {m.text: m for m in ConceptLinker.load(open_base).link(text)}
    assert words in found
    best = found[words].best
    assert best is not None
    assert (best.concept_id, found[words].negated) == (concept_id, negated)


def test_a_legend_in_columns(open_base: KnowledgeBase) -> None:
    text = "RD of both hands.\nRD\t rheumatic disease\nMTX\t methotrexate"
    found = {m.text: m.long_form for m in ConceptLinker.load(open_base).link(text)}
    assert found["RD"] == "rheumatic disease"


def test_given_mentions_keep_their_places(open_base: KnowledgeBase) -> None:
    text = "No  pleural\n effusion;a\N{ZERO WIDTH SPACE}b"
    spans = [(4, 21), (23, 24), (0, 2), (4, 21)]
    annotation = ConceptLinker.load(open_base).link_spans(text, spans)
    assert [(m.start, m.end) for m in annotation] == spans
    assert [m.text for m in annotation] == [text[start:end] for start, end in spans]
    assert annotation.mentions[0].best is not None
    assert annotation.mentions[0].best.concept_id == "C0032227"
    assert annotation.mentions[0].negated
