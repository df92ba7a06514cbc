"""What users of other linkers miss and no other test shows.

``docs/coming-from-scispacy.md`` lists all of it.
"""

from __future__ import annotations

import pytest

from concept_linker import ConceptLinker, KnowledgeBase


@pytest.fixture(scope="module")
def linker(open_base: KnowledgeBase) -> ConceptLinker:
    return ConceptLinker.load(open_base)


def linked(linker: ConceptLinker, text: str, words: str) -> dict[str, float]:
    """The candidates of the last place of some words: id and score."""
    start = text.rindex(words)
    [mention] = linker.link_spans(text, [(start, start + len(words))])
    assert mention.best
    assert mention.best == mention.candidates[0]
    return {candidate.concept_id: candidate.score for candidate in mention.candidates}


def test_a_short_form_means_what_its_caption_explains(linker: ConceptLinker) -> None:
    sclerosis = "Multiple sclerosis (MS). Lesions of MS in the brain."
    spectrum = "Mass spectrometry (MS). Peptides found by MS in the brain."
    assert next(iter(linked(linker, sclerosis, "MS"))) == "C0026769"
    assert next(iter(linked(linker, spectrum, "MS"))) == "C0037813"


def test_neighbouring_words_change_the_result(linker: ConceptLinker) -> None:
    befores = ("patients with a", "exposed to", "left ventricular", "bacterial")
    for words in ("cold", "strain"):
        found = []
        for before in befores:  # in some of them neither means much: no concept need be chosen
            start = len(before) + 1
            [mention] = linker.link_spans(f"{before} {words}", [(start, start + len(words))])
            found.append(tuple((one.concept_id, one.score) for one in mention.candidates))
        assert len(set(found)) > 1
