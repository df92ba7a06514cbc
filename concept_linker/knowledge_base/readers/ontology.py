"""The common part of OBO and obographs JSON: terms, and which xrefs are equivalences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from concept_linker.knowledge_base.readers.checks import clean_id, prefix_of
from concept_linker.knowledge_base.readers.collecting import Collector, Concept
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import NameKind, is_cui

__all__ = ["EQUIVALENT", "OntologyOptions", "Term", "add_terms", "synonym_kind"]

#: The end of the qualifier by which MONDO and similar ontologies mark an xref as equivalent.
EQUIVALENT = ":equivalentTo"
#: OMO's ids for "abbreviation" and "acronym", and the words themselves.
_ABBREVIATION = re.compile(r"abbrev|acronym|OMO[_:]0003000|OMO[_:]0003012", re.IGNORECASE)


class OntologyOptions(SourceOptions):
    """Options of ontologies.

    Args:
        prefixes: read only terms whose id has one of these prefixes; ``None`` reads all, including
            those that the ontology imports.
        same_as_prefixes: read equivalences to these vocabularies (``UMLS`` for CUIs).
        alternative_ids: treat a term's former ids as equivalent: its ``alt_id`` and the obsolete
            terms that it replaces.
    """

    prefixes: tuple[str, ...] | None = None
    same_as_prefixes: tuple[str, ...] = ("UMLS", "MESH")
    alternative_ids: bool = True


@dataclass(slots=True)
class Term:
    """One class.

    Args:
        concept: its id, names, types and definition; :func:`add_terms` fills ``same_as``.
        line: the line it begins on.
        xrefs: pairs of an id and whether it is marked as equivalent.
        exact: the ids of its ``skos:exactMatch``.
        alternatives: its former ids.
    """

    concept: Concept
    line: int | None
    xrefs: list[tuple[str, bool]] = field(default_factory=list)
    exact: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)


def synonym_kind(*, exact: bool, synonym_type: str) -> NameKind:
    """Returns a synonym's kind by its scope and type; only exact ones can be abbreviations."""
    if not exact:
        return NameKind.RELATED
    return NameKind.ABBREVIATION if _ABBREVIATION.search(synonym_type) else NameKind.SYNONYM


def add_terms(
    collector: Collector,
    terms: list[Term],
    replaced_by: Mapping[str, Sequence[tuple[str, int]]],
    options: OntologyOptions,
) -> None:
    """Adds terms with the equivalences that they assert; the collector has their ids already.

    If any xref of the file is marked as equivalent, the unmarked ones are only pointers and are
    left out. In a file without such marks, every xref is an equivalence.

    Args:
        collector: receives the terms.
        terms: the current terms.
        replaced_by: for each obsolete id the ids that replace it, with their places.
        options: what to read.
    """
    former = _former_ids(terms, replaced_by) if options.alternative_ids else {}
    stated = any(equal for term in terms for _, equal in term.xrefs)
    selected = None if options.prefixes is None else {prefix.upper() for prefix in options.prefixes}
    prefixes = {prefix_of(clean_id(f"{prefix}:0")) for prefix in options.same_as_prefixes}
    for term in terms:
        concept = term.concept
        if selected is not None and prefix_of(concept.id) not in selected:
            continue
        equal = [xref for xref, equal in term.xrefs if equal or not stated]
        concept.same_as.extend(_with_prefix([*term.exact, *equal], prefixes))
        concept.same_as.extend(former.get(concept.id, ()))
        concept.same_as = [other for other in concept.same_as if other != concept.id]
        collector.add_rows(concept, concept.id.partition(":")[0])


def _former_ids(
    terms: list[Term], replaced_by: Mapping[str, Sequence[tuple[str, int]]]
) -> dict[str, list[str]]:
    """Returns the former ids of each current term.

    A former id has at most one current term, because it would otherwise join two terms. An
    obsolete id leads to the end of its chain of replacements, if each link has exactly one.
    """
    current = {term.concept.id for term in terms}
    leads: dict[str, str] = {}
    for old in replaced_by:
        here, seen = old, {old}
        while here not in current and len(after := dict(replaced_by.get(here, ()))) == 1:
            here = next(iter(after))
            if here in seen:
                break
            seen.add(here)
        if old not in current and here != old:
            leads[old] = here
    for term in terms:
        for old in term.alternatives:
            if old not in current:
                leads.setdefault(old, term.concept.id)
    former: dict[str, list[str]] = {}
    for old, new in leads.items():
        former.setdefault(new, []).append(old)
    return former


def _with_prefix(others: Iterable[str], prefixes: set[str]) -> Iterator[str]:
    for other in others:
        found = clean_id(other)
        prefix = prefix_of(found)
        # Ids such as "UMLS:CN000001" are MedGen's, not CUIs.
        if prefix in prefixes and (prefix != "UMLS" or is_cui(found)):
            yield found
