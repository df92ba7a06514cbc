"""BioC as JSON: one collection, one document, or one document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from concept_linker.errors import SourceError
from concept_linker.evaluation.corpora.bioc import Marking, Passage, document
from concept_linker.evaluation.corpora.checks import BadCorpusError
from concept_linker.evaluation.corpora.json_lines import Model, documents, problem_of
from concept_linker.evaluation.gold import GoldDocument
from concept_linker.knowledge_base.readers.opening import text

__all__ = ["read"]


class _Location(Model):
    offset: int
    length: int


class _Annotation(Model):
    infons: dict[str, Any] = Field(default_factory=dict)
    text: str | None = None
    locations: tuple[_Location, ...]


class _Sentence(Model):
    offset: int
    text: str = ""
    annotations: tuple[_Annotation, ...] = ()


class _Passage(_Sentence):
    sentences: tuple[_Sentence, ...] = ()


class _Document(Model):
    id: str | int
    passages: tuple[_Passage, ...]


class _Collection(Model):
    documents: tuple[_Document, ...]


class _PubTator3(Model):
    PubTator3: tuple[_Document, ...]


def read(path: Path) -> tuple[GoldDocument, ...]:
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
        if "\n" in whole.strip() and _first_line_is_json(whole):
            return tuple(documents(path, _Document, lambda record, number: _document(record)))
        line = getattr(error, "lineno", None)
        raise SourceError(path, f"not JSON: {error}", line=line) from error
    try:
        return tuple(map(_document, _documents(value, whole)))
    except ValidationError as error:
        raise SourceError(path, problem_of(error)) from error
    except BadCorpusError as error:
        raise SourceError(path, str(error)) from error


def _first_line_is_json(whole: str) -> bool:
    try:
        json.loads(whole.lstrip().partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return True


def _documents(value: Any, whole: str) -> tuple[_Document, ...]:
    if isinstance(value, dict) and "documents" in value:
        return _Collection.model_validate_json(whole).documents
    if isinstance(value, dict) and "PubTator3" in value:
        return _PubTator3.model_validate_json(whole).PubTator3
    if isinstance(value, list):
        return _Collection.model_validate_json(f'{{"documents": {whole}}}').documents
    return (_Document.model_validate_json(whole),)


def _document(record: _Document) -> GoldDocument:
    parts = [(passage, sentence) for passage in record.passages for sentence in passage.sentences]
    whole = [passage for passage in record.passages if passage.text]
    passages: Iterator[Passage] = chain(
        (Passage(one.offset, one.text) for one in whole),
        (Passage(one.offset, one.text) for passage, one in parts if not passage.text),
    )
    annotations = chain(
        (one for passage in record.passages for one in passage.annotations),
        (one for _, sentence in parts for one in sentence.annotations),
    )
    return document(str(record.id), passages, map(_marking, annotations))


def _marking(annotation: _Annotation) -> Marking:
    return Marking(
        [(location.offset, location.length) for location in annotation.locations],
        {key: "" if value is None else str(value) for key, value in annotation.infons.items()},
        annotation.text,
    )
