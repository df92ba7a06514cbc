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

__all__ = ["Passage", "bioc_mention", "build_bioc_document"]


class Passage(NamedTuple):
    """A passage or sentence: its offset, its text, and its mentions."""

    offset: int
    text: str
    mentions: Sequence[RawMention]


def bioc_mention(
    locations: Iterable[tuple[int, int]],
    infons: Sequence[tuple[str, str]],
    text: str | None,
    row: object,
) -> RawMention:
    """Returns the mention of an annotation.

    Args:
        locations: the (offset, length) of each of its parts.
        infons: its (key, value) pairs.
        text: its characters, if the file has them.
        row: the XML element or JSON value it was read from.
    """
    types = [value for key, value in infons if key.casefold() == "type"]
    return RawMention(
        [(offset, offset + length) for offset, length in locations],
        parse_infons(infons),
        [one for type in types for one in type.split(",") if one],
        surface=text,
        row=row,
    )


def build_bioc_document(id: str, passages: Iterable[Passage], reject: Reject) -> GoldDocument:
    """Returns the document of some passages; mentions that do not fit are rejected."""
    in_order = sorted(passages, key=lambda passage: passage.offset)
    parts = [TextPart(passage.text, passage.offset) for passage in in_order]
    mentions = [
        mention._replace(part=number)
        for number, passage in enumerate(in_order)
        for mention in passage.mentions
    ]
    return build_document(id, parts, mentions, reject)
