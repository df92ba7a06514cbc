"""What the tests of the ruler share: a small base, a small corpus, and mentions made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.knowledge_base.source import SourceInfo, SourceTables

ROWS = [
    ("C0221198", "lesion", 0, "X"),
    ("C0221198", "lesions", 1, "X"),
    ("C0019564", "hippocampus", 0, "X"),
    ("C0009264", "cold", 0, "X"),
    ("C0009443", "common cold", 0, "X"),
    ("C0009443", "cold", 1, "X"),
    ("MESH:D003924", "type 2 diabetes", 0, "X"),
]
TEXT = "A cold lesion in the hippocampus, and type 2 diabetes."


def tables() -> SourceTables:
    types = [("C0221198", "T033"), ("C0019564", "T023"), ("C0009443", "T047")]
    return SourceTables.from_rows(SourceInfo("table", "test"), names=ROWS, types=types)


def gold(*mentions: tuple[int, int, str]) -> GoldCorpus:
    """One document; ids of a mention between blanks."""
    marked = tuple(GoldMention(((b, e),), tuple(ids.split())) for b, e, ids in mentions)
    return GoldCorpus("small", (GoldDocument("1", TEXT, marked),))


def candidate(concept_id: str, score: float) -> Candidate:
    return Candidate(concept_id, concept_id, concept_id, score, score)


def mention(start: int, end: int, *candidates: tuple[str, float], linked: bool = True) -> Mention:
    made = tuple(candidate(*one) for one in candidates)
    best = made[0] if made and linked else None
    return Mention(start, end, TEXT[start:end], best=best, candidates=made)


class Fixed:
    """A linker that has learned its answers by heart, by (start, end)."""

    def __init__(self, *mentions: Mention) -> None:
        self.mentions = mentions

    def link_spans(self, text: str, spans: Sequence[tuple[int, int]]) -> Annotation:
        known = {(m.start, m.end): m for m in self.mentions}
        found = (known.get(span) or Mention(*span, text[slice(*span)]) for span in spans)
        return Annotation(text, tuple(found))

    def link_many(self, texts: Iterable[str]) -> Iterator[Annotation]:
        for text in texts:
            yield Annotation(text, self.mentions)
