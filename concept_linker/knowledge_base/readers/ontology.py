"""What OBO and obographs JSON have in common: terms, and which of their xrefs say "equal"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from concept_linker.knowledge_base.readers.checks import clean_id, prefix_of
from concept_linker.knowledge_base.readers.collecting import Collector, Concept
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import NameKind, is_cui

__all__ = ["EQUIVALENT", "OntologyOptions", "Term", "add_terms", "synonym_kind"]

#: The end of a qualifier by which MONDO and those like it say that an xref means the same.
EQUIVALENT = ":equivalentTo"
#: OMO's ids for "abbreviation" and "acronym", and the words themselves.
_ABBREVIATION = re.compile(r"abbrev|acronym|OMO[_:]0003000|OMO[_:]0003012", re.IGNORECASE)


class OntologyOptions(SourceOptions):
    """What to take of an ontology.

    Args:
        prefixes: take only terms whose id has one of these prefixes; ``None`` takes those that
            the ontology imports, too.
        same_as_prefixes: the vocabularies (``UMLS`` for CUIs) to take equivalences to.
        alternative_ids: take a term's former ids as equivalent: its ``alt_id`` and the obsolete
            terms that it replaces.
    """

    prefixes: tuple[str, ...] | None = None
    same_as_prefixes: tuple[str, ...] = ("UMLS", "MESH")
    alternative_ids: bool = True


@dataclass(slots=True)
class Term:
    """One class.

    Args:
        concept: its id, names, types and definition; ``same_as`` is filled last.
        line: where it begins.
        xrefs: (id, whether it is qualified as equivalent).
        exact: the ids of its ``skos:exactMatch``.
        alternatives: its former ids.
    """

    concept: Concept
    line: int | None
    xrefs: list[tuple[str, bool]] = field(default_factory=list)
    exact: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)


def synonym_kind(*, exact: bool, synonym_type: str) -> NameKind:
    """A synonym's kind by its scope and type; an abbreviation counts as one only where exact."""
    if not exact:
        return NameKind.RELATED
    return NameKind.ABBREVIATION if _ABBREVIATION.search(synonym_type) else NameKind.SYNONYM


def add_terms(
    collector: Collector,
    terms: list[Term],
    replaced_by: Mapping[str, Sequence[tuple[str, int]]],
    options: OntologyOptions,
) -> None:
    """Add terms, whose ids the collector has, with the equivalences that they assert.

    Where any xref of the file is qualified as equivalent, the unqualified ones are no more than
    pointers and are left out; a file without qualifiers means each as an equivalence.

    Args:
        collector: takes them.
        terms: the living ones.
        replaced_by: of obsolete ones what replaces them, with its place.
        options: what to take.
    """
    former = _former_ids(terms, replaced_by) if options.alternative_ids else {}
    stated = any(equal for term in terms for _, equal in term.xrefs)
    own = None if options.prefixes is None else {prefix.upper() for prefix in options.prefixes}
    wanted = {prefix_of(clean_id(f"{prefix}:0")) for prefix in options.same_as_prefixes}
    for term in terms:
        concept = term.concept
        if own is not None and prefix_of(concept.id) not in own:
            continue
        equal = [xref for xref, equal in term.xrefs if equal or not stated]
        concept.same_as.extend(_wanted([*term.exact, *equal], wanted))
        concept.same_as.extend(former.get(concept.id, ()))
        concept.same_as = [other for other in concept.same_as if other != concept.id]
        collector.add_rows(concept, concept.id.partition(":")[0])


def _former_ids(
    terms: list[Term], replaced_by: Mapping[str, Sequence[tuple[str, int]]]
) -> dict[str, list[str]]:
    """The ids that lead to each living term.

    An id leads to one term at most, or it would make two terms one: an obsolete one to the last
    of those that replace it, if each has one replacement; a living one to itself alone.
    """
    living = {term.concept.id for term in terms}
    leads: dict[str, str] = {}
    for old in replaced_by:
        here, seen = old, {old}
        while here not in living and len(after := dict(replaced_by.get(here, ()))) == 1:
            here = next(iter(after))
            if here in seen:
                break
            seen.add(here)
        if old not in living and here != old:
            leads[old] = here
    for term in terms:
        for old in term.alternatives:
            if old not in living:
                leads.setdefault(old, term.concept.id)
    former: dict[str, list[str]] = {}
    for old, new in leads.items():
        former.setdefault(new, []).append(old)
    return former


def _wanted(others: Iterable[str], prefixes: set[str]) -> Iterator[str]:
    for other in others:
        found = clean_id(other)
        prefix = prefix_of(found)
        # "UMLS:CN000001" and the like are MedGen's, no CUIs.
        if prefix in prefixes and (prefix != "UMLS" or is_cui(found)):
            yield found
