"""This library's own form of a gold corpus: JSON Lines, one document a line.

``id`` (optional), ``text`` and ``mentions``; a mention has ``start`` and ``end``, or ``spans``
where it is discontinuous, ``ids`` (empty where there is no concept), ``label`` or ``types``, and
``flags`` for the subsets that it belongs to.
"""

from __future__ import annotations

from pathlib import Path

from concept_linker.evaluation.corpora.checks import (
    BadCorpusError,
    gold_mention,
    in_reading_order,
)
from concept_linker.evaluation.corpora.json_lines import Model, documents
from concept_linker.evaluation.gold import GoldDocument, GoldMention
from concept_linker.knowledge_base.identity import canonical_id

__all__ = ["read"]


class _Mention(Model):
    start: int | None = None
    end: int | None = None
    spans: list[list[int]] | None = None
    text: str | None = None
    ids: list[str]
    label: str = ""
    types: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


class _Document(Model):
    id: str | int | None = None
    text: str
    mentions: list[_Mention]


def read(path: Path) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    return tuple(documents(path, _Document, _document))


def _document(record: _Document, number: int) -> GoldDocument:
    mentions = in_reading_order(_mention(record.text, mention) for mention in record.mentions)
    return GoldDocument(str(number if record.id is None else record.id), record.text, mentions)


def _mention(text: str, record: _Mention) -> GoldMention:
    if record.spans is not None:
        if any(len(span) != 2 for span in record.spans):
            raise BadCorpusError(f"spans {record.spans}, wanted [[start, end], …]")
        spans = [(start, end) for start, end in record.spans]
    elif record.start is None or record.end is None:
        raise BadCorpusError("a mention without start and end")
    else:
        spans = [(record.start, record.end)]
    types = record.types or ((record.label,) if record.label else ())
    ids = tuple(dict.fromkeys(map(canonical_id, record.ids)))
    return gold_mention(text, spans, ids, types=types, flags=record.flags, surface=record.text)
