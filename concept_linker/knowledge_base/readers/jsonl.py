"""scispaCy's knowledge base: JSON Lines, one concept a line.

The keys are those of ``scispacy.linking_utils.Entity``: ``concept_id``, ``canonical_name``,
``aliases``, ``types`` and ``definition``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import BadRowError, clean_id, clean_name
from concept_linker.knowledge_base.readers.collecting import Collector, Concept
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import NameKind, Quarantine, SourceTables

__all__ = ["JsonlOptions", "read"]


class JsonlOptions(SourceOptions):
    """The format has no options of its own."""


def read(path: Path, *, options: JsonlOptions, quarantine: Quarantine) -> SourceTables:
    """Read a plain or gzip file.

    Args:
        path: the file.
        options: what to call it.
        quarantine: takes bad lines: no JSON, a missing key, a bad id, name or alias, an id that
            an earlier line has.

    Raises:
        SourceError: the file is no such file or is damaged.
    """
    collector = Collector()
    info = options.info("jsonl", [path])
    for number, line in lines(path, quarantine):
        if not line or line.isspace():
            continue
        try:
            collector.add(_concept(line), info.name, number)
        except BadRowError as error:
            quarantine.bad(path, number, str(error), row=line)
    if not collector.ids and not quarantine.count:
        raise SourceError(path, "holds no concepts, wanted one JSON object a line")
    return collector.tables(info)


def _concept(line: str) -> Concept:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRowError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise BadRowError("not a JSON object")
    name = record.get("canonical_name")
    if not isinstance(name, str):
        raise BadRowError("no canonical_name")
    concept_id = record.get("concept_id")
    if not isinstance(concept_id, str):
        raise BadRowError("no concept_id")
    definition = record.get("definition") or ""
    if not isinstance(definition, str):
        raise BadRowError("definition is not text")
    concept = Concept(clean_id(concept_id), [(clean_name(name), NameKind.PREFERRED)])
    for alias in _texts(record, "aliases"):
        concept.names.append((clean_name(alias), NameKind.SYNONYM))
    concept.types.extend(map(clean_name, _texts(record, "types")))
    if definition:
        concept.definition = clean_name(definition)
    return concept


def _texts(record: dict[str, Any], key: str) -> list[str]:
    texts = record.get(key) or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRowError(f"{key} is not a list of texts")
    return texts
