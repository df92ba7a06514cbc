"""This library's own format: one JSON object a line.

A document has ``id`` (default: its line number), ``text`` and ``mentions``. A mention has ``start``
and ``end``, or ``spans`` if it is discontinuous; ``ids``, empty if it has no concept; ``label`` or
``types``; and ``flags``, the subsets it belongs to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from concept_linker.corpora.bad_rows import BadRowError, Reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.json_documents import (
    Model,
    check_pairs,
    parse_mentions,
    read_documents,
)
from concept_linker.corpora.offsets import RawMention, TextPart, build_document
from concept_linker.corpora.sniffing import Head
from concept_linker.knowledge_base.identity import canonical_id
from concept_linker.quarantine import Quarantine

__all__ = ["detect", "read"]


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


def detect(head: Head) -> bool:
    """Whether a file is in this format."""
    return "mentions" in head.keys


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is not such an object, or a mention does not fit its text.
    """
    return tuple(read_documents(path, _Document, _build, quarantine))


def _build(record: _Document, number: int, reject: Reject) -> GoldDocument:
    mentions = parse_mentions(record.mentions, _Mention, _raw_mention, reject, number)
    id = str(number if record.id is None else record.id)
    return build_document(id, [TextPart(record.text)], mentions, reject)


def _raw_mention(record: _Mention) -> RawMention:
    if record.spans is not None:
        spans = check_pairs(record.spans)
    elif record.start is None or record.end is None:
        raise BadRowError("the mention has no place, expected start and end, or spans")
    else:
        spans = [(record.start, record.end)]
    types = record.types or ([record.label] if record.label else [])
    ids = list(map(canonical_id, record.ids))
    return RawMention(spans, ids, types, record.flags, record.text)
