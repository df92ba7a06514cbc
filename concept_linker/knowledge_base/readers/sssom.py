"""SSSOM, the Simple Standard for Sharing Ontological Mappings, as TSV.

The format is that of https://mapping-commons.github.io/sssom/spec-formats-tsv/: metadata in YAML
in lines that begin with ``#``, a header, one mapping a line.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from pydantic import Field

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import (
    BadRowError,
    clean_id,
    clean_name,
    prefix_of,
)
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import (
    NameKind,
    Quarantine,
    SourceTables,
)

__all__ = ["SssomOptions", "read"]

_NEEDED = ("subject_id", "predicate_id", "object_id")
_METADATA = re.compile(r"#\s?(mapping_set_version|mapping_set_id|license)\s*:\s*(.*)")


class SssomOptions(SourceOptions):
    """What to take of a mapping set.

    Args:
        predicates: the predicates that mean "the same".
        min_confidence: leave out mappings of a lower confidence, 0 to 1; one without a
            confidence is taken.
        labels: take ``subject_label`` and ``object_label`` as names, too.
    """

    predicates: tuple[str, ...] = ("skos:exactMatch", "owl:sameAs", "owl:equivalentClass")
    min_confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    labels: bool = False


def read(path: Path, *, options: SssomOptions, quarantine: Quarantine) -> SourceTables:
    """Read a plain or gzip file; negated mappings (``predicate_modifier`` Not) are left out.

    Args:
        path: the file.
        options: what to take.
        quarantine: takes rows with another number of cells, a bad id or confidence, an id
            mapped to itself, and the row that would make two ids of one vocabulary one concept.

    Raises:
        SourceError: the file is damaged or lacks a column.
    """
    metadata: dict[str, str] = {}
    columns: list[str] = []
    same_as: dict[tuple[str, str], bool] = {}
    labels: dict[tuple[str, str], str] = {}
    groups = _Groups()
    for number, line in lines(path, quarantine):
        if line.startswith("#"):
            if found := _METADATA.match(line):
                metadata[found[1]] = found[2].strip().strip("'\"")
            continue
        if not line.strip():
            continue
        try:
            cells = next(csv.reader([line], delimiter="\t", strict=True))
            if not columns:
                columns = _checked_header(path, number, cells)
                continue
            if len(cells) != len(columns):
                raise BadRowError(f"{len(cells)} columns, wanted {len(columns)}")
            row = dict(zip(columns, cells, strict=True))
            if (pair := _pair(row, options)) is None:
                continue
            groups.join(*pair)
            same_as[pair] = True
            if options.labels:
                _take_labels(row, pair, labels)
        except (BadRowError, csv.Error) as error:
            quarantine.bad(path, number, str(error), row=line)
    if not columns:
        raise SourceError(path, f"no header, wanted {', '.join(_NEEDED)}")
    info = options.info(
        "sssom",
        [path],
        name=metadata.get("mapping_set_id", ""),
        version=metadata.get("mapping_set_version", ""),
        licence=metadata.get("license", ""),
    )
    return SourceTables.from_rows(
        info,
        names=_names(labels),
        same_as=[(subject, other, True) for subject, other in same_as],
    )


def _checked_header(path: Path, number: int, cells: list[str]) -> list[str]:
    if missing := [name for name in _NEEDED if name not in cells]:
        raise SourceError(path, f"no column {', '.join(missing)} in the header", line=number)
    return cells


def _pair(row: dict[str, str], options: SssomOptions) -> tuple[str, str] | None:
    """The two ids of a mapping that is wanted."""
    subject, other = clean_id(row["subject_id"]), clean_id(row["object_id"])
    confidence = row.get("confidence", "").strip()
    try:
        sure = float(confidence) if confidence else 1.0
    except ValueError as error:
        raise BadRowError(f"confidence {confidence!r}, wanted 0 to 1") from error
    if not 0.0 <= sure <= 1.0:
        raise BadRowError(f"confidence {confidence!r}, wanted 0 to 1")
    negated = row.get("predicate_modifier", "").strip().lower() == "not"
    if negated or sure < options.min_confidence:
        return None
    if row["predicate_id"].strip() not in options.predicates:
        return None
    if subject == other:
        raise BadRowError(f"maps {subject} to itself")
    return subject, other


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


class _Groups:
    """Ids that are one concept, by union and find; each has at most one id a vocabulary."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._members: dict[str, dict[str, str]] = {}

    def join(self, left: str, right: str) -> None:
        """Make two ids one concept.

        Raises:
            BadRowError: that would put two ids of one vocabulary into it.
        """
        one, two = self._root(left), self._root(right)
        if one == two:
            return
        mine, theirs = self._members[one], self._members[two]
        for prefix in mine.keys() & theirs.keys():
            problem = "maps two ids of one vocabulary to one concept"
            raise BadRowError(f"{problem}: {mine[prefix]} and {theirs[prefix]}")
        if len(mine) < len(theirs):
            one, two = two, one
        self._members[one].update(self._members.pop(two))
        self._parent[two] = one

    def _root(self, concept_id: str) -> str:
        if concept_id not in self._parent:
            self._parent[concept_id] = concept_id
            self._members[concept_id] = {prefix_of(concept_id) or concept_id: concept_id}
        while (parent := self._parent[concept_id]) != concept_id:
            self._parent[concept_id] = self._parent[parent]
            concept_id = parent
        return concept_id
