"""This library's own form: one JSON object a line.

A document has ``id`` (else its line counts), ``text`` and ``mentions``; a mention has ``start``
and ``end``, or ``spans`` where it is discontinuous, ``ids`` (empty where there is no concept),
``label`` or ``types``, and ``flags`` for the subsets that it belongs to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from concept_linker.corpora.checks import Bad, BadCorpusError
from concept_linker.corpora.fitting import Draft, Piece, gold_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.json_lines import Model, documents, drafts
from concept_linker.knowledge_base.identity import canonical_id
from concept_linker.quarantine import Quarantine

__all__ = ["read"]


class _Mention(Model):
    start: int | None = None
    end: int | None = None
    spans: list[list[int]] | None = None
    text: str | None = None
    ids: list[str]
    label: str = ""
    types: list[str] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)


class _Document(Model):
    id: str | int | None = None
    text: str
    mentions: list[Any]


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    return tuple(documents(path, _Document, _document, quarantine))


def _document(record: _Document, number: int, bad: Bad) -> GoldDocument:
    mentions = drafts(record.mentions, _Mention, _mention, bad, number)
    id = str(number if record.id is None else record.id)
    return gold_document(id, [Piece(record.text)], mentions, bad)


def _mention(record: _Mention) -> Draft:
    if record.spans is not None:
        if any(len(span) != 2 for span in record.spans):
            raise BadCorpusError(f"spans {record.spans}, wanted [[start, end], …]")
        spans = [(start, end) for start, end in record.spans]
    elif record.start is None or record.end is None:
        raise BadCorpusError("a mention without start and end")
    else:
        spans = [(record.start, record.end)]
    types = record.types or ([record.label] if record.label else [])
    ids = list(map(canonical_id, record.ids))
    return Draft(spans, ids, types, record.flags, record.text)
