"""MedMentions (Mohan and Li, AKBC 2019) as JSON Lines.

Either whole documents (``pmid``, ``text``, ``mentions`` with ``start``, ``end``, ``types``,
``cui``, ``st21pv``), or tokenised sentences of the subset ST21pv (``pmid``, ``sentences`` with
``tokens`` and ``mentions`` as first token, one past the last, and CUI), whose tokens are joined by
blanks.  A mention of the subset has the flag ``st21pv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from concept_linker.corpora.checks import Bad, BadCorpusError
from concept_linker.corpora.fitting import Draft, Piece, gold_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.ids import gold_ids
from concept_linker.corpora.json_lines import Model, documents, drafts
from concept_linker.quarantine import Quarantine

__all__ = ["read"]

_SUBSET = "st21pv"


class _Mention(Model):
    start: int
    end: int
    text: str | None = None
    types: list[str] = Field(default_factory=list)
    cui: str
    st21pv: bool = False


class _Tokens(Model):
    """A mention of a tokenised sentence, written as a list."""

    first: int
    stop: int
    cui: str

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, values: Any) -> Any:
        if not isinstance(values, list) or len(values) != len(cls.model_fields):
            raise BadCorpusError(f"{values!r:.60}, wanted [first token, token behind it, CUI]")
        return dict(zip(cls.model_fields, values, strict=True))


class _Sentence(Model):
    tokens: list[str]
    mentions: list[Any]


class _Document(Model):
    pmid: str | int
    text: str | None = None
    mentions: list[Any] = Field(default_factory=list)
    sentences: list[_Sentence] = Field(default_factory=list)


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    return tuple(documents(path, _Document, _document, quarantine))


def _document(record: _Document, number: int, bad: Bad) -> GoldDocument:
    text = record.text
    if text is not None:
        mentions = drafts(record.mentions, _Mention, _mention, bad, number)
    elif record.sentences:
        text = " ".join(token for sentence in record.sentences for token in sentence.tokens)
        mentions = list(_of_sentences(record.sentences, number, bad))
    else:
        raise BadCorpusError("neither text nor sentences")
    return gold_document(str(record.pmid), [Piece(text)], mentions, bad)


def _mention(record: _Mention) -> Draft:
    flags = [_SUBSET] if record.st21pv else []
    spans = [(record.start, record.end)]
    return Draft(spans, gold_ids(record.cui), record.types, flags, record.text)


def _of_sentences(sentences: list[_Sentence], number: int, bad: Bad) -> Iterator[Draft]:
    """The mentions of sentences whose tokens are joined by blanks."""
    at = 0
    for order, sentence in enumerate(sentences):
        begins = list(accumulate((len(token) + 1 for token in sentence.tokens), initial=at))
        at = begins[-1]
        convert = partial(_of_tokens, sentence.tokens, begins)
        yield from drafts(
            sentence.mentions, _Tokens, convert, bad, number, f"sentences.{order}.mentions"
        )


def _of_tokens(tokens: list[str], begins: list[int], record: _Tokens) -> Draft:
    if not 0 <= record.first < record.stop <= len(tokens):
        raise BadCorpusError(
            f"mention of tokens {record.first} to {record.stop} in a sentence of {len(tokens)}"
        )
    span = (begins[record.first], begins[record.stop - 1] + len(tokens[record.stop - 1]))
    return Draft([span], gold_ids(record.cui), flags=[_SUBSET])
