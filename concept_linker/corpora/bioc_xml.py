"""BioC as XML (http://bioc.sourceforge.net/)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

from concept_linker.corpora.bad_rows import BadRowError, Reject, RowGuard, make_reject
from concept_linker.corpora.bioc import BiocAnnotation, Passage, build_bioc_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.sniffing import Head
from concept_linker.knowledge_base.readers.opening import chunks
from concept_linker.quarantine import Quarantine
from concept_linker.runtime.xml_records import XmlRecord, read_records

__all__ = ["detect", "read"]

_LONGEST_DOCUMENT = 1 << 28  # bytes; a full-text article has less than a megabyte


def detect(head: Head) -> bool:
    """Whether a file is in this format."""
    return head.text.startswith("<")


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: the file is not such XML, or a mention does not fit its text. The line is that
            on which the document or the annotation begins.
    """
    reject = make_reject(quarantine, path)
    documents: list[GoldDocument] = []
    records = read_records(
        chunks(path), path, ["document"], longest=_LONGEST_DOCUMENT, line_tags=["annotation"]
    )
    try:
        for record in records:
            id = (record.element.findtext("id") or "").strip()
            with RowGuard(reject, record.line, record.element, f"document {id!r}"):
                documents.append(build_bioc_document(id, _passages(record, reject), reject))
    except expat.ExpatError as error:
        problem = f"not XML: {expat.ErrorString(error.code)}; nothing after it is read"
        reject(error.lineno, problem)
    return tuple(documents)


def _passages(record: XmlRecord, reject: Reject) -> Iterator[Passage]:
    id = record.element.findtext("id")
    for passage in record.element.findall("passage"):
        parts = [passage] if passage.find("text") is not None else passage.findall("sentence")
        outside = passage.findall("annotation")
        for part in parts:
            elements = list(part.iter("annotation"))
            if part is not passage:  # annotations outside sentences go to the first sentence
                elements, outside = outside + elements, []
            annotations: list[BiocAnnotation] = []
            for element in elements:
                line = record.lines[element]
                place = f"document {id!r}, annotation {element.get('id')!r}"
                with RowGuard(reject, line, element, place):
                    annotations.append(_annotation(element, line))
            offset = _number(part.findtext("offset"))
            yield Passage(offset, part.findtext("text") or "", annotations)


def _annotation(element: Element, line: int) -> BiocAnnotation:
    locations = [
        (_number(location.get("offset")), _number(location.get("length")))
        for location in element.findall("location")
    ]
    infons = [(infon.get("key", ""), infon.text or "") for infon in element.findall("infon")]
    text = element.findtext("text")
    return BiocAnnotation(element.get("id", ""), locations, infons, text, line, element)


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise BadRowError(f"offset or length is {text!r}, expected an integer") from None
