"""obographs JSON, the JSON format of OBO Foundry ontologies.

The format is described at https://github.com/geneontology/obographs: graphs of nodes and edges.
The ids of nodes are IRIs; their synonyms, xrefs and definitions are in ``meta``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

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
from concept_linker.knowledge_base.readers.opening import text
from concept_linker.knowledge_base.source import NameKind, Quarantine, SourceTables

__all__ = ["ObographsOptions", "read"]

_EXACT_MATCH = "skos/core#exactMatch"
_REPLACED_BY = "IAO_0100001"


class ObographsOptions(OntologyOptions):
    """Options of obographs files."""


def read(path: Path, *, options: ObographsOptions, quarantine: Quarantine) -> SourceTables:
    """Reads a plain or gzip file.

    Deprecated nodes and bare references are left out; the id of a replaced node becomes another id
    of its replacement.

    Args:
        path: the file.
        options: what to read.
        quarantine: collects bad nodes, with the line each begins on, bad parts of a node, nodes
            with a duplicate id, and edges or nodes that close a cycle of ``is_a`` or
            ``replaced by``.

    Raises:
        SourceError: the file is damaged, not JSON, or has no graphs.
    """
    document = text(path)
    try:
        content = json.loads(document)
    except json.JSONDecodeError as error:
        raise SourceError(path, f"not JSON: {error.msg}", line=error.lineno) from error
    except ValueError as error:  # a number with thousands of digits
        raise SourceError(path, f"not JSON: {error}") from error
    except RecursionError as error:
        raise SourceError(path, "nested too deeply, expected obographs JSON") from error
    graphs = content.get("graphs") if isinstance(content, dict) else None
    if not isinstance(graphs, list) or not all(isinstance(graph, dict) for graph in graphs):
        raise SourceError(path, "has no list of graphs, expected obographs JSON")
    collector = Collector()
    terms: list[Term] = []
    edges: dict[str, dict[str, list[tuple[str, int]]]] = {"is_a": {}, "replaced_by": {}}
    places = _Places(document)
    about: list[tuple[str, int, int]] = []

    def bad(place: int, problem: str) -> None:
        line, row = places.find(*about[place])
        quarantine.bad(path, line, problem, row=row)

    for number, graph in enumerate(graphs):
        for key, entries in (("nodes", graph.get("nodes", [])), ("edges", graph.get("edges", []))):
            for index, entry in enumerate(entries if isinstance(entries, list) else []):
                about.append((key, number, index))
                here = len(about) - 1
                try:
                    if not isinstance(entry, dict):
                        raise BadRowError("not a JSON object")
                    if key == "edges":
                        _read_edge(entry, edges["is_a"], here)
                    elif term := _term(
                        entry, edges["replaced_by"], here, collector, partial(bad, here)
                    ):
                        terms.append(term)
                except BadRowError as error:
                    bad(here, str(error))
    for kind, known in edges.items():
        for one, other, place in cycle_edges(known):
            bad(place, f"{kind} cycle: {one} leads back to itself through {other}")
    add_terms(collector, terms, edges["replaced_by"], options)
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


def _read_edge(edge: dict[str, Any], is_a: dict[str, list[tuple[str, int]]], place: int) -> None:
    sub, pred, obj = (edge.get(key) for key in ("sub", "pred", "obj"))
    if not isinstance(sub, str) or not isinstance(pred, str) or not isinstance(obj, str):
        raise BadRowError("edge has no sub, pred or obj")
    if pred == "is_a":
        is_a.setdefault(clean_id(sub), []).append((clean_id(obj), place))


def _term(
    node: dict[str, Any],
    replaced_by: dict[str, list[tuple[str, int]]],
    place: int,
    collector: Collector,
    bad: Callable[[str], None],
) -> Term | None:
    """Returns the term of a class that is neither deprecated nor a bare reference, else ``None``.

    A bad synonym, definition or cross-reference is reported to ``bad``; the term loses only it.

    Raises:
        BadRowError: the node is bad.
    """
    if node.get("type", "CLASS") != "CLASS":
        return None
    meta, label = node.get("meta") or {}, node.get("lbl")
    if not isinstance(meta, dict):
        raise BadRowError("meta is not a JSON object")
    if not isinstance(node.get("id"), str):
        raise BadRowError("node has no id")
    if not label and not meta:
        return None
    properties = _properties(meta)
    concept = Concept(clean_id(node["id"]))
    deprecated = meta.get("deprecated") is True
    if not deprecated and not isinstance(label, str):
        raise BadRowError(f"id {concept.id} has no name")
    names = [] if deprecated else [(clean_name(str(label)), NameKind.PREFERRED)]
    collector.claim(concept.id, None)
    for pred, value in properties:
        if pred.endswith(_REPLACED_BY):
            replaced_by.setdefault(concept.id, []).append((clean_id(value), place))
    if deprecated:
        return None
    for entry in _entries(meta, "synonyms"):
        exact = str(entry.get("pred", "")).endswith("hasExactSynonym")
        kind = synonym_kind(exact=exact, synonym_type=str(entry.get("synonymType", "")))
        with _one(bad, "synonym"):
            names.append((clean_name(_value(entry)), kind))
    concept.names.extend(names)
    concept.types.extend(value for pred, value in properties if pred.endswith("hasOBONamespace"))
    definition = meta.get("definition")
    with _one(bad, "definition"):
        if isinstance(definition, dict) and _value(definition).strip():
            concept.definition = clean_name(_value(definition))
    term = Term(concept, None)
    for pred, value in properties:
        with _one(bad, pred.rpartition("/")[2]):
            if pred.endswith(_EXACT_MATCH):
                term.exact.append(clean_id(value))
            elif pred.endswith("hasAlternativeId"):
                term.alternatives.append(clean_id(value))
    for entry in _entries(meta, "xrefs"):
        with _one(bad, "xref"):
            term.xrefs.append((clean_id(_value(entry).split(" ")[0]), _is_equal(entry)))
    return term


def _is_equal(xref: dict[str, Any]) -> bool:
    """Returns whether a cross-reference is marked as equivalent."""
    # Versions of the format have its source in different places.
    listed, about = xref.get("xrefs") or [], xref.get("meta") or {}
    if not isinstance(listed, list) or not isinstance(about, dict):
        raise BadRowError("xrefs is not a list, or meta is not a JSON object")
    sources = [*listed, *_properties(about)]
    return any(str(source).rstrip("')").endswith(EQUIVALENT) for source in sources)


@contextmanager
def _one(bad: Callable[[str], None], what: str) -> Iterator[None]:
    """Reports an error in one part of a node, which loses only this part."""
    try:
        yield
    except BadRowError as error:
        bad(f"{what}: {error}")


def _entries(meta: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = meta.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadRowError(f"{key} is not a list of JSON objects")
    return entries


def _value(entry: dict[str, Any]) -> str:
    value = entry.get("val")
    if not isinstance(value, str):
        raise BadRowError("val is not a string")
    return value


def _properties(meta: dict[str, Any]) -> list[tuple[str, str]]:
    entries = _entries(meta, "basicPropertyValues")
    return [(str(entry.get("pred", "")), _value(entry)) for entry in entries]


class _Places:
    """Finds the lines of entries in the graphs' lists, by parsing the JSON again up to them."""

    def __init__(self, document: str) -> None:
        self._document = document
        self._decoder = json.JSONDecoder()
        self._blank = re.compile(r"[\s,]*")
        self._known: dict[tuple[str, int], list[int]] = {}

    @cached_property
    def _line_ends(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self._document)]

    def find(self, key: str, graph: int, index: int) -> tuple[int | None, str]:
        """Returns the line that an entry of a graph's list begins on, and the start of its text."""
        if (key, graph) not in self._known:
            starts = re.finditer(rf'"{key}"\s*:\s*\[', self._document)
            start = next(islice(starts, graph, None), None)
            self._known[key, graph] = [self._after_blank(start.end())] if start else []
        begins = self._known[key, graph]
        if not begins:
            return None, ""
        while len(begins) <= index:
            _, end = self._decoder.raw_decode(self._document, begins[-1])
            begins.append(self._after_blank(end))
        begin = begins[index]
        return bisect(self._line_ends, begin) + 1, self._document[begin : begin + 1000]

    def _after_blank(self, position: int) -> int:
        return self._blank.match(self._document, position).end()  # type: ignore[union-attr]
