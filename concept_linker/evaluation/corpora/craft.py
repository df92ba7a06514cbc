"""Figure captions of CRAFT (Bada et al., BMC Bioinformatics 2012) as JSON Lines.

One caption a line: ``pmid``, ``fig_id``, ``caption`` and ``mentions`` with ``spans``, ``text``,
``ontology`` and ``id``.  The ontology is the mention's type.
"""

from __future__ import annotations

from pathlib import Path

from concept_linker.evaluation.corpora.checks import (
    BadCorpusError,
    gold_ids,
    gold_mention,
    in_reading_order,
)
from concept_linker.evaluation.corpora.json_lines import Model, documents
from concept_linker.evaluation.gold import GoldDocument, GoldMention

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
    mentions: list[_Mention]


def read(path: Path) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    return tuple(documents(path, _Caption, _document))


def _document(record: _Caption, number: int) -> GoldDocument:
    mentions = in_reading_order(_mention(record.caption, one) for one in record.mentions)
    return GoldDocument(f"{record.pmid} {record.fig_id}".strip(), record.caption, mentions)


def _mention(text: str, record: _Mention) -> GoldMention:
    if any(len(span) != 2 for span in record.spans):
        raise BadCorpusError(f"spans {record.spans}, wanted [[start, end], …]")
    return gold_mention(
        text,
        [(start, end) for start, end in record.spans],
        gold_ids(record.id),
        types=[record.ontology],
        surface=record.text,
    )
