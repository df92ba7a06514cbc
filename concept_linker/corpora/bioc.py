"""What the XML and JSON forms of BioC share (Comeau et al., Database 2013).

The text of a document is its passages, each at its offset, with blanks in between. BioC does not
define how an annotation names its concept, so every infon is read whose key names an identifier or
a vocabulary (:func:`~concept_linker.corpora.id_parsing.parse_infons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from concept_linker.corpora.bad_rows import Reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.id_parsing import parse_infons
from concept_linker.corpora.offsets import RawMention, TextPart, build_document

__all__ = ["BiocAnnotation", "Passage", "build_bioc_document"]


class BiocAnnotation(NamedTuple):
    """An annotation.

    Args:
        id: its id.
        locations: the (offset, length) of each of its parts.
        infons: its (key, value) pairs.
        text: its characters, if the file has them.
        line: its line, if known.
        row: the XML element or JSON value it was read from.
    """

    id: str
    locations: list[tuple[int, int]]
    infons: Sequence[tuple[str, str]]
    text: str | None
    line: int | None
    row: object


class Passage(NamedTuple):
    """A passage or sentence: its offset, its text, and its annotations."""

    offset: int
    text: str
    annotations: Sequence[BiocAnnotation]


def build_bioc_document(id: str, passages: Iterable[Passage], reject: Reject) -> GoldDocument:
    """Returns the document of some passages; annotations that do not fit are rejected."""
    in_order = sorted(passages, key=lambda passage: passage.offset)
    parts = [TextPart(passage.text, passage.offset) for passage in in_order]
    mentions = [
        _raw_mention(id, number, annotation)
        for number, passage in enumerate(in_order)
        for annotation in passage.annotations
    ]
    return build_document(id, parts, mentions, reject)


def _raw_mention(id: str, part: int, annotation: BiocAnnotation) -> RawMention:
    types = [value for key, value in annotation.infons if key.casefold() == "type"]
    return RawMention(
        [(offset, offset + length) for offset, length in annotation.locations],
        parse_infons(annotation.infons),
        [one for type in types for one in type.split(",") if one],
        surface=annotation.text,
        part=part,
        line=annotation.line,
        place=f"document {id!r}, annotation {annotation.id!r}",
        row=annotation.row,
    )
