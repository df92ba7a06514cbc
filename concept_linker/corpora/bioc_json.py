"""BioC as JSON: a collection, a document, or one document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from concept_linker.corpora.bad_rows import Reject, RowGuard, make_reject
from concept_linker.corpora.bioc import BiocAnnotation, Passage, build_bioc_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.json_documents import Model, read_documents
from concept_linker.corpora.sniffing import Head
from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.opening import text
from concept_linker.quarantine import Quarantine

__all__ = ["detect", "read"]

#: Some files write numbers as strings.
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


def detect(head: Head) -> bool:
    """Whether a file is in this format; ``PubTator3`` is the key of an answer of that service."""
    return not head.keys.isdisjoint(("documents", "PubTator3", "passages"))


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: the file is not such JSON, or a mention does not fit its text.
    """
    content = text(path)
    try:
        value = json.loads(content)
    except RecursionError:
        raise SourceError(path, "not BioC: nested too deeply") from None
    except ValueError as error:
        if any(map(_is_document, content.splitlines())):
            return tuple(read_documents(path, _Document, _build, quarantine))
        line = getattr(error, "lineno", None)
        raise SourceError(path, f"not JSON: {error}", line=line) from error
    reject = make_reject(quarantine, path)
    made: list[GoldDocument] = []
    for place, document in _documents(value):
        with RowGuard(reject, None, document, place):
            made.append(_build(_Document.model_validate(document), None, reject))
    return tuple(made)


def _is_document(line: str) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "passages" in value


def _documents(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields the place and value of each document in a collection, list or PubTator answer."""
    for key in ("documents", "PubTator3"):
        if isinstance(value, dict) and isinstance(value.get(key), list):
            yield from ((f"{key}.{number}", one) for number, one in enumerate(value[key]))
            return
    if isinstance(value, list):
        yield from ((f"documents.{number}", one) for number, one in enumerate(value))
    else:
        yield "", value


def _build(record: _Document, number: int | None, reject: Reject) -> GoldDocument:
    return build_bioc_document(str(record.id), _passages(record, number, reject), reject)


def _passages(record: _Document, number: int | None, reject: Reject) -> Iterator[Passage]:
    for passage in record.passages:
        inner = [one for sentence in passage.sentences for one in sentence.annotations]
        if passage.text or not passage.sentences:
            parts = [(passage.offset, passage.text, passage.annotations + inner)]
        else:
            parts = [(one.offset, one.text, one.annotations) for one in passage.sentences]
            # Annotations outside sentences go to the first sentence.
            parts[0] = (*parts[0][:2], passage.annotations + parts[0][2])
        for offset, words, values in parts:
            yield Passage(offset, words, list(_annotations(str(record.id), values, number, reject)))


def _annotations(
    id: str, values: list[Any], line: int | None, reject: Reject
) -> Iterator[BiocAnnotation]:
    for order, value in enumerate(values):
        made: list[BiocAnnotation] = []
        with RowGuard(reject, line, value, f"document {id!r}, annotations.{order}"):
            made.append(_annotation(_Annotation.model_validate(value), line, value))
        yield from made


def _annotation(record: _Annotation, line: int | None, row: object) -> BiocAnnotation:
    locations = [(location.offset, location.length) for location in record.locations]
    infons = [(key, _infon_text(value)) for key, value in record.infons.items()]
    return BiocAnnotation(str(record.id), locations, infons, record.text, line, row)


def _infon_text(value: Any) -> str:
    """Returns an infon as it would be in XML; several values are separated by bars."""
    if isinstance(value, list):
        return "|".join(map(_infon_text, value))
    return "" if value is None else str(value)
