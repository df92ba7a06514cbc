"""obographs JSON, the JSON that ontologies of the OBO Foundry come as.

The format is that of https://github.com/geneontology/obographs: graphs of nodes, whose ids are
IRIs and whose synonyms, xrefs and definition stand in ``meta``, and of edges.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import (
    BadRowError,
    clean_id,
    clean_name,
    curie_of,
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
from concept_linker.knowledge_base.readers.opening import text
from concept_linker.knowledge_base.source import NameKind, Quarantine, SourceTables

__all__ = ["ObographsOptions", "read"]

_EXACT_MATCH = "skos/core#exactMatch"
_REPLACED_BY = "IAO_0100001"


class ObographsOptions(OntologyOptions):
    """What to take of an obographs file."""


def read(path: Path, *, options: ObographsOptions, quarantine: Quarantine) -> SourceTables:
    """Read a plain or gzip file; deprecated nodes are left out, and so are bare references.

    Args:
        path: the file.
        options: what to take.
        quarantine: takes bad nodes, with the line each begins on, a node whose id an earlier one
            has, and the edge or node that closes a cycle of ``is_a`` or ``replaced by``.

    Raises:
        SourceError: the file is damaged, no JSON, or has no graphs.
    """
    document = text(path)
    try:
        content = json.loads(document)
    except json.JSONDecodeError as error:
        raise SourceError(path, f"no JSON: {error.msg}", line=error.lineno) from error
    except RecursionError as error:
        raise SourceError(path, "nested too deeply, wanted obographs JSON") from error
    graphs = content.get("graphs") if isinstance(content, dict) else None
    if not isinstance(graphs, list) or not all(isinstance(graph, dict) for graph in graphs):
        raise SourceError(path, "no list of graphs, wanted obographs JSON")
    collector = Collector()
    terms: list[Term] = []
    edges: dict[str, dict[str, list[tuple[str, int]]]] = {"is_a": {}, "replaced_by": {}}
    places: list[tuple[str, int, int]] = []
    for number, graph in enumerate(graphs):
        for key, entries in (("nodes", graph.get("nodes", [])), ("edges", graph.get("edges", []))):
            for index, entry in enumerate(entries if isinstance(entries, list) else []):
                places.append((key, number, index))
                try:
                    if not isinstance(entry, dict):
                        raise BadRowError("no JSON object")
                    if key == "edges":
                        _take_edge(entry, edges["is_a"], len(places) - 1)
                    elif term := _term(entry, edges["replaced_by"], len(places) - 1, collector):
                        terms.append(term)
                except BadRowError as error:
                    line = _line_of(document, *places[-1])
                    quarantine.bad(path, line, str(error), row=json.dumps(entry))
    for kind, known in edges.items():
        for here, other, place in cycle_edges(known):
            problem = f"{kind} cycle: {here} leads back to itself through {other}"
            row = f"{here} {kind} {other}"
            quarantine.bad(path, _line_of(document, *places[place]), problem, row=row)
    add_terms(collector, terms, options)
    meta = graphs[0].get("meta") if graphs else None
    meta = meta if isinstance(meta, dict) else {}
    try:
        licences = [value for pred, value in _properties(meta) if pred.endswith("license")]
    except BadRowError as error:
        raise SourceError(path, f"meta of the first graph: {error}") from error
    info = options.info(
        "obographs",
        [path],
        version=str(meta.get("version") or ""),
        licence=licences[0] if licences else "",
    )
    return collector.tables(info)


def _take_edge(edge: dict[str, Any], is_a: dict[str, list[tuple[str, int]]], place: int) -> None:
    sub, pred, obj = (edge.get(key) for key in ("sub", "pred", "obj"))
    if not isinstance(sub, str) or not isinstance(pred, str) or not isinstance(obj, str):
        raise BadRowError("edge without sub, pred and obj")
    if pred == "is_a":
        is_a.setdefault(clean_id(curie_of(sub)), []).append((clean_id(curie_of(obj)), place))


def _term(
    node: dict[str, Any],
    replaced_by: dict[str, list[tuple[str, int]]],
    place: int,
    collector: Collector,
) -> Term | None:
    """The term of a node that is a class and neither deprecated nor a bare reference."""
    if node.get("type", "CLASS") != "CLASS":
        return None
    meta, label = node.get("meta") or {}, node.get("lbl")
    if not isinstance(meta, dict):
        raise BadRowError("meta is no JSON object")
    if not isinstance(node.get("id"), str):
        raise BadRowError("node without an id")
    if not label and not meta:
        return None
    properties = _properties(meta)
    concept = Concept(clean_id(curie_of(node["id"])))
    deprecated = meta.get("deprecated") is True
    if not deprecated and not isinstance(label, str):
        raise BadRowError(f"id {concept.id} without a name")
    names = [] if deprecated else [(clean_name(str(label)), NameKind.PREFERRED)]
    collector.claim(concept.id, None)
    for pred, value in properties:
        if pred.endswith(_REPLACED_BY):
            replaced_by.setdefault(concept.id, []).append((clean_id(curie_of(value)), place))
    if deprecated:
        return None
    for entry in _entries(meta, "synonyms"):
        exact = str(entry.get("pred", "")).endswith("hasExactSynonym")
        kind = synonym_kind(exact=exact, synonym_type=str(entry.get("synonymType", "")))
        names.append((clean_name(_value(entry)), kind))
    concept.names.extend(names)
    concept.types.extend(value for pred, value in properties if pred.endswith("hasOBONamespace"))
    definition = meta.get("definition")
    if isinstance(definition, dict) and _value(definition).strip():
        concept.definition = clean_name(_value(definition))
    term = Term(concept, None)
    matches = [value for pred, value in properties if pred.endswith(_EXACT_MATCH)]
    term.exact = [clean_id(curie_of(value)) for value in matches]
    for entry in _entries(meta, "xrefs"):
        # The source of an xref has stood in both places over the versions.
        listed, about = entry.get("xrefs") or [], entry.get("meta") or {}
        if not isinstance(listed, list) or not isinstance(about, dict):
            raise BadRowError("xref whose xrefs are no list or whose meta is no JSON object")
        sources = [*listed, *_properties(about)]
        equal = any(str(source).rstrip("')").endswith(EQUIVALENT) for source in sources)
        term.xrefs.append((clean_id(curie_of(_value(entry).split(" ")[0])), equal))
    alternatives = [value for pred, value in properties if pred.endswith("hasAlternativeId")]
    term.alternatives = [clean_id(curie_of(value)) for value in alternatives]
    return term


def _entries(meta: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = meta.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadRowError(f"{key} is no list of JSON objects")
    return entries


def _value(entry: dict[str, Any]) -> str:
    value = entry.get("val")
    if not isinstance(value, str):
        raise BadRowError("val is not text")
    return value


def _properties(meta: dict[str, Any]) -> list[tuple[str, str]]:
    entries = _entries(meta, "basicPropertyValues")
    return [(str(entry.get("pred", "")), _value(entry)) for entry in entries]


def _line_of(document: str, key: str, graph: int, index: int) -> int | None:
    """The line that an entry of a graph's list begins on; JSON is read again up to there."""
    starts = [found.end() for found in re.finditer(rf'"{key}"\s*:\s*\[', document)]
    if graph >= len(starts):
        return None
    decoder, blank = json.JSONDecoder(), re.compile(r"[\s,]*")
    position = starts[graph]
    for _ in range(index):
        position = blank.match(document, position).end()  # type: ignore[union-attr]
        _, position = decoder.raw_decode(document, position)
    position = blank.match(document, position).end()  # type: ignore[union-attr]
    return document.count("\n", 0, position) + 1
