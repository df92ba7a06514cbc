"""MedMentions (Mohan and Li, AKBC 2019) as JSON Lines.

A line is either a whole document (``pmid``, ``text``, and ``mentions`` with ``start``, ``end``,
``types``, ``cui`` and ``st21pv``), or a document of the subset ST21pv in tokenised sentences
(``pmid``, and ``sentences`` with ``tokens`` and ``mentions``; a mention is the first token, one
past the last token, and the CUI). Tokens are joined by blanks. Mentions of the subset have the flag
``st21pv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from concept_linker.corpora.bad_rows import BadRowError, Reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.id_parsing import parse_ids
from concept_linker.corpora.json_documents import Model, parse_mentions, read_documents
from concept_linker.corpora.offsets import RawMention, TextPart, build_document
from concept_linker.corpora.sniffing import Head
from concept_linker.quarantine import Quarantine

__all__ = ["detect", "read"]

_SUBSET = "st21pv"


class _Mention(Model):
    start: int
    end: int
    text: str | None = None
    types: list[str] = Field(default_factory=list)
    cui: str
    st21pv: bool = False


class _TokenMention(Model):
    """A mention in a tokenised sentence, written as a list."""

    first: int
    stop: int
    cui: str

    @model_validator(mode="before")
    @classmethod
    def _name_values(cls, values: Any) -> Any:
        if not isinstance(values, list) or len(values) != len(cls.model_fields):
            raise BadRowError(f"mention is {values!r:.60}, expected [first token, end token, CUI]")
        return dict(zip(cls.model_fields, values, strict=True))


class _Sentence(Model):
    tokens: list[str]
    mentions: list[Any]


class _Document(Model):
    pmid: str | int
    text: str | None = None
    mentions: list[Any] = Field(default_factory=list)
    sentences: list[_Sentence] = Field(default_factory=list)


def detect(head: Head) -> bool:
    """Whether a file is in this format."""
    return "pmid" in head.keys


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is not such an object, or a mention does not fit its text.
    """
    return tuple(read_documents(path, _Document, _build, quarantine))


def _build(record: _Document, number: int, reject: Reject) -> GoldDocument:
    text = record.text
    if text is not None:
        mentions = parse_mentions(record.mentions, _Mention, _raw_mention, reject, number)
    elif record.sentences:
        text = " ".join(token for sentence in record.sentences for token in sentence.tokens)
        mentions = list(_sentence_mentions(record.sentences, number, reject))
    else:
        raise BadRowError("the document has no text, expected text or sentences")
    return build_document(str(record.pmid), [TextPart(text)], mentions, reject)


def _raw_mention(record: _Mention) -> RawMention:
    flags = [_SUBSET] if record.st21pv else []
    spans = [(record.start, record.end)]
    return RawMention(spans, parse_ids(record.cui), record.types, flags, record.text)


def _sentence_mentions(
    sentences: list[_Sentence], number: int, reject: Reject
) -> Iterator[RawMention]:
    """Yields the mentions of tokenised sentences, with offsets in the joined text."""
    at = 0
    for order, sentence in enumerate(sentences):
        begins = list(accumulate((len(token) + 1 for token in sentence.tokens), initial=at))
        at = begins[-1]
        convert = partial(_token_mention, sentence.tokens, begins)
        key = f"sentences.{order}.mentions"
        yield from parse_mentions(sentence.mentions, _TokenMention, convert, reject, number, key)


def _token_mention(tokens: list[str], begins: list[int], record: _TokenMention) -> RawMention:
    if not 0 <= record.first < record.stop <= len(tokens):
        raise BadRowError(
            f"mention has tokens {record.first} to {record.stop}, "
            f"expected 0 <= first < end <= {len(tokens)}"
        )
    span = (begins[record.first], begins[record.stop - 1] + len(tokens[record.stop - 1]))
    return RawMention([span], parse_ids(record.cui), flags=[_SUBSET])
