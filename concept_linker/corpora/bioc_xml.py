"""BioC as XML (http://bioc.sourceforge.net/)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

from concept_linker.corpora.bioc import Marking, Passage, document
from concept_linker.corpora.checks import Bad, BadCorpusError, SetAside, bad_rows
from concept_linker.corpora.gold import GoldDocument
from concept_linker.knowledge_base.readers.opening import chunks
from concept_linker.quarantine import Quarantine
from concept_linker.runtime.xml_records import XmlRecord, read_records

__all__ = ["read"]

_LONGEST_DOCUMENT = 1 << 28  # bytes; a full-text article has less than a megabyte


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: it is no such XML, or a mention does not fit its text; with the line that the
            document or the annotation begins on.
    """
    bad = bad_rows(quarantine, path)
    documents: list[GoldDocument] = []
    records = read_records(
        chunks(path), path, ["document"], longest=_LONGEST_DOCUMENT, line_tags=["annotation"]
    )
    try:
        for record in records:
            id = (record.element.findtext("id") or "").strip()
            with SetAside(bad, record.line, record.element, f"document {id!r}"):
                documents.append(document(id, _passages(record, bad), bad))
    except expat.ExpatError as error:
        problem = f"not XML: {expat.ErrorString(error.code)}; nothing after it is read"
        bad(error.lineno, problem)
    return tuple(documents)


def _passages(record: XmlRecord, bad: Bad) -> Iterator[Passage]:
    id = record.element.findtext("id")
    for passage in record.element.findall("passage"):
        parts = [passage] if passage.find("text") is not None else passage.findall("sentence")
        loose = passage.findall("annotation")
        for part in parts:
            annotations = list(part.iter("annotation"))
            if part is not passage:  # those of the passage itself stand with its first sentence
                annotations, loose = loose + annotations, []
            markings: list[Marking] = []
            for one in annotations:
                line = record.lines[one]
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
