"""Figure captions of CRAFT (Bada et al., BMC Bioinformatics 2012) as JSON Lines.

One caption a line: ``pmid``, ``fig_id``, ``caption`` and ``mentions`` with ``spans``, ``text``,
``ontology`` and ``id``.  The ontology is the mention's type.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from concept_linker.corpora.checks import Bad, BadCorpusError
from concept_linker.corpora.fitting import Draft, Piece, gold_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.ids import gold_ids
from concept_linker.corpora.json_lines import Model, documents, drafts
from concept_linker.quarantine import Quarantine

__all__ = ["read"]


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


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    return tuple(documents(path, _Caption, _document, quarantine))


def _document(record: _Caption, number: int, bad: Bad) -> GoldDocument:
    mentions = drafts(record.mentions, _Mention, _mention, bad, number)
    id = f"{record.pmid} {record.fig_id}".strip()
    return gold_document(id, [Piece(record.caption)], mentions, bad)


def _mention(record: _Mention) -> Draft:
    if any(len(span) != 2 for span in record.spans):
        raise BadCorpusError(f"spans {record.spans}, wanted [[start, end], …]")
    spans = [(start, end) for start, end in record.spans]
    return Draft(spans, gold_ids(record.id), [record.ontology], surface=record.text)
