"""What the two spellings of BioC (Comeau et al., Database 2013) share.

A document's text is its passages, each at its offset, with blanks in between.  BioC leaves open how
a mention names its concept, so what is in use is read: every infon whose key names an identifier or
a vocabulary (:func:`~concept_linker.corpora.ids.ids_of_infons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from concept_linker.corpora.checks import Bad
from concept_linker.corpora.fitting import Draft, Piece, gold_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.ids import ids_of_infons

__all__ = ["Marking", "Passage", "document"]


class Marking(NamedTuple):
    """An annotation: where it is as (offset, length), its infons, and its characters."""

    id: str
    locations: list[tuple[int, int]]
    infons: Sequence[tuple[str, str]]
    text: str | None
    line: int | None
    row: object


class Passage(NamedTuple):
    """A passage or sentence: where its text begins, the text, and the annotations in it."""

    offset: int
    text: str
    markings: Sequence[Marking]


def document(id: str, passages: Iterable[Passage], bad: Bad) -> GoldDocument:
    """A document of its passages and their annotations; those that do not fit are bad."""
    in_order = sorted(passages, key=lambda passage: passage.offset)
    pieces = [Piece(passage.text, passage.offset) for passage in in_order]
    drafts = [
        _draft(id, number, one)
        for number, passage in enumerate(in_order)
        for one in passage.markings
    ]
    return gold_document(id, pieces, drafts, bad)


def _draft(id: str, piece: int, marking: Marking) -> Draft:
    types = [value for key, value in marking.infons if key.casefold() == "type"]
    return Draft(
        [(offset, offset + length) for offset, length in marking.locations],
        ids_of_infons(marking.infons),
        [one for type in types for one in type.split(",") if one],
        surface=marking.text,
        piece=piece,
        line=marking.line,
        place=f"document {id!r}, annotation {marking.id!r}",
        row=marking.row,
    )
