"""BioC as XML (http://bioc.sourceforge.net/)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from concept_linker.errors import SourceError
from concept_linker.evaluation.corpora.bioc import Marking, Passage, document
from concept_linker.evaluation.corpora.checks import BadCorpusError
from concept_linker.evaluation.gold import GoldDocument
from concept_linker.knowledge_base.readers.opening import chunks

__all__ = ["read"]


def read(path: Path) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: it is no such XML, or a mention does not fit its text; with the line that the
            document begins on.
    """
    documents = []
    for line, element in _Documents(path):
        try:
            documents.append(_document(element))
        except BadCorpusError as error:
            raise SourceError(path, str(error), line=line) from error
    return tuple(documents)


class _Documents:
    """Builds an element a document, so that no more than a chunk's are held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: list[tuple[int, Element]] = []
        self._builder: TreeBuilder | None = None
        self._line = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        # No handler for external entities, so no DTD is ever fetched.
        self._parser.EntityDeclHandler = self._entity

    def __iter__(self) -> Iterator[tuple[int, Element]]:
        try:
            for piece in chunks(self._path):
                self._parser.Parse(piece, False)
                yield from self._done
                self._done.clear()
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            problem = f"not XML: {expat.ErrorString(error.code)}"
            raise SourceError(self._path, problem, line=error.lineno) from error

    def _entity(self, name: str, *_: object) -> None:
        line = self._parser.CurrentLineNumber
        raise SourceError(self._path, f"declares the entity {name}, wanted none", line=line)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._builder is None and tag == "document":
            self._builder = TreeBuilder()
            self._line = self._parser.CurrentLineNumber
        if self._builder is not None:
            self._builder.start(tag, attributes)

    def _data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)

    def _end(self, tag: str) -> None:
        if self._builder is not None:
            self._builder.end(tag)
            if tag == "document":
                self._done.append((self._line, self._builder.close()))
                self._builder = None


def _document(element: Element) -> GoldDocument:
    passages = []
    for passage in element.findall("passage"):
        own = passage.find("text")
        for part in [passage] if own is not None else passage.findall("sentence"):
            passages.append(Passage(_number(part.findtext("offset")), part.findtext("text") or ""))
    markings = (_marking(one) for one in element.iter("annotation"))
    return document((element.findtext("id") or "").strip(), passages, markings)


def _marking(element: Element) -> Marking:
    locations = [
        (_number(one.get("offset")), _number(one.get("length")))
        for one in element.findall("location")
    ]
    infons = {one.get("key", ""): one.text or "" for one in element.findall("infon")}
    return Marking(locations, infons, element.findtext("text"))


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise BadCorpusError(f"offset or length {text!r}, wanted a number") from None
