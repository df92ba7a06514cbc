"""MeSH as NLM publishes it: XML (``desc2023.xml``, ``supp2023.xml``) and ASCII (``d2023.bin``).

The formats are described at https://www.nlm.nih.gov/mesh/xml_data_elements.html and
https://www.nlm.nih.gov/mesh/dtype.html. The terms of a record's preferred concept become its
names; those of its narrower, broader and related concepts become related names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import BadRowError, clean_id, clean_name
from concept_linker.knowledge_base.readers.collecting import Collector, Concept
from concept_linker.knowledge_base.readers.opening import chunks, lines
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import NameKind, Quarantine, SourceTables
from concept_linker.runtime.xml_records import read_records

__all__ = ["MeshOptions", "read"]

#: The tag of a record → the elements with its id and its name.
_RECORDS = {
    "DescriptorRecord": ("DescriptorUI", "DescriptorName/String"),
    "SupplementalRecord": ("SupplementalRecordUI", "SupplementalRecordName/String"),
}
_LONGEST_RECORD = 1 << 24  # bytes; a real record has some kilobytes
_ABBREVIATIONS = ("ABB", "ACR")  # ABX and ACX mark names that contain one
_LICENCE = "NLM, free (https://www.nlm.nih.gov/databases/download/terms_and_conditions_mesh.html)"


class MeshOptions(SourceOptions):
    """Options of MeSH.

    Args:
        related: read the terms of concepts other than the preferred one, as related names.
    """

    related: bool = True


def read(path: Path, *, options: MeshOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a plain or gzip file, as XML if it begins with ``<``.

    A record's types are its TUIs if it has any, else the first letters of its tree numbers.

    Args:
        path: the file.
        options: what to read.
        quarantine: collects bad terms and lines, records without id or name, and records with a
            duplicate id, with the line that the record begins on.

    Raises:
        SourceError: the file is damaged, or not MeSH.
    """
    head = next(chunks(path), b"")
    records = _xml_records if head.lstrip().startswith(b"<") else _ascii_records
    collector = Collector()
    for line, concept in records(path, quarantine):
        names = [(name, kind) for name, kind in concept.names if name]
        if not options.related:
            names = [(name, kind) for name, kind in names if kind != NameKind.RELATED]
        try:
            concept.id = clean_id(f"MESH:{concept.id}")
            concept.names = _cleaned(names, path, line, quarantine)
            concept.definition = clean_name(concept.definition) if concept.definition else ""
            collector.add(concept, "MSH", line)
        except BadRowError as error:
            quarantine.bad(path, line, str(error), row=concept.id)
    if not collector.ids and not quarantine.count:
        raise SourceError(path, "has no MeSH records, expected MeSH in XML or ASCII")
    year = re.fullmatch(r"(?:desc|supp|d|c)(\d{4})\..*", path.name)
    info = options.info(
        "mesh", [path], name="MeSH", version=year[1] if year else "", licence=_LICENCE
    )
    return collector.tables(info)


def _cleaned(
    names: list[tuple[str, NameKind]], path: Path, line: int, quarantine: Quarantine
) -> list[tuple[str, NameKind]]:
    good = []
    for name, kind in names:
        try:
            good.append((clean_name(name), kind))
        except BadRowError as error:
            if kind == NameKind.PREFERRED:
                raise
            quarantine.bad(path, line, str(error), row=name)
    return good


def _types(tuis: list[str], tree_numbers: list[str]) -> list[str]:
    return tuis or [number.strip()[:1] for number in tree_numbers if number.strip()]


def _xml_records(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, Concept]]:
    try:
        for record in read_records(chunks(path), path, _RECORDS, longest=_LONGEST_RECORD):
            yield record.line, _concept(record.element)
    except expat.ExpatError as error:
        problem = f"not XML, or cut short: {expat.ErrorString(error.code)}"
        raise SourceError(path, problem, line=error.lineno) from error


def _concept(record: Element) -> Concept:
    ui, heading = _RECORDS[record.tag]
    concept = Concept((record.findtext(ui) or "").strip())
    concept.names.append((record.findtext(heading) or "", NameKind.PREFERRED))
    tuis: list[str] = []
    for part in record.iterfind("ConceptList/Concept"):
        preferred = part.get("PreferredConceptYN") == "Y"
        for term in part.iterfind("TermList/Term"):
            kind = _kind(related=not preferred, lexical=term.get("LexicalTag", ""))
            concept.names.append((term.findtext("String") or "", kind))
        if preferred:
            found = part.iterfind("SemanticTypeList/SemanticType/SemanticTypeUI")
            tuis = [(tui.text or "").strip() for tui in found if tui.text]
            concept.definition = (part.findtext("ScopeNote") or "").strip()
    trees = [tree.text or "" for tree in record.iterfind("TreeNumberList/TreeNumber")]
    concept.types = _types(tuis, trees)
    return concept


def _kind(*, related: bool, lexical: str) -> NameKind:
    if related:
        return NameKind.RELATED
    return NameKind.ABBREVIATION if lexical in _ABBREVIATIONS else NameKind.SYNONYM


def _ascii_records(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, Concept]]:
    start = 0
    fields: dict[str, list[str]] = {}
    for number, line in lines(path, quarantine):
        if line.startswith("*NEWRECORD"):
            if start and (concept := _ascii_concept(fields)):
                yield start, concept
            start, fields = number, {}
        elif line.strip():
            key, equals, value = line.partition(" = ")
            if start and equals:
                fields.setdefault(key, []).append(value.strip())
            elif not line.rstrip().endswith(" ="):  # an element without a value is ignored
                problem = "not an element, expected 'ELEMENT = value' after *NEWRECORD"
                quarantine.bad(path, number, problem, row=line)
    if start and (concept := _ascii_concept(fields)):
        yield start, concept


def _ascii_concept(fields: dict[str, list[str]]) -> Concept | None:
    """Returns the concept of a descriptor or supplementary record; ``None`` for a qualifier."""
    if fields.get("RECTYPE") == ["Q"]:
        return None
    concept = Concept((fields.get("UI") or [""])[0])
    heading = fields.get("MH") or fields.get("NM") or [""]
    concept.names.append((heading[0], NameKind.PREFERRED))
    for entry in (*fields.get("PRINT ENTRY", ()), *fields.get("ENTRY", ()), *fields.get("SY", ())):
        # The last subfield has one letter for each of the others: a for the term, c for its lexical
        # type, d for its relation.
        *parts, letters = entry.split("|") if "|" in entry else (entry, "a")
        named = dict(zip(letters, parts, strict=False))
        related = named.get("d", "EQV") != "EQV"
        kind = _kind(related=related, lexical=named.get("c", ""))
        concept.names.append((parts[0], kind))
    concept.types = _types(fields.get("ST", []), fields.get("MN", []))
    concept.definition = (fields.get("MS") or [""])[0]
    return concept
