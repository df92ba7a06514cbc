"""Figure captions of CRAFT (Bada et al., BMC Bioinformatics 2012) as JSON Lines.

One caption a line: ``pmid``, ``fig_id``, ``caption``, and ``mentions`` with ``spans``, ``text``,
``ontology`` and ``id``. The ontology is the mention's type.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from concept_linker.corpora.bad_rows import Reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.id_parsing import parse_ids
from concept_linker.corpora.json_documents import (
    Model,
    check_pairs,
    parse_mentions,
    read_documents,
)
from concept_linker.corpora.offsets import RawMention, TextPart, build_document
from concept_linker.corpora.sniffing import Head
from concept_linker.quarantine import Quarantine

__all__ = ["detect", "read"]


class _Mention(Model):
    spans: list[list[int]]
    text: str | None = None
    ontology: str
    id: str


class _Caption(Model):
    pmid: str | int = ""
    fig_id: str
    caption: str
    mentions: list[Any]


def detect(head: Head) -> bool:
    """Whether a file is in this format."""
    return "caption" in head.keys


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is not such an object, or a mention does not fit its text.
    """
    return tuple(read_documents(path, _Caption, _build, quarantine))


def _build(record: _Caption, number: int, reject: Reject) -> GoldDocument:
    mentions = parse_mentions(record.mentions, _Mention, _raw_mention, reject, number)
    id = f"{record.pmid} {record.fig_id}".strip()
    return build_document(id, [TextPart(record.caption)], mentions, reject)


def _raw_mention(record: _Mention) -> RawMention:
    spans = check_pairs(record.spans)
    return RawMention(spans, parse_ids(record.id), [record.ontology], surface=record.text)
