"""What the two spellings of BioC (Comeau et al., Database 2013) share.

A document's text is its passages, each at its offset, with blanks in between; offsets of mentions
count over the whole.  BioC leaves open how a mention names its concept, so what is in use is read:
an infon whose key is one of :data:`_ID_KEYS`, or the name of a vocabulary (``MESH``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from concept_linker.evaluation.corpora.checks import (
    BadCorpusError,
    gold_ids,
    gold_mention,
    in_reading_order,
)
from concept_linker.evaluation.gold import GoldDocument, GoldMention

__all__ = ["Marking", "Passage", "document"]

_ID_KEYS = frozenset("identifier id concept_id conceptid cui normalized_id".split())
_VOCABULARIES = frozenset("mesh omim umls hp mondo go chebi cl uberon pr so ncbitaxon".split())


class Passage(NamedTuple):
    """A passage or sentence: where its text begins, and the text."""

    offset: int
    text: str


class Marking(NamedTuple):
    """An annotation: where it is as (offset, length), its infons, and its characters."""

    locations: list[tuple[int, int]]
    infons: Mapping[str, str]
    text: str | None


def document(id: str, passages: Iterable[Passage], markings: Iterable[Marking]) -> GoldDocument:
    """A document of its passages and annotations.

    Raises:
        BadCorpusError: passages overlap, or a mention does not fit the text.
    """
    text = ""
    for passage in sorted(passages):
        if passage.offset < len(text):
            raise BadCorpusError(
                f"document {id}: a passage at offset {passage.offset}, wanted {len(text)} or more"
            )
        text += " " * (passage.offset - len(text)) + passage.text
    return GoldDocument(id, text, in_reading_order(_mention(text, one) for one in markings))


def _mention(text: str, marking: Marking) -> GoldMention:
    spans = [(offset, offset + length) for offset, length in marking.locations]
    infons = {key.casefold(): value for key, value in marking.infons.items()}
    kind = infons.get("type", "")
    return gold_mention(
        text,
        spans,
        _ids(infons),
        types=[one for one in kind.split(",") if one],
        surface=marking.text,
    )


def _ids(infons: Mapping[str, str]) -> tuple[str, ...]:
    """The ids of all infons that hold any; those of a vocabulary get its prefix."""
    ids: dict[str, None] = {}
    for key, value in infons.items():
        if key in _ID_KEYS:
            ids.update(dict.fromkeys(gold_ids(value)))
        elif key in _VOCABULARIES:
            prefixed = (one if ":" in one else f"{key}:{one}" for one in gold_ids(value))
            ids.update(dict.fromkeys(gold_ids("|".join(prefixed))))
    return tuple(ids)
