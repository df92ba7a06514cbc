"""SSSOM, the Simple Standard for Sharing Ontological Mappings, as TSV or CSV.

The format is described at https://mapping-commons.github.io/sssom/spec-formats-tsv/: metadata as
YAML in lines that begin with ``#``, a header, and one mapping per line.
"""

from __future__ import annotations

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import (
    BadRowError,
    clean_id,
    clean_name,
    prefix_of,
    shown,
)
from concept_linker.knowledge_base.readers.groups import Groups
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import (
    NameKind,
    Quarantine,
    SourceTables,
)

__all__ = ["SssomOptions", "read"]

_LOG = logging.getLogger(__name__)

_REQUIRED = ("subject_id", "predicate_id", "object_id")
_METADATA = re.compile(r"#\s?(mapping_set_version|mapping_set_id|license)\s*:\s*(.*)")
_PREFIX = re.compile(r"#\s+([\w.-]+)\s*:\s*[\"']?([a-z]+://[^\s\"']+)[\"']?\s*")
#: Namespaces of predicates; :func:`~concept_linker.knowledge_base.identity.curie_of` has those of
#: ids.
_NAMESPACES = {
    "www.w3.org/2004/02/skos/core#": "skos",
    "www.w3.org/2002/07/owl#": "owl",
    "www.w3.org/2000/01/rdf-schema#": "rdfs",
    "www.geneontology.org/formats/oboInOwl#": "oboInOwl",
}
_NEGATED = ("not", "sssom:negatedpredicate", "https://w3id.org/sssom/negatedpredicate")
#: Cardinalities that mean "no match on one side".
_NO_MATCH = ("1:0", "0:1", "0:0")


class SssomOptions(SourceOptions):
    """Options of a mapping set.

    Args:
        predicates: the predicates that mean equivalence, as CURIEs or IRIs.
        min_confidence: the lowest confidence, 0 to 1; mappings without one are read, too.
        labels: also read ``subject_label`` and ``object_label`` as names.
    """

    predicates: tuple[str, ...] = ("skos:exactMatch", "owl:sameAs", "owl:equivalentClass")
    min_confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    labels: bool = False


