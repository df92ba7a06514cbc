"""BioC as XML (http://bioc.sourceforge.net/)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from concept_linker.corpora.bioc import Marking, Passage, document
from concept_linker.corpora.checks import Bad, BadCorpusError, SetAside, bad_rows
from concept_linker.corpora.gold import GoldDocument
from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.opening import chunks
from concept_linker.quarantine import Quarantine

__all__ = ["read"]


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: it is no such XML, or a mention does not fit its text; with the line that the
            document or the annotation begins on.
    """
    bad = bad_rows(quarantine, path)
    documents: list[GoldDocument] = []
    for read in _Documents(path, bad):
        id = (read.element.findtext("id") or "").strip()
        with SetAside(bad, read.line, read.element, f"document {id!r}"):
            documents.append(document(id, _passages(read, bad), bad))
    return tuple(documents)


class _Read(NamedTuple):
    """A document's element, its line, and the lines of its annotations by their elements."""

    element: Element
    line: int
    annotations: dict[Element, int]


class _Documents:
    """Builds an element a document, so that no more than a chunk's are held."""

    def __init__(self, path: Path, bad: Bad) -> None:
        self._path = path
        self._bad = bad
        self._done: list[_Read] = []
        self._builder: TreeBuilder | None = None
        self._line = 0
        self._annotations: dict[Element, int] = {}
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        # No handler for external entities, so no DTD is ever fetched.
        self._parser.EntityDeclHandler = self._entity

    def __iter__(self) -> Iterator[_Read]:
        try:
            for piece in chunks(self._path):
                self._parser.Parse(piece, False)
                yield from self._done
                self._done.clear()
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            yield from self._done
            problem = f"not XML: {expat.ErrorString(error.code)}; nothing behind it is read"
            self._bad(error.lineno, problem)

    def _entity(self, name: str, *_: object) -> None:
        line = self._parser.CurrentLineNumber
        raise SourceError(self._path, f"declares the entity {name}, wanted none", line=line)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._builder is None and tag == "document":
            self._builder = TreeBuilder()
            self._line = self._parser.CurrentLineNumber
            self._annotations = {}
        if self._builder is not None:
            element = self._builder.start(tag, attributes)
            if tag == "annotation":
                self._annotations[element] = self._parser.CurrentLineNumber

    def _data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)

    def _end(self, tag: str) -> None:
        if self._builder is not None:
            self._builder.end(tag)
            if tag == "document":
                self._done.append(_Read(self._builder.close(), self._line, self._annotations))
                self._builder = None


def _passages(read: _Read, bad: Bad) -> Iterator[Passage]:
    id = read.element.findtext("id")
    for passage in read.element.findall("passage"):
        parts = [passage] if passage.find("text") is not None else passage.findall("sentence")
        loose = passage.findall("annotation")
        for part in parts:
            annotations = list(part.iter("annotation"))
            if part is not passage:  # those of the passage itself stand with its first sentence
                annotations, loose = loose + annotations, []
            markings: list[Marking] = []
            for one in annotations:
                line = read.annotations[one]
                with SetAside(bad, line, one, f"document {id!r}, annotation {one.get('id')!r}"):
                    markings.append(_marking(one, line))
            offset = _number(part.findtext("offset"))
            yield Passage(offset, part.findtext("text") or "", markings)


def _marking(element: Element, line: int) -> Marking:
    locations = [
        (_number(one.get("offset")), _number(one.get("length")))
        for one in element.findall("location")
    ]
    infons = [(one.get("key", ""), one.text or "") for one in element.findall("infon")]
    surface = element.findtext("text")
    return Marking(element.get("id", ""), locations, infons, surface, line, element)


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise BadCorpusError(f"offset or length {text!r}, wanted a number") from None
