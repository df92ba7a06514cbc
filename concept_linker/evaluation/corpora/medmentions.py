"""MedMentions (Mohan and Li, AKBC 2019) as JSON Lines.

Either whole documents (``pmid``, ``text``, ``mentions`` with ``start``, ``end``, ``types``,
``cui``, ``st21pv``), or tokenised sentences of the subset ST21pv (``pmid``, ``sentences`` with
``tokens`` and ``mentions`` as first token, one past the last, and CUI), whose tokens are joined by
blanks.  A mention of the subset has the flag ``st21pv``.
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

_SUBSET = "st21pv"


class _Mention(Model):
    start: int
    end: int
    text: str | None = None
    types: tuple[str, ...] = ()
    cui: str
    st21pv: bool = False


class _Sentence(Model):
    tokens: list[str]
    mentions: list[tuple[int, int, str]]


class _Document(Model):
    pmid: str | int
    text: str | None = None
    mentions: tuple[_Mention, ...] = ()
    sentences: tuple[_Sentence, ...] = ()


def read(path: Path) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    return tuple(documents(path, _Document, _document))


def _document(record: _Document, number: int) -> GoldDocument:
    if record.text is None:
        if not record.sentences:
            raise BadCorpusError("neither text nor sentences")
        return _of_sentences(str(record.pmid), record.sentences)
    text = record.text
    mentions = in_reading_order(
        gold_mention(
            text,
            [(mention.start, mention.end)],
            gold_ids(mention.cui),
            types=mention.types,
            flags=[_SUBSET] if mention.st21pv else [],
            surface=mention.text,
        )
        for mention in record.mentions
    )
    return GoldDocument(str(record.pmid), text, mentions)


def _of_sentences(id: str, sentences: tuple[_Sentence, ...]) -> GoldDocument:
    tokens: list[str] = []
    begins: list[int] = []
    at = 0
    marked: list[tuple[int, int, str]] = []
    for sentence in sentences:
        first = len(tokens)
        for start, end, cui in sentence.mentions:
            if not 0 <= start < end <= len(sentence.tokens):
                raise BadCorpusError(
                    f"mention of tokens {start} to {end} in a sentence of {len(sentence.tokens)}"
                )
            marked.append((first + start, first + end, cui))
        for token in sentence.tokens:
            tokens.append(token)
            begins.append(at)
            at += len(token) + 1
    text = " ".join(tokens)
    mentions: list[GoldMention] = []
    for start, end, cui in marked:
        span = (begins[start], begins[end - 1] + len(tokens[end - 1]))
        mentions.append(gold_mention(text, [span], gold_ids(cui), flags=[_SUBSET]))
    return GoldDocument(id, text, in_reading_order(mentions))
