"""BioC as JSON: one collection, one document, or one document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from concept_linker.corpora.bioc import Marking, Passage, document
from concept_linker.corpora.checks import Bad, SetAside, bad_rows
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.json_lines import Model, documents
from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.opening import text
from concept_linker.quarantine import Quarantine

__all__ = ["read"]

#: Some write numbers between quotation marks.
_Number = Annotated[int, Field(strict=False)]


class _Location(Model):
    offset: _Number
    length: _Number


class _Annotation(Model):
    id: Any = ""
    infons: dict[str, Any] = Field(default_factory=dict)
    text: str | None = None
    locations: list[_Location]


class _Sentence(Model):
    offset: _Number
    text: str = ""
    annotations: list[Any] = Field(default_factory=list)


class _Passage(_Sentence):
    sentences: list[_Sentence] = Field(default_factory=list)


class _Document(Model):
    id: str | int
    passages: list[_Passage]


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: it is no such JSON, or a mention does not fit its text.
    """
    whole = text(path)
    try:
        value = json.loads(whole)
    except RecursionError:
        raise SourceError(path, "not BioC: nested too deeply") from None
    except ValueError as error:
        if any(map(_is_document, whole.splitlines())):
            return tuple(documents(path, _Document, _document, quarantine))
        line = getattr(error, "lineno", None)
        raise SourceError(path, f"not JSON: {error}", line=line) from error
    bad = bad_rows(quarantine, path)
    made: list[GoldDocument] = []
    for place, one in _documents(value):
        with SetAside(bad, None, one, place):
            made.append(_document(_Document.model_validate(one), None, bad))
    return tuple(made)


def _is_document(line: str) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "passages" in value


def _documents(value: Any) -> Iterator[tuple[str, Any]]:
    """The documents in a collection, a list or PubTator's answer, with their places; else one."""
    for key in ("documents", "PubTator3"):
        if isinstance(value, dict) and isinstance(value.get(key), list):
            yield from ((f"{key}.{number}", one) for number, one in enumerate(value[key]))
            return
    if isinstance(value, list):
        yield from ((f"documents.{number}", one) for number, one in enumerate(value))
    else:
        yield "", value


def _document(record: _Document, number: int | None, bad: Bad) -> GoldDocument:
    id = str(record.id)
    return document(id, _passages(record, number, bad), bad)


def _passages(record: _Document, number: int | None, bad: Bad) -> Iterator[Passage]:
    for passage in record.passages:
        inner = [one for sentence in passage.sentences for one in sentence.annotations]
        if passage.text or not passage.sentences:
            parts = [(passage.offset, passage.text, passage.annotations + inner)]
        else:
            parts = [(one.offset, one.text, one.annotations) for one in passage.sentences]
            # Those of the passage itself stand with its first sentence.
            parts[0] = (*parts[0][:2], passage.annotations + parts[0][2])
        for offset, words, marked in parts:
            markings = list(_markings(str(record.id), marked, number, bad))
            yield Passage(offset, words, markings)


def _markings(id: str, marked: list[Any], line: int | None, bad: Bad) -> Iterator[Marking]:
    for order, value in enumerate(marked):
        made: list[Marking] = []
        with SetAside(bad, line, value, f"document {id!r}, annotations.{order}"):
            made.append(_marking(_Annotation.model_validate(value), line, value))
        yield from made


def _marking(record: _Annotation, line: int | None, row: object) -> Marking:
    locations = [(location.offset, location.length) for location in record.locations]
    infons = [(key, _written(value)) for key, value in record.infons.items()]
    return Marking(str(record.id), locations, infons, record.text, line, row)


def _written(value: Any) -> str:
    """An infon as XML would have it; several values between bars."""
    if isinstance(value, list):
        return "|".join(map(_written, value))
    return "" if value is None else str(value)
