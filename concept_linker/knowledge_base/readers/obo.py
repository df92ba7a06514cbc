"""OBO text files.

The format is the OBO Flat File Format, versions 1.2 and 1.4
(https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html): stanzas of ``tag: value``
lines. A value may end with ``{qualifiers}`` and a ``! comment``; a backslash escapes a character.
"""

from __future__ import annotations

import re
from pathlib import Path

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import (
    BadRowError,
    clean_id,
    clean_name,
    cycle_edges,
)
from concept_linker.knowledge_base.readers.collecting import Collector, Concept
from concept_linker.knowledge_base.readers.ontology import (
    EQUIVALENT,
    OntologyOptions,
    Term,
    add_terms,
    synonym_kind,
)
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.source import NameKind, Quarantine, SourceTables

__all__ = ["OboOptions", "read"]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# The most frequent mistake in synonyms and definitions.
_ESCAPED = 'write a quote inside the text as \\"'
_NO_SYNONYM = f'not a synonym, expected "text" SCOPE TYPE [xrefs]; {_ESCAPED}'
_NO_DEFINITION = f'not a definition, expected "text" [xrefs]; {_ESCAPED}'
_SCOPES = ("EXACT", "NARROW", "BROAD", "RELATED")
_COMMENT = re.compile(r"(?:^|(?<=\s))!.*")
_QUOTE = re.compile(r'(?<!\\)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "W": " "}
#: OBO 1.0 has the scope in the tag.
_OLD_SCOPES = {
    "exact_synonym": "EXACT",
    "narrow_synonym": "NARROW",
    "broad_synonym": "BROAD",
    "related_synonym": "RELATED",
}
_EXACT_MATCH = ("skos:exactMatch", "http://www.w3.org/2004/02/skos/core#exactMatch")


class OboOptions(OntologyOptions):
    """Options of OBO files."""


def read(path: Path, *, options: OboOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a plain or gzip file.

    Obsolete terms are left out; the id of a replaced term becomes another id of its replacement.

    Args:
        path: the file.
        options: what to read.
        quarantine: collects bad lines, terms without id or name, terms with a duplicate id, and
            lines that close a cycle of ``is_a`` or ``replaced_by``.

    Raises:
        SourceError: the file is damaged, or has no stanzas.
    """
    reading = _Reading(path, quarantine)
    for number, line in lines(path, quarantine):
        reading.read_line(number, line.strip())
    reading.finish()
    if not reading.section:
        raise SourceError(path, "has no [Term], expected an OBO file")
    for tag, edges in reading.edges.items():
        for here, other, line_number in cycle_edges(edges):
            problem = f"{tag} cycle: {here} leads back to itself through {other}"
            quarantine.bad(path, line_number, problem, row=f"{tag}: {other}")
    add_terms(reading.collector, reading.terms, reading.edges["replaced_by"], options)
    header = reading.header
    info = options.info(
        "obo",
        [path],
        name=header.get("ontology", ""),
        version=header.get("data-version", ""),
        licence=header.get("license", ""),
    )
    return reading.collector.tables(info)


class _Reading:
    def __init__(self, path: Path, quarantine: Quarantine) -> None:
        self.path = path
        self.quarantine = quarantine
        self.collector = Collector()
        self.terms: list[Term] = []
        self.header: dict[str, str] = {}
        self.edges: dict[str, dict[str, list[tuple[str, int]]]] = {"is_a": {}, "replaced_by": {}}
        self.section = ""
        self._start("", 0)

    def _start(self, section: str, number: int) -> None:
        self.section = section
        self.term = Term(Concept(""), number)
        self.name = ""
        self.obsolete = False
        self.bad_id = False

    def read_line(self, number: int, line: str) -> None:
        """Reads one line."""
        if not line or line.startswith("!"):
            return
        if line.startswith("["):
            self.finish()
            self._start(line, number)
            return
        if self.section not in ("", "[Term]"):
            return
        tag, colon, value = line.partition(":")
        try:
            if not colon:
                raise BadRowError("not a tag, expected 'tag: value'")
            if self.section:
                self._read_tag(tag, value.strip(), number)
            else:
                self._read_header(tag, value.strip())
        except BadRowError as error:
            self.bad_id |= tag == "id"
            self.quarantine.bad(self.path, number, str(error), row=line)

    def finish(self) -> None:
        """Closes the open stanza."""
        if self.section != "[Term]" or self.bad_id:
            return
        concept = self.term.concept
        try:
            if not concept.id:
                raise BadRowError("term has no id")
            self.collector.claim(concept.id, self.term.line)
            if self.obsolete:
                return
            if not self.name:
                raise BadRowError(f"id {concept.id} has no name")
        except BadRowError as error:
            self.quarantine.bad(self.path, self.term.line, str(error), row=concept.id)
            return
        concept.names.insert(0, (self.name, NameKind.PREFERRED))
        self.terms.append(self.term)

    def _read_header(self, tag: str, value: str) -> None:
        if tag in ("ontology", "data-version"):
            self.header[tag] = value
        elif tag == "property_value" and (
            found := re.match(r"\S*\blicense\s+\"?(\S+?)\"?(\s|$)", value)
        ):
            self.header["license"] = found[1]

    def _read_tag(self, tag: str, value: str, number: int) -> None:
        concept = self.term.concept
        if tag == "id":
            concept.id = clean_id(_plain(value))
        elif tag == "name":
            if self.name:
                raise BadRowError("second name, expected one per term")
            self.name = clean_name(_plain(value))
        elif tag == "namespace":
            concept.types.append(clean_name(_plain(value)))
        elif tag == "synonym" or tag in _OLD_SCOPES:
            text, words = _quoted(value, _NO_SYNONYM)
            scope = words.pop(0).upper() if words and words[0].upper() in _SCOPES else ""
            if len(words) > 1:
                raise BadRowError(_NO_SYNONYM)
            exact = _OLD_SCOPES.get(tag, scope) == "EXACT"
            kind = synonym_kind(exact=exact, synonym_type="".join(words))
            concept.names.append((clean_name(text), kind))
        elif tag == "def":
            text, words = _quoted(value, _NO_DEFINITION)
            if words:
                raise BadRowError(_NO_DEFINITION)
            if text.strip():
                concept.definition = clean_name(text)
        elif tag == "xref":
            self.term.xrefs.append((_first_id(value), f'{EQUIVALENT}"' in value))
        elif tag == "alt_id":
            self.term.alternatives.append(_first_id(value))
        elif tag == "is_obsolete":
            self.obsolete = _plain(value).lower() == "true"
        elif tag in self.edges:
            self.edges[tag].setdefault(concept.id, []).append((_first_id(value), number))
        elif tag == "property_value" and value.startswith(_EXACT_MATCH):
            self.term.exact.append(_first_id(value.partition(" ")[2]))


def _first_id(value: str) -> str:
    first = _ESCAPE.sub(r"\1", value.partition(" ")[0].strip('"'))
    return clean_id(first)


def _quoted(value: str, problem: str) -> tuple[str, list[str]]:
    """Returns the text in quotes, and the words between it and the cross-references.

    Raises:
        BadRowError: what follows the text does not fit the format, usually because a quote inside
            the text is not escaped.
    """
    if not (found := _QUOTED.match(value)):
        raise BadRowError(problem)
    rest = value[found.end() :]
    words, bracket, xrefs = rest.partition("[")
    if not bracket:
        words, xrefs = _without_qualifiers(_COMMENT.sub("", rest)), "]"
    quotes = len(_QUOTE.findall(xrefs))
    if rest[:1].strip(" \t[{!") or '"' in words or quotes % 2 or "]" not in xrefs:
        raise BadRowError(problem)
    return _unescaped(found[1]), words.split()


def _plain(value: str) -> str:
    """Returns a value without qualifiers, comment and escapes."""
    return _unescaped(_without_qualifiers(_COMMENT.sub("", value)).strip())


def _without_qualifiers(value: str) -> str:
    """Returns a value without the ``{name=value}`` at its end, if any."""
    value = value.rstrip()
    begin = value.rfind("{")
    is_one = value.endswith("}") and "=" in value[begin:] and value[begin - 1 : begin] != "\\"
    return value[:begin] if begin >= 0 and is_one else value


def _unescaped(value: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), value)
