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
    """The format has only the common options."""


def read(path: Path, *, options: JsonlOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a plain or gzip file.

    Args:
        path: the file.
        options: the common options.
        quarantine: collects bad lines: not JSON, no id, a duplicate id, no valid name. A line with
            a bad alias, type or definition is also recorded, but loses only that part.

    Raises:
        SourceError: the file is not in this format, or it is damaged.
    """
    collector = Collector()
    info = options.info("jsonl", [path])
    for number, line in lines(path, quarantine):
        if not line or line.isspace():
            continue
        problems: list[str] = []
        try:
            collector.add(_concept(line, problems), info.name, number)
        except BadRowError as error:
            problems.append(str(error))
        for problem in problems:
            quarantine.bad(path, number, problem, row=line)
    if not collector.ids and not quarantine.count:
        raise SourceError(path, "has no concepts, expected one JSON object per line")
    return collector.tables(info)


def _concept(line: str, problems: list[str]) -> Concept:
    """Returns the concept on a line; problems with its parts are added to ``problems``.

    Raises:
        BadRowError: the line has no concept, or the concept has no valid name.
    """
    try:
        record = json.loads(line, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise BadRowError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise BadRowError("not a JSON object")
    concept_id = record.get("concept_id")
    if not isinstance(concept_id, str):
        raise BadRowError("no concept_id")
    concept = Concept(clean_id(concept_id))
    named = [(record.get("canonical_name"), NameKind.PREFERRED)]
    named += [(alias, NameKind.SYNONYM) for alias in _list(record, "aliases", problems)]
    for text, kind in named:
        what = "canonical_name" if kind == NameKind.PREFERRED else "an alias"
        if name := _cleaned(text, what, problems):
            # If the preferred name is bad, the first alias replaces it.
            concept.names.append((name, kind if concept.names else NameKind.PREFERRED))
    if not concept.names:
        raise BadRowError(problems.pop(0))
    for text in _list(record, "types", problems):
        if type_ := _cleaned(text, "a type", problems):
            concept.types.append(type_)
    if definition := record.get("definition"):
        concept.definition = _cleaned(definition, "the definition", problems)
    return concept


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate key in an object")
    return found


def _cleaned(text: object, what: str, problems: list[str]) -> str:
    if not isinstance(text, str):
        problems.append(f"no {what}" if what == "canonical_name" else f"{what} is not a string")
        return ""
    try:
        return clean_name(text)
    except BadRowError as error:
        problems.append(f"{what}: {error}")
        return ""


def _list(record: dict[str, Any], key: str, problems: list[str]) -> list[Any]:
    values = record.get(key) or []
    if not isinstance(values, list):
        problems.append(f"{key} is not a list of strings")
        return []
    return values