def read(path: Path, *, options: SssomOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a plain or gzip file.

    IRIs become CURIEs by the ``curie_map`` of the file, or if their form is known. Mappings that
    deny equivalence (``predicate_modifier`` Not) or state that there is no match
    (``sssom:NoTermFound``, any other ``sssom:`` id, a cardinality with 0) are left out.

    Args:
        path: the file; its columns are separated by tabs, or by commas if those of the header are.
        options: what to read.
        quarantine: collects rows with another number of cells, a bad id, confidence or modifier,
            an id mapped to itself, and rows that would join two ids of one vocabulary.

    Raises:
        SourceError: the file is damaged, lacks a column, or has one twice.
    """
    reading = _Reading(path, options)
    for number, line in lines(path, quarantine):
        if line.startswith("#"):
            reading.read_metadata(line)
        elif line.strip():
            try:
                reading.read_row(number, line)
            except (BadRowError, csv.Error) as error:
                quarantine.bad(path, number, str(error), row=line)
    if not reading.columns:
        raise SourceError(path, f"has no header, expected {', '.join(_REQUIRED)}")
    reading.warn_if_empty()
    metadata = reading.metadata
    info = options.info(
        "sssom",
        [path],
        name=metadata.get("mapping_set_id", ""),
        version=metadata.get("mapping_set_version", ""),
        licence=metadata.get("license", ""),
    )
    return SourceTables.from_rows(
        info,
        names=_names(reading.labels),
        same_as=[(subject, other, True) for subject, other in reading.same_as],
    )


class _Reading:
    def __init__(self, path: Path, options: SssomOptions) -> None:
        self.path = path
        self.options = options
        self.metadata: dict[str, str] = {}
        self.columns: list[str] = []
        self.same_as: dict[tuple[str, str], bool] = {}
        self.labels: dict[tuple[str, str], str] = {}
        self._namespaces: dict[str, str] = {}  # those of the file, the longest first
        self._in_map = False
        self._delimiter = "\t"
        self._predicates = {self._predicate(one) for one in options.predicates}
        self._other_predicates: Counter[str] = Counter()
        self._groups = Groups()

    def read_metadata(self, line: str) -> None:
        """Reads one line of the YAML before the header."""
        if found := _METADATA.match(line):
            self.metadata[found[1]] = found[2].strip().strip("'\"")
        elif re.fullmatch(r"#\s*curie_map\s*:\s*", line):
            self._in_map = True
        elif self._in_map and (found := _PREFIX.fullmatch(line)):
            known = {**self._namespaces, found[2]: found[1]}
            self._namespaces = dict(sorted(known.items(), key=lambda item: -len(item[0])))

    def read_row(self, number: int, line: str) -> None:
        """Reads the header or a mapping.

        Raises:
            BadRowError, csv.Error: the mapping is bad.
            SourceError: the header is bad.
        """
        if not self.columns:
            self._delimiter = _delimiter(line)
            self.columns = _checked_header(self.path, number, self._cells(line))
            return
        cells = self._cells(line)
        if len(cells) != len(self.columns):
            raise BadRowError(f"{len(cells)} columns, expected {len(self.columns)}")
        row = dict(zip(self.columns, cells, strict=True))
        if pair := self._pair(row):
            self._groups.join(*pair)
            self.same_as[pair] = True
            if self.options.labels:
                _add_labels(row, pair, self.labels)

    def warn_if_empty(self) -> None:
        """Logs a warning if no mapping has a requested predicate."""
        if not self.same_as and self._other_predicates:
            _LOG.warning(
                "%s: no mapping is used: their predicates are %s, expected %s",
                self.path,
                _few(self._other_predicates),
                _few(self._predicates),
            )

    def _cells(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self._delimiter, strict=True))

    def _pair(self, row: dict[str, str]) -> tuple[str, str] | None:
        """Returns the two ids of a mapping, or ``None`` if it is left out."""
        confidence = row.get("confidence", "").strip()
        try:
            value = float(confidence) if confidence else 1.0
        except ValueError:
            value = -1.0
        if not 0.0 <= value <= 1.0:
            raise BadRowError(f"confidence is {shown(confidence)}, expected 0 to 1")
        modifier = row.get("predicate_modifier", "").strip()
        if modifier and modifier.lower() not in _NEGATED:
            raise BadRowError(f"predicate_modifier is {shown(modifier)}, expected Not or nothing")
        if row.get("mapping_cardinality", "").strip() in _NO_MATCH:
            return None
        subject, other = (self._id(row[column]) for column in ("subject_id", "object_id"))
        if subject.startswith("SSSOM:") or other.startswith("SSSOM:"):
            return None
        if modifier or value < self.options.min_confidence:
            return None
        predicate = self._predicate(row["predicate_id"])
        if predicate not in self._predicates:
            self._other_predicates[predicate] += 1
            return None
        if subject == other:
            raise BadRowError(f"maps {subject} to itself")
        return subject, other

    def _id(self, value: str) -> str:
        return clean_id(self._curie(value.strip().strip("<>")))

    def _curie(self, value: str) -> str:
        """Returns an IRI as a CURIE, by the prefixes of the file."""
        if "://" in value:
            for namespace, prefix in self._namespaces.items():
                if value.startswith(namespace) and value != namespace:
                    return f"{prefix}:{value.removeprefix(namespace)}"
        return value

    def _predicate(self, value: str) -> str:
        """Returns the canonical spelling of a predicate, by the namespace of its prefix."""
        value = value.strip().strip("<>")
        prefix, _, local = value.partition(":")
        for namespace, known in self._namespaces.items():
            if known == prefix:
                value = namespace + local
        for namespace, known in _NAMESPACES.items():
            rest = value.partition("://")[2]
            if rest.startswith(namespace):
                return f"{known}:{rest.removeprefix(namespace)}"
        return self._curie(value)


def _delimiter(header: str) -> str:
    """Returns a tab, or a comma if only commas make the line a header."""
    by_comma = "\t" not in header and set(_REQUIRED) <= set(next(csv.reader([header])))
    return "," if by_comma else "\t"


def _checked_header(path: Path, number: int, cells: list[str]) -> list[str]:
    cells = [cell.strip() for cell in cells]
    if missing := [name for name in _REQUIRED if name not in cells]:
        looks = " separated by semicolons" if len(cells) == 1 and ";" in cells[0] else ""
        raise SourceError(
            path,
            f"the header{looks} has no column {', '.join(missing)}, "
            "expected columns separated by tabs or commas",
            line=number,
        )
    if twice := [name for name, count in Counter(cells).items() if name and count > 1]:
        raise SourceError(path, f"two columns {shown(twice[0])}", line=number)
    return cells


def _few(values: Iterable[str]) -> str:
    first = sorted(values)
    return ", ".join(map(shown, first[:5])) + (", …" if len(first) > 5 else "")


def _add_labels(
    row: dict[str, str], pair: tuple[str, str], labels: dict[tuple[str, str], str]
) -> None:
    for concept_id, column in zip(pair, ("subject_label", "object_label"), strict=True):
        if row.get(column, "").strip():
            labels.setdefault((concept_id, clean_name(row[column])), prefix_of(concept_id))


def _names(labels: dict[tuple[str, str], str]) -> list[tuple[str, str, int, str]]:
    grouped: dict[str, list[tuple[str, str, int, str]]] = {}
    for (concept_id, name), source in labels.items():
        rows = grouped.setdefault(concept_id, [])
        kind = NameKind.SYNONYM if rows else NameKind.PREFERRED
        rows.append((concept_id, name, kind, source))
    return [row for rows in grouped.values() for row in rows]
