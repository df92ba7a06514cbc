"""SSSOM, the Simple Standard for Sharing Ontological Mappings, as TSV or CSV.

The format is that of https://mapping-commons.github.io/sssom/spec-formats-tsv/: metadata in YAML
in lines that begin with ``#``, a header, one mapping a line.
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

_NEEDED = ("subject_id", "predicate_id", "object_id")
_METADATA = re.compile(r"#\s?(mapping_set_version|mapping_set_id|license)\s*:\s*(.*)")
_PREFIX = re.compile(r"#\s+([\w.-]+)\s*:\s*[\"']?([a-z]+://[^\s\"']+)[\"']?\s*")
#: Of predicates; of ids :func:`~concept_linker.knowledge_base.identity.curie_of` knows them.
_NAMESPACES = {
    "www.w3.org/2004/02/skos/core#": "skos",
    "www.w3.org/2002/07/owl#": "owl",
    "www.w3.org/2000/01/rdf-schema#": "rdfs",
    "www.geneontology.org/formats/oboInOwl#": "oboInOwl",
}
_NEGATED = ("not", "sssom:negatedpredicate", "https://w3id.org/sssom/negatedpredicate")
#: Cardinalities of "there is none on the other side".
_NO_MATCH = ("1:0", "0:1", "0:0")


class SssomOptions(SourceOptions):
    """What to take of a mapping set.

    Args:
        predicates: the predicates that mean "the same", as CURIEs or IRIs.
        min_confidence: leave out mappings of a lower confidence, 0 to 1; one without a
            confidence is taken.
        labels: take ``subject_label`` and ``object_label`` as names, too.
    """

    predicates: tuple[str, ...] = ("skos:exactMatch", "owl:sameAs", "owl:equivalentClass")
    min_confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    labels: bool = False


def read(path: Path, *, options: SssomOptions, quarantine: Quarantine) -> SourceTables:
    """Read a plain or gzip file.

    IRIs are folded into CURIEs by the file's own ``curie_map`` and where their form is known.
    Left out is what says that two things are not the same (``predicate_modifier`` Not) and that
    there is no match (``sssom:NoTermFound``, any other ``sssom:`` id, a cardinality with 0).

    Args:
        path: the file, its columns separated by tabs or, where the header is, by commas.
        options: what to take.
        quarantine: takes rows with another number of cells, a bad id, confidence or modifier, an
            id mapped to itself, and the row that would make two ids of one vocabulary one concept.

    Raises:
        SourceError: the file is damaged, lacks a column or has one twice.
    """
    reading = _Reading(path, options)
    for number, line in lines(path, quarantine):
        if line.startswith("#"):
            reading.take_metadata(line)
        elif line.strip():
            try:
                reading.take(number, line)
            except (BadRowError, csv.Error) as error:
                quarantine.bad(path, number, str(error), row=line)
    if not reading.columns:
        raise SourceError(path, f"no header, wanted {', '.join(_NEEDED)}")
    reading.warn_where_nothing_is_taken()
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
        self._namespaces: dict[str, str] = {}  # the file's own, the longest first
        self._in_map = False
        self._delimiter = "\t"
        self._wanted = {self._predicate(one) for one in options.predicates}
        self._other_predicates: Counter[str] = Counter()
        self._groups = Groups()

    def take_metadata(self, line: str) -> None:
        """Take one line of the YAML that stands before the header."""
        if found := _METADATA.match(line):
            self.metadata[found[1]] = found[2].strip().strip("'\"")
        elif re.fullmatch(r"#\s*curie_map\s*:\s*", line):
            self._in_map = True
        elif self._in_map and (found := _PREFIX.fullmatch(line)):
            known = {**self._namespaces, found[2]: found[1]}
            self._namespaces = dict(sorted(known.items(), key=lambda item: -len(item[0])))

    def take(self, number: int, line: str) -> None:
        """Take the header or a mapping.

        Raises:
            BadRowError, csv.Error: of a mapping.
            SourceError: of the header.
        """
        if not self.columns:
            self._delimiter = _delimiter(line)
            self.columns = _checked_header(self.path, number, self._cells(line))
            return
        cells = self._cells(line)
        if len(cells) != len(self.columns):
            raise BadRowError(f"{len(cells)} columns, wanted {len(self.columns)}")
        row = dict(zip(self.columns, cells, strict=True))
        if pair := self._pair(row):
            self._groups.join(*pair)
            self.same_as[pair] = True
            if self.options.labels:
                _take_labels(row, pair, self.labels)

    def warn_where_nothing_is_taken(self) -> None:
        """Say so where no mapping has a predicate that is wanted."""
        if not self.same_as and self._other_predicates:
            _LOG.warning(
                "%s: no mapping is taken: their predicates are %s, wanted %s",
                self.path,
                _few(self._other_predicates),
                _few(self._wanted),
            )

    def _cells(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self._delimiter, strict=True))

    def _pair(self, row: dict[str, str]) -> tuple[str, str] | None:
        """The two ids of a mapping that is wanted."""
        confidence = row.get("confidence", "").strip()
        try:
            sure = float(confidence) if confidence else 1.0
        except ValueError:
            sure = -1.0
        if not 0.0 <= sure <= 1.0:
            raise BadRowError(f"confidence {shown(confidence)}, wanted 0 to 1")
        modifier = row.get("predicate_modifier", "").strip()
        if modifier and modifier.lower() not in _NEGATED:
            raise BadRowError(f"predicate_modifier {shown(modifier)}, wanted Not or nothing")
        if row.get("mapping_cardinality", "").strip() in _NO_MATCH:
            return None
        subject, other = (self._id(row[column]) for column in ("subject_id", "object_id"))
        if subject.startswith("SSSOM:") or other.startswith("SSSOM:"):
            return None
        if modifier or sure < self.options.min_confidence:
            return None
        predicate = self._predicate(row["predicate_id"])
        if predicate not in self._wanted:
            self._other_predicates[predicate] += 1
            return None
        if subject == other:
            raise BadRowError(f"maps {subject} to itself")
        return subject, other

    def _id(self, value: str) -> str:
        return clean_id(self._folded(value.strip().strip("<>")))

    def _folded(self, value: str) -> str:
        """An IRI as a CURIE, by the file's own prefixes."""
        if "://" in value:
            for namespace, prefix in self._namespaces.items():
                if value.startswith(namespace) and value != namespace:
                    return f"{prefix}:{value.removeprefix(namespace)}"
        return value

    def _predicate(self, value: str) -> str:
        """One spelling for a predicate, by what its prefix stands for."""
        value = value.strip().strip("<>")
        prefix, _, local = value.partition(":")
        for namespace, own in self._namespaces.items():
            if own == prefix:
                value = namespace + local
        for namespace, own in _NAMESPACES.items():
            rest = value.partition("://")[2]
            if rest.startswith(namespace):
                return f"{own}:{rest.removeprefix(namespace)}"
        return self._folded(value)


def _delimiter(header: str) -> str:
    """A tab, or a comma where only that makes a header of a line."""
    by_comma = "\t" not in header and set(_NEEDED) <= set(next(csv.reader([header])))
    return "," if by_comma else "\t"


def _checked_header(path: Path, number: int, cells: list[str]) -> list[str]:
    cells = [cell.strip() for cell in cells]
    if missing := [name for name in _NEEDED if name not in cells]:
        looks = ", separated by semicolons" if len(cells) == 1 and ";" in cells[0] else ""
        raise SourceError(
            path,
            f"no column {', '.join(missing)} in the header{looks}; "
            "wanted columns separated by tabs or commas",
            line=number,
        )
    if twice := [name for name, count in Counter(cells).items() if name and count > 1]:
        raise SourceError(path, f"two columns {shown(twice[0])}", line=number)
    return cells


def _few(values: Iterable[str]) -> str:
    first = sorted(values)
    return ", ".join(map(shown, first[:5])) + (", …" if len(first) > 5 else "")


def _take_labels(
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
